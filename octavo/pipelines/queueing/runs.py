"""Runs as one organization sees them: start, look, cancel, retry. Each call is one statement, on any runner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from octavo.pipelines.queueing.limits import check_wait, refusal
from octavo.pipelines.queueing.queue import step_done
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.account import Progress
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
    Run,
    RunPage,
    State,
    StepDone,
)

_sql = load("octavo.pipelines.queueing", "runs.sql")
_queue = load("octavo.pipelines.queueing", "queue.sql")
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
# Dead runs that one statement looks at.
_PIECE = 1_000
_TRIES = 5
MAX_DELAY_SECONDS = 10 * 365 * 86_400.0


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is started, checked: see `start`."""

    pipeline: Reference
    documents: list[UUID | None]
    input: bytes = b"{}"
    unique_key: str | None = None
    priority: int = PRIORITY
    delay_seconds: float = 0.0
    after: list[UUID] = []
    after_any_end: bool = False
    concurrency: str | None = None

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
        after: Collection[UUID] = (),
        after_any_end: bool = False,
        concurrency: str | None = None,
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
        check_wait(len(documents), after, delay_seconds, concurrency)
        return cls(
            pipeline=pipeline,
            documents=list(documents),
            input=encode_object(input or {}, what="input of a run", max_bytes=MAX_INPUT_BYTES),
            unique_key=unique_key,
            priority=priority,
            delay_seconds=delay_seconds,
            after=sorted(set(after)),
            after_any_end=after_any_end,
            concurrency=concurrency,
        )

    @property
    def is_plain(self) -> bool:
        """Whether the runs go into the queue at once, whatever is there."""
        return self.unique_key is None and not self.delay_seconds and not self.after


async def start(
    scope: Scope, wanted: Start, *, worker: UUID | None = None, lease_seconds: float | None = None
) -> list[Run]:
    """Start a run for each document, all of them or none, in one statement; they commit with the scope's runner.

    Args:
        worker: begin them at once for this worker; its lease expires after `lease_seconds`.

    Raises:
        NotFound: no such pipeline, version, tag, document, organization, or run to wait for.
        Conflict: a run to wait for has failed. QuotaExceeded.
    """
    ids = [uuid7() for _ in wanted.documents]
    if wanted.is_plain and worker is None:
        started = await _start_plain(scope, wanted, ids)
    else:
        started = await _start_otherwise(scope, wanted, ids, worker, lease_seconds)
    if started:
        scope.committed(runs=True)
    if len(started) == len(ids):
        return started
    return await _there_already(scope, wanted)


async def _start_plain(scope: Scope, wanted: Start, ids: list[UUID]) -> list[Run]:
    reference, documents = wanted.pipeline, wanted.documents
    arguments = scope.change(
        *(wanted.priority, wanted.input, wanted.concurrency, ids, len(ids), NAMESPACE, TYPE, reference.name)
    )
    if reference.tag is not None or reference.version is not None:
        asked = (reference.tag, reference.version, documents)
        row = await scope.runner.fetchrow(_sql.start_asked, *arguments, *asked)
    elif documents.count(None) < len(documents):
        row = await scope.runner.fetchrow(_sql.start_newest_about, *arguments, documents)
    else:
        row = await scope.runner.fetchrow(_sql.start_newest, *arguments)
    return [] if row is None else _queued(scope, wanted, ids, row)


async def _start_otherwise(
    scope: Scope, wanted: Start, ids: list[UUID], worker: UUID | None, lease_seconds: float | None
) -> list[Run]:
    reference = wanted.pipeline
    arguments = (
        *scope.change(wanted.priority, wanted.delay_seconds, worker, lease_seconds, wanted.concurrency),
        *(NAMESPACE, TYPE, reference.name, reference.tag, reference.version),
        *(ids, wanted.documents, wanted.input, wanted.unique_key),
    )
    if wanted.after:
        rows = await scope.runner.fetch(_sql.start_after, *arguments, wanted.after, wanted.after_any_end)
    else:
        rows = await scope.runner.fetch(_sql.start_runs, *arguments)
    found = {row["id"]: run_from_row(scope, row) for row in rows}
    return [found[id] for id in ids if id in found]


async def get(scope: Scope, id: UUID) -> Run:
    """One run; of one that has not ended, with the steps that have. Raises `NotFound`."""
    row = await scope.runner.fetchrow(_sql.find_run, scope.organization, id)
    if row is None:
        raise NotFound(f"there is no run {id}")
    run = run_from_row(scope, row)
    if run.has_ended:
        return run
    rows = await scope.runner.fetch(_queue.ended_steps, scope.organization, id)
    run = msgspec.structs.replace(run, steps=tuple(map(step_done, rows)))
    return (await with_progress(scope, [run]))[0]


async def with_progress(scope: Scope, runs: Sequence[Run]) -> list[Run]:
    """Runs, and of those that are under way how far their steps are."""
    under_way = [run.id for run in runs if run.state == "running"]
    if not under_way:
        return list(runs)
    rows = await scope.runner.fetch(_queue.progress_of, scope.organization, under_way)
    told = {row["run_id"]: msgspec.json.decode(row["progress"], type=dict[str, Progress]) for row in rows}
    return [msgspec.structs.replace(run, progress=told.get(run.id, {})) for run in runs]


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
    _check_states(states)
    check_page(scope, limit, "runs")
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
    page = _run_page(scope, rows, limit)
    return RunPage(await with_progress(scope, page.runs), page.before)


async def of_batch(
    scope: Scope,
    batch: UUID,
    *,
    states: Collection[State] | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> RunPage:
    """Runs of a batch as `listing` gives runs."""
    _check_states(states)
    check_page(scope, limit, "runs")
    rows = await scope.runner.fetch(
        _sql.list_batch_runs,
        scope.organization,
        before or _LAST,
        limit if states is None else scope.limits.scanned,
        None if states is None else list(states),
        batch,
        limit,
    )
    return _run_page(scope, rows, limit)


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
        scope.committed(runs=True)
    run = await get(scope, id)
    if row is None:
        raise Conflict(f"run {id} is {run.state}", remedy="only a dead run can be retried; start another one")
    return run


async def retry_many(
    scope: Scope,
    *,
    pipeline: str | None = None,
    code: str | None = None,
    older_than: timedelta | None = None,
    limit: int,
) -> int:
    """Queue dead runs again, those that died first first, in bounded pieces; returns how many."""
    actor = scope.origin.actor
    before = None if older_than is None else datetime.now(UTC) - older_than
    died_at, last, retried = datetime.min.replace(tzinfo=UTC), _FIRST, 0
    while retried < limit:
        size = min(_PIECE, limit - retried)
        row = await scope.runner.fetchrow(
            _queue.retry_dead,
            scope.organization,
            actor.id,
            actor.kind,
            died_at,
            last,
            before,
            pipeline,
            code,
            size,
        )
        assert row is not None
        retried += row["retried"]
        if row["retried"]:
            scope.committed(runs=True)
        if row["looked"] < size:
            break
        died_at, last = row["died_at"], row["run_id"]
    return retried


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
        waits_for=row["waits_for"],
        concurrency=row["concurrency"],
        trigger=row["trigger"],
        position=Position(scope.shard, row["epoch"], row["position_xid"], row["position_id"]),
        steps=() if row["steps"] is None else tuple(msgspec.json.decode(row["steps"], type=list[StepDone])),
        raw_input=row["input"],
        raw_output=row["output"],
        raw_error=row["error"],
    )


def _queued(scope: Scope, wanted: Start, ids: Sequence[UUID], row: Row) -> list[Run]:
    """The runs of a plain start, of which the server tells only what it decided."""
    origin, shard, epoch, xid = scope.origin, scope.shard, row["epoch"], row["xid"]
    pipeline_id, pipeline_version = row["pipeline_id"], row["pipeline_version"]
    max_attempts, moment = row["max_attempts"], row["moment"]
    return [
        Run(
            id=id,
            pipeline=wanted.pipeline.name,
            pipeline_id=pipeline_id,
            pipeline_version=pipeline_version,
            document_id=document,
            document_version=version,
            priority=wanted.priority,
            state="queued",
            attempt=0,
            max_attempts=max_attempts,
            unique_key=None,
            created_at=moment,
            started_at=None,
            ended_at=None,
            actor=origin.actor,
            session=origin.session,
            correlation=origin.correlation,
            concurrency=wanted.concurrency,
            position=Position(shard, epoch, xid, number),
            raw_input=wanted.input,
        )
        for id, document, version, number in zip(
            ids, wanted.documents, row["document_versions"], row["positions"], strict=False
        )
    ]


def check_page(scope: Scope, limit: int, what: str) -> None:
    """Raise `LimitExceeded` for a page that is too long, or holds nothing."""
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"a page of {limit} {what}",
            remedy=f"ask for 1 to {scope.limits.page}",
            limit=scope.limits.page,
            actual=limit,
        )


def _check_states(states: Collection[State] | None) -> None:
    unknown = sorted(set(states or ()) - set(STATES))
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r} is no state of a run", remedy=f"the states are {', '.join(STATES)}"
        )


def _run_page(scope: Scope, rows: Sequence[Row], limit: int) -> RunPage:
    runs = [run_from_row(scope, row) for row in rows if row["state"] is not None]
    return RunPage(runs, runs[-1].id if len(runs) == limit else rows[0]["last_looked"])


async def _there_already(scope: Scope, wanted: Start) -> list[Run]:
    """The run that has the unique key; or why nothing was started."""
    if wanted.unique_key is not None:
        rows = await scope.runner.fetch(_sql.runs_by_key, scope.organization, [wanted.unique_key])
        if rows:
            return [msgspec.structs.replace(run_from_row(scope, row), changed=False) for row in rows]
    refused = await refusal(scope, wanted.after, any_end=wanted.after_any_end, runs=len(wanted.documents))
    raise refused or await not_found(scope, wanted.pipeline, wanted.documents)


async def not_found(
    scope: Scope, reference: Reference, documents: Sequence[UUID | None]
) -> NotFound | Conflict:
    """Why nothing was started: the organization, the pipeline, its version or a document is not there."""
    row = await scope.runner.fetchrow(
        _sql.look_for_start,
        scope.organization,
        NAMESPACE,
        TYPE,
        reference.name,
        reference.tag,
        reference.version,
        [id for id in documents if id is not None],
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
    if row["is_inactive"]:
        return Conflict(
            f"the pipeline {str(reference)!r} is not active",
            remedy="put it with is_active true, and start the run again",
        )
    return Conflict("what is to be started changed meanwhile", remedy="try again")
