"""Runs: executions of pipelines, as a reader sees them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from octavo.values.account import NOTHING, Metrics, Progress
from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.position import Position

State = Literal["queued", "delayed", "running", "dead", "completed", "failed", "cancelled"]
STATES: tuple[State, ...] = ("queued", "delayed", "running", "dead", "completed", "failed", "cancelled")
ENDED: frozenset[State] = frozenset({"completed", "failed", "cancelled"})
MOST_URGENT = 9
PRIORITY = 5
MAX_INPUT_BYTES = 1024 * 1024
MAX_RUNS = 10_000


class StepDone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that ended.

    Attributes:
        attempt: of its run, in which it ended.
        component: its name and version.
        model: the model it used, as `name@version`.
        state: `skipped` when its condition did not hold, or nothing before it gave it a reason.
        items, items_failed: of a step that is called for `each` element of a list: how many, and how many failed.
        metrics: what it used.
    """

    name: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    component: str = ""
    model: str | None = None
    state: Literal["completed", "skipped"] = "completed"
    items: int | None = None
    items_failed: int = 0
    metrics: Metrics = NOTHING

    @property
    def took_seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """The step as plain data."""
        told = {**msgspec.structs.asdict(self), "metrics": msgspec.structs.asdict(self.metrics)}
        plain: dict[str, Any] = msgspec.to_builtins(told)
        return {**plain, "took_seconds": self.took_seconds}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a pipeline.

    Attributes:
        pipeline_version: the version of the pipeline it uses, whatever becomes of the pipeline meanwhile.
        document_version: the version of the document it reads.
        priority: 0 to 9, 9 is the most urgent.
        state: queued; delayed until its time or its next attempt; running; dead: it failed as often as it may, and
            waits for `retry` or `purge`; completed, failed and cancelled are ends.
        attempt: the attempts that were begun, of `max_attempts`.
        steps: those that ended, in the order in which they did.
        progress: of a run that is under way, how far its steps are that tell it.
        changed: False when a run with this unique key was there already, and is this one.
        batch_id: the batch it belongs to; None: it was started by itself.
        trigger: what started it when its document changed; None: somebody did.
        waits_for: how many runs it still waits for.
        concurrency: its key among the limits of the pipeline, while it has not ended.
        position: of its last event in the log.
    """

    id: UUID
    pipeline: str
    pipeline_id: UUID
    pipeline_version: int
    document_id: UUID | None
    document_version: int | None
    priority: int
    state: State
    attempt: int
    max_attempts: int
    unique_key: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    actor: Actor
    session: str | None
    correlation: str | None
    position: Position
    steps: tuple[StepDone, ...] = ()
    progress: dict[str, Progress] = {}
    changed: bool = True
    batch_id: UUID | None = None
    trigger: str | None = None
    waits_for: int = 0
    concurrency: str | None = None
    raw_input: bytes = b"{}"
    raw_output: bytes | None = None
    raw_error: bytes | None = None

    @property
    def input(self) -> dict[str, Any]:
        """What it was started with."""
        given: dict[str, Any] = decode(self.raw_input)
        return given

    @property
    def output(self) -> dict[str, dict[str, Any]] | None:
        """The outputs of its steps by their names, once it completed."""
        return None if self.raw_output is None else decode(self.raw_output)

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the last attempt failed: `code`, `message`, and `step` if one did."""
        return None if self.raw_error is None else decode(self.raw_error)

    @property
    def waited_seconds(self) -> float | None:
        """From its start until a worker first took it."""
        return None if self.started_at is None else (self.started_at - self.created_at).total_seconds()

    @property
    def took_seconds(self) -> float | None:
        """From then until its end, with the waits between attempts."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ENDED

    def as_dict(self) -> dict[str, Any]:
        """The run as plain data."""
        return {
            "id": str(self.id),
            "pipeline": self.pipeline,
            "pipeline_version": self.pipeline_version,
            "document_id": str(self.document_id) if self.document_id else None,
            "document_version": self.document_version,
            "priority": self.priority,
            "state": self.state,
            "attempt": self.attempt,
            "max_attempts": self.max_attempts,
            "unique_key": self.unique_key,
            "waits_for": self.waits_for,
            "concurrency": self.concurrency,
            "created_at": self.created_at.isoformat(),
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "waited_seconds": self.waited_seconds,
            "took_seconds": self.took_seconds,
            "input": self.input,
            "output": self.output,
            "error": self.error,
            "steps": [step.as_dict() for step in self.steps],
            "progress": {name: msgspec.structs.asdict(one) for name, one in self.progress.items()},
            "actor": str(self.actor),
            "batch_id": str(self.batch_id) if self.batch_id else None,
            "trigger": self.trigger,
            "position": str(self.position),
            "changed": self.changed,
        }


class RunPage(msgspec.Struct, frozen=True):
    """Some runs, newest first; `before` is where the next page begins, and None when there are no more."""

    runs: list[Run]
    before: UUID | None


class PipelineStats(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of one version of a pipeline went; counts and sums are exact, durations within 1 %.

    Attributes:
        pipeline, version: empty and 0 where all runs are counted together.
        tokens_in, tokens_out, cost_usd: what the steps of the runs that ended used.
        retries: attempts beyond the first.
        took_p50_seconds, took_p95_seconds: of completed runs, from the first start on; None without any.
        waited_p50_seconds, waited_p95_seconds: until a worker took them.
    """

    pipeline: str
    version: int
    runs: int
    completed: int
    failed: int
    cancelled: int
    dead: int
    queued: int
    delayed: int
    running: int
    retries: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal
    took_p50_seconds: float | None
    took_p95_seconds: float | None
    waited_p50_seconds: float | None
    waited_p95_seconds: float | None

    @property
    def success_rate(self) -> float | None:
        """Completed of those that completed or failed for good."""
        decided = self.completed + self.failed + self.dead
        return self.completed / decided if decided else None

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        return {**msgspec.structs.asdict(self), "success_rate": self.success_rate}
