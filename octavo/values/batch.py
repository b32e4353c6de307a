"""Batches: runs that were started together, as a reader sees them. What they count is counted from their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.position import Position

BatchState = Literal["pending", "running", "completed", "partially_failed", "failed", "cancelled"]
MAX_LISTED = 1_000_000
MAX_NAME_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 2_000


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which documents a batch is about.

    Attributes:
        documents: how many were listed; None: they are those of a question.
        namespace, type, where: the question, as given to `find`.
    """

    documents: int | None = None
    namespace: str | None = None
    type: str | None = None
    where: dict[str, Any] | None = None


class BatchCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs of a batch are in each state, all of one moment."""

    queued: int = 0
    delayed: int = 0
    running: int = 0
    dead: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def left(self) -> int:
        """Those that wait or are under way."""
        return self.queued + self.delayed + self.running

    @property
    def runs(self) -> int:
        """All of them."""
        return self.left + self.dead + self.completed + self.failed + self.cancelled


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were started together.

    Attributes:
        pipeline_version: the version that all its runs use.
        counts: its runs by their states.
        started_at: when a worker first took one of its runs.
        finished_at: when the last one ended, or died; None while something is left.
        filled_at: since when all its runs are started; None: that is still under way.
        error: `code` and `message` of why filling ended before all were started.
        cancelled_at: when it was asked to end.
        purged_at: when its runs were removed; the sums stay.
        position: of its last event in the log.
        changed: False when a batch with this key was there already, and is this one.
    """

    id: UUID
    name: str | None
    description: str
    key: str | None
    pipeline: str
    pipeline_id: UUID
    pipeline_version: int
    priority: int
    asked: Asked
    counts: BatchCounts
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    filled_at: datetime | None
    cancelled_at: datetime | None
    purged_at: datetime | None
    actor: Actor
    session: str | None
    correlation: str | None
    position: Position
    changed: bool = True
    raw_input: bytes = b"{}"
    raw_error: bytes | None = None

    @property
    def input(self) -> dict[str, Any]:
        """What each of its runs is given."""
        given: dict[str, Any] = decode(self.raw_input)
        return given

    @property
    def error(self) -> dict[str, Any] | None:
        """Why filling ended early: `code` and `message`."""
        return None if self.raw_error is None else decode(self.raw_error)

    @property
    def runs(self) -> int:
        """How many runs it has so far."""
        return self.counts.runs

    @property
    def completed(self) -> int:
        """How many completed."""
        return self.counts.completed

    @property
    def failed(self) -> int:
        """How many failed: the dead, which can be retried, and those that were given up."""
        return self.counts.dead + self.counts.failed

    @property
    def is_over(self) -> bool:
        """Whether all its runs are started and none of them waits or is under way."""
        return self.filled_at is not None and not self.counts.left

    @property
    def state(self) -> BatchState:
        """What its runs make it; the first line that holds.

        pending           something is left to do, and no worker has taken a run yet
        running           something is left to do
        cancelled         it was cancelled, or nothing else than cancelled runs is in it
        completed         every run completed; also of a batch without runs
        partially_failed  some completed, and some failed or were cancelled, or not all could be started
        failed            none completed
        """
        if not self.is_over:
            return "pending" if self.started_at is None and self.runs == self.counts.left else "running"
        if self.cancelled_at is not None or 0 < self.runs == self.counts.cancelled:
            return "cancelled"
        if self.completed == self.runs and self.raw_error is None:
            return "completed"
        return "partially_failed" if self.completed else "failed"

    @property
    def took_seconds(self) -> float | None:
        """From the first start of a run to the last end; None while it is not over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """The batch as plain data."""
        moments = {
            name: None if (moment := getattr(self, name)) is None else moment.isoformat()
            for name in (
                *("created_at", "updated_at", "started_at", "finished_at"),
                *("filled_at", "cancelled_at", "purged_at"),
            )
        }
        return {
            "id": str(self.id),
            "name": self.name,
            "description": self.description,
            "key": self.key,
            "state": self.state,
            "pipeline": self.pipeline,
            "pipeline_version": self.pipeline_version,
            "priority": self.priority,
            "asked": msgspec.to_builtins(self.asked),
            "runs": self.runs,
            "completed": self.completed,
            "failed": self.failed,
            "counts": msgspec.to_builtins(self.counts),
            **moments,
            "took_seconds": self.took_seconds,
            "input": self.input,
            "error": self.error,
            "actor": str(self.actor),
            "position": str(self.position),
            "changed": self.changed,
        }


class BatchPage(msgspec.Struct, frozen=True):
    """Some batches, newest first; `before` is where the next page begins, and None when there are no more."""

    batches: list[Batch]
    before: UUID | None
