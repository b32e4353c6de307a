"""Runs as one organization sees them: start, look, cancel, retry. Each call is one statement, on any runner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.json import encode_object
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.position import Position
from octavo.values.run import (
    MAX_INPUT_BYTES,
    MAX_RUNS,
    MOST_URGENT,
    PRIORITY,
    STATES,
    PipelineStats,
    Run,
    RunPage,
    State,
    StepDone,
)

_sql = load("octavo.pipelines", "runs.sql")
_queue = load("octavo.pipelines", "queue.sql")
_LAST = UUID(int=2**128 - 1)
_TRIES = 5
MAX_DELAY_SECONDS = 10 * 365 * 86_400.0


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is started, checked: see `start`."""

    pipeline: Reference
    documents: list[UUID | None]
    input: bytes = b"{}"
    unique_keys: list[str | None]
    priority: int = PRIORITY
    delay_seconds: float = 0.0
    batch: UUID | None = None

    @classmethod
    def of(
        cls,
        pipeline: Reference,
        documents: Sequence[UUID | None],
        *,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        delay_seconds: float = 0.0,
        unique_key: str | None = None,
    ) -> Start:
        """Check what a caller gave; raises `InvalidInput` and `LimitExceeded`."""
        if not 1 <= len(documents) <= MAX_RUNS:
            raise LimitExceeded(
                f"{len(documents)} runs in one call",
                remedy=f"start 1 to {MAX_RUNS} at once",
                limit=MAX_RUNS,
                actual=len(documents),
            )
        if isinstance(priority, bool) or not 0 <= priority <= MOST_URGENT:
            raise InvalidInput(
                f"the priority {priority} is not 0 to 9", remedy="9 is the most urgent, 5 is usual"
            )
        if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
            raise InvalidInput(
                f"a run cannot wait {delay_seconds} seconds", remedy="give 0 to ten years of seconds"
            )
        if unique_key is not None and (not 1 <= len(unique_key) <= 200 or "\x00" in unique_key):
            raise InvalidInput(f"a unique key has 1 to 200 characters, this one {len(unique_key)}")
        return cls(
            pipeline=pipeline,
            documents=list(documents),
            input=encode_object(input or {}, what="input of a run", max_bytes=MAX_INPUT_BYTES),
            unique_keys=[unique_key] * len(documents),
            priority=priority,
            delay_seconds=delay_seconds,
        )


async def start(
    scope: Scope, wanted: Start, *, worker: UUID | None = None, lease_seconds: float | None = None
) -> list[Run]:
    """Start a run for each document, all of them or none, in one statement; they commit with the scope's runner.

    Args:
        worker: begin them at once for this worker; its lease expires after `lease_seconds`.

    Raises:
        NotFound: no such pipeline, version, tag, document or organization.
    """
    ids = [uuid7() for _ in wanted.documents]
    rows = await scope.runner.fetch(
        _sql.start_runs,
        *scope.change(wanted.priority, wanted.delay_seconds, worker, lease_seconds, wanted.batch),
        *(NAMESPACE, TYPE, wanted.pipeline.name, wanted.pipeline.tag, wanted.pipeline.version),
        ids,
        wanted.documents,
        [wanted.input] * len(ids),
        wanted.unique_keys,
    )
    if rows:
        scope.committed()
    if len(rows) == len(ids):
        found = {row["id"]: run_from_row(scope, row) for row in rows}
        return [found[id] for id in ids]
    return await _there_already(scope, wanted)


async def get(scope: Scope, id: UUID) -> Run:
    """One run; of one that has not ended, with the steps that have. Raises `NotFound`."""
    row = await scope.runner.fetchrow(_sql.find_run, scope.organization, id)
    if row is None:
        raise NotFound(f"there is no run {id}")
    run = run_from_row(scope, row)
    if run.has_ended:
        return run
    steps = await scope.runner.fetch(_queue.finished_steps, scope.organization, id)
    done = [
        StepDone(name=s["name"], attempt=s["attempt"], started_at=s["started_at"], ended_at=s["ended_at"])
        for s in steps
    ]
    return msgspec.structs.replace(run, steps=tuple(sorted(done, key=lambda step: step.ended_at)))


async def listing(
    scope: Scope,
    *,
    states: Collection[State] | None = None,
    pipeline: str | None = None,
    document: UUID | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> RunPage:
    """Runs, newest first. One call looks at a bounded number of them: go on from `before` until it is None."""
    unknown = sorted(set(states or ()) - set(STATES))
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r} is no state of a run", remedy=f"the states are {', '.join(STATES)}"
        )
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"a page of {limit} runs",
            remedy=f"ask for 1 to {scope.limits.page}",
            limit=scope.limits.page,
            actual=limit,
        )
    everything = states is None and pipeline is None
    rows = await scope.runner.fetch(
        _sql.list_runs,
        scope.organization,
        before or _LAST,
        limit if everything else scope.limits.scanned,
        None if states is None else list(states),
        pipeline,
        document,
        limit,
    )
    runs = [run_from_row(scope, row) for row in rows if row["state"] is not None]
    return RunPage(runs, runs[-1].id if len(runs) == limit else rows[0]["last_looked"])


async def dead(scope: Scope, *, limit: int = 100) -> list[Run]:
    """The dead, those that died last first."""
    rows = await scope.runner.fetch(_sql.dead_runs, scope.organization, min(limit, scope.limits.page))
    return [run_from_row(scope, row) for row in rows]


async def cancel(scope: Scope, id: UUID) -> Run:
    """Cancel a run: one that waits or is dead ends at once, one that runs when its worker hears of it.

    Raises:
        NotFound; Conflict: it has ended, or is moved by others all the time.
    """
    actor = scope.origin.actor
    for _ in range(_TRIES):
        row = await scope.runner.fetchrow(_queue.cancel_run, scope.organization, actor.id, actor.kind, id)
        if row is not None:
            scope.committed()
            return await get(scope, id)
        # Between our look and our hand on its ticket it went on.
        run = await get(scope, id)
        if run.has_ended:
            raise Conflict(
                f"run {id} is {run.state}", remedy="only a run that has not ended can be cancelled"
            )
    raise Conflict(f"run {id} was moved by others all the time", remedy="try again")


async def retry(scope: Scope, id: UUID) -> Run:
    """Put a dead run into the queue again, to go on at the step that failed. Raises `NotFound` and `Conflict`."""
    actor = scope.origin.actor
    row = await scope.runner.fetchrow(_queue.retry_run, scope.organization, actor.id, actor.kind, id)
    if row is not None:
        scope.committed()
    run = await get(scope, id)
    if row is None:
        raise Conflict(f"run {id} is {run.state}", remedy="only a dead run can be retried; start another one")
    return run


async def purge_dead(scope: Scope, *, older_than: timedelta, limit: int, dry_run: bool = False) -> int:
    """End dead runs as failed, the oldest first, at most `limit`; returns how many there were."""
    before = datetime.now(UTC) - older_than
    if dry_run:
        row = await scope.runner.fetchrow(_queue.count_dead, scope.organization, before)
        assert row is not None
        return min(int(row["runs"]), limit)
    actor = scope.origin.actor
    rows = await scope.runner.fetch(
        _queue.purge_dead, scope.organization, actor.id, actor.kind, before, limit
    )
    if rows:
        scope.committed()
    return len(rows)


async def stats(
    scope: Scope, *, pipeline: str | None = None, since: datetime, until: datetime | None = None
) -> list[PipelineStats]:
    """How the runs started between two moments went, by pipeline and version."""
    rows = await scope.runner.fetch(
        _sql.stats, scope.organization, _id_at(since), _LAST if until is None else _id_at(until), pipeline
    )
    return [_stats(row) for row in rows]


def run_from_row(scope: Scope, row: Row) -> Run:
    """A run from a row with the columns of one."""
    return Run(
        id=row["id"],
        pipeline=row["pipeline"],
        pipeline_id=row["pipeline_id"],
        pipeline_version=row["pipeline_version"],
        document_id=row["document_id"],
        document_version=row["document_version"],
        priority=row["priority"],
        state=row["state"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        unique_key=row["unique_key"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        actor=Actor(row["actor"], row["actor_kind"]),
        session=row["session_id"],
        correlation=row["correlation_id"],
        batch_id=row["batch_id"],
        position=Position(scope.shard, row["epoch"], row["position_xid"], row["position_id"]),
        steps=() if row["steps"] is None else tuple(msgspec.json.decode(row["steps"], type=list[StepDone])),
        raw_input=row["input"],
        raw_output=row["output"],
        raw_error=row["error"],
    )


async def _there_already(scope: Scope, wanted: Start) -> list[Run]:
    """The run that has the unique key; or why nothing was started."""
    key = wanted.unique_keys[0]
    if key is not None:
        rows = await scope.runner.fetch(_sql.runs_by_key, scope.organization, [key])
        if rows:
            return [msgspec.structs.replace(run_from_row(scope, row), changed=False) for row in rows]
    raise await _not_found(scope, wanted)


async def _not_found(scope: Scope, wanted: Start) -> NotFound | Conflict:
    reference = wanted.pipeline
    row = await scope.runner.fetchrow(
        _sql.look_for_start,
        scope.organization,
        NAMESPACE,
        TYPE,
        reference.name,
        reference.tag,
        reference.version,
        [id for id in wanted.documents if id is not None],
    )
    assert row is not None
    if not row["has_organization"]:
        return NotFound(
            f"there is no organization {scope.organization}", remedy="create it: `octavo org create NAME`"
        )
    if not row["has_pipeline"]:
        return NotFound(f"there is no pipeline {reference.name!r}", remedy="see `octavo pipeline list`")
    if not row["has_version"]:
        what = f"tag {reference.tag!r}" if reference.version is None else f"version {reference.version}"
        return NotFound(f"the pipeline {reference.name!r} has no {what}", remedy="see `octavo pipeline show`")
    if row["missing"] is not None:
        return NotFound(f"there is no document {row['missing']}", remedy="no run was started")
    return Conflict("what is to be started changed meanwhile", remedy="try again")


def _stats(row: Row) -> PipelineStats:
    took, waited = row["took"] or (None, None), row["waited"] or (None, None)
    counts = {name: row[name] for name in PipelineStats.__struct_fields__ if name in row}
    return PipelineStats(
        **counts,
        took_p50_seconds=took[0],
        took_p95_seconds=took[1],
        waited_p50_seconds=waited[0],
        waited_p95_seconds=waited[1],
    )


def _id_at(moment: datetime) -> UUID:
    """The least id that is made at a moment: ids begin with milliseconds (UUIDv7, RFC 9562)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
