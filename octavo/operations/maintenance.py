"""What has to be removed and made now and then.

Every task is bounded, can be stopped at any point and gone on with, and can be asked what it would do; none
gets in the way of writers.

    expiry       documents whose moment has come are deleted, softly
    events       of an organization's own streams that are older than it wants them kept
    gate         an open transaction that has held readers of the log back for a minute is told
    queries      that were kept for as long as their actor allowed
    answers      of calls with an idempotency key, older than a week
    figures      of runs that ended are added up; workers do so every few seconds
    batches      that have been over for as long as the settings want them kept lose their runs, and keep their sums
    bodies       that no version refers to: a purge was killed before it collected them
    blobs        that no content refers to and that have been there for a day: a purge or an ingest left them
    partitions   of the log, for the months to come
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.operations.ended_runs import add_up_figures, drop_old_batches
from octavo.operations.expiry import sweep_expired
from octavo.operations.progress import Progress, silent
from octavo.operations.retention import drop_old_events
from octavo.operations.task import Bounds, Done, Task
from octavo.postgres.health import gate_holders
from octavo.postgres.pool import Pool, Row, Transaction
from octavo.postgres.statements import load
from octavo.roles.blobs import Blob, Blobs
from octavo.store import collector, idempotency, queries
from octavo.store.scope import Committed, Limits, Scope, unheard
from octavo.values.actor import Origin

_sql = load("octavo.operations", "maintenance.sql")
log = logging.getLogger("octavo.maintenance")

ANSWERS_KEPT = timedelta(days=7)
BLOBS_KEPT = timedelta(days=1)
MONTHS_AHEAD = 2
HELD_SECONDS = 60.0
LIMIT = 1_000_000
_CHUNK = 500
_BLOB_CHUNK = 100


async def maintain(
    tasks: Sequence[Task], *, dry_run: bool = False, progress: Progress = silent
) -> list[Done]:
    """Every task once, up to a million rows or files each.

    Args:
        dry_run: change nothing, tell what would be.
        progress: told the rows and files of each task.
    """
    bounds = Bounds(limit=LIMIT, dry_run=dry_run, progress=progress)
    return [await task.run(bounds) for task in tasks]


def tasks(
    system: Pool, blobs: Blobs | None, committed: Committed = unheard, *, batch_days: int = 0
) -> tuple[Task, ...]:
    """Every task, with how often it is done in the background.

    Args:
        system: connections of a member of octavo_system.
        blobs: the blob store; None leaves the blobs alone.
        committed: told when documents were deleted, to wake the readers of the log.
        batch_days: for which runs of batches that are over are kept; 0: for good.
    """
    done = (
        Task("partitions", 3_600.0, lambda to: keep_partitions(system, dry_run=to.dry_run)),
        Task("expiry", 20.0, lambda to: sweep_expired(system, to, committed)),
        Task("events", 3_600.0, lambda to: drop_old_events(system, to)),
        Task("queries", 3_600.0, lambda to: forget_queries(system, to)),
        Task(
            "answers",
            3_600.0,
            lambda to: forget_answers(system, limit=to.limit, dry_run=to.dry_run, progress=to.progress),
        ),
        Task("figures", 60.0, lambda to: add_up_figures(system, to)),
        Task("batches", 3_600.0, lambda to: drop_old_batches(system, to, days=batch_days)),
        Task(
            "bodies",
            86_400.0,
            lambda to: sweep_bodies(
                system, after=to.after, limit=to.limit, dry_run=to.dry_run, progress=to.progress
            ),
        ),
        Task("gate", 60.0, lambda to: watch_gate(system, dry_run=to.dry_run)),
    )
    if blobs is None:
        return done
    return (*done, Task("blobs", 86_400.0, partial(_sweep_blobs, system, blobs)))


async def watch_gate(
    system: Pool, *, older_than_seconds: float = HELD_SECONDS, dry_run: bool = False
) -> Done:
    """Tell of open transactions that hold readers of the log back for longer than so many seconds."""
    holders = await gate_holders(system, older_than_seconds)
    if holders:
        log.warning("readers of the log are held back by %s", "; ".join(map(str, holders)))
    return Done(
        task="gate",
        dry_run=dry_run,
        examined=len(holders),
        changed=0,
        waits=str(holders[0]) if holders else None,
    )


async def keep_partitions(system: Pool, *, months_ahead: int = MONTHS_AHEAD, dry_run: bool = False) -> Done:
    """Make the log's partitions for this month and the next ones; raises `Conflict` when the log is locked."""
    statement = _sql.missing_partitions if dry_run else _sql.keep_event_partitions
    made = await system.fetch(statement, months_ahead)
    return Done(task="partitions", dry_run=dry_run, examined=months_ahead + 1, changed=len(made))


async def forget_queries(system: Pool, to: Bounds) -> Done:
    """Forget what was looked for and kept for as long as its actor allowed."""
    if to.dry_run:
        found = await queries.count_due(system, to.limit)
        return Done(task="queries", dry_run=True, examined=found, changed=found)
    gone = 0
    while gone < to.limit:
        size = min(_CHUNK, to.limit - gone)
        removed = await queries.forget_due(system, size)
        gone += removed
        to.progress(gone, gone)
        if removed < size:
            break
    return Done(task="queries", dry_run=False, examined=gone, changed=gone)


async def forget_answers(
    system: Pool,
    *,
    older_than: timedelta = ANSWERS_KEPT,
    limit: int = LIMIT,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Drop answers that are kept for repetitions of a call; a repetition after that is a new call.

    Args:
        limit: rows at most; the rest is left to the next run.
    """
    before = datetime.now(UTC) - older_than
    if dry_run:
        row = await system.fetchrow(_sql.count_answers, before, limit)
        assert row is not None
        return Done(task="answers", dry_run=True, examined=row["found"], changed=row["found"])
    gone = 0
    while gone < limit:
        removed = await idempotency.forget(system, before, min(_CHUNK, limit - gone))
        gone += removed
        progress(gone, gone)
        if removed < _CHUNK:
            break
    return Done(task="answers", dry_run=False, examined=gone, changed=gone)


async def sweep_bodies(
    system: Pool,
    *,
    after: str | None = None,
    limit: int = LIMIT,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Remove bodies that no version refers to, beside writers: see `octavo.store.collector`.

    Args:
        after: where an earlier sweep stopped.
        limit: bodies looked at.
    """
    total = await _estimate(system)
    organization, hash = _body_key(after)
    examined = removed = 0
    while examined < limit:
        size = min(_CHUNK, limit - examined)
        rows = await system.fetch(_sql.page_of_bodies, organization, hash, size)
        examined += len(rows)
        removed += await _collect(system, [row for row in rows if not row["used"]], dry_run)
        progress(examined, max(total, examined))
        if len(rows) < size:
            return Done(task="bodies", dry_run=dry_run, examined=examined, changed=removed)
        organization, hash = rows[-1]["organization_id"], rows[-1]["hash"]
    place = f"{organization}/{hash.hex()}"
    return Done(task="bodies", dry_run=dry_run, examined=examined, changed=removed, after=place)


async def sweep_blobs(
    system: Pool,
    blobs: Blobs,
    *,
    older_than: timedelta = BLOBS_KEPT,
    after: str = "",
    limit: int = LIMIT,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Done:
    """Remove original files that no content refers to; waits while a backup is made.

    An ingest puts a file before it commits the row that refers to it, so a young file is left alone, and one
    that is put again meanwhile is too.

    Args:
        older_than: age of a file from which on it is removed; longer than any transaction of an ingest.
        after: where an earlier sweep stopped.
        limit: files looked at.
    """
    before = datetime.now(UTC) - older_than
    examined = removed = 0
    async for chunk in _chunks(blobs, after):
        async with system.transaction() as transaction:
            owned = await transaction.fetchrow(_sql.try_to_own_blobs)
            assert owned is not None
            if not owned["owned"]:
                return Done(
                    task="blobs", dry_run=dry_run, examined=examined, changed=removed, after=after,
                    waits="a backup is being made",
                )  # fmt: skip
            unused = [blob for blob in await _unused(transaction, chunk) if blob.put_at < before]
            removed += len(unused) if dry_run else await _delete(blobs, unused, before)
        examined, after = examined + len(chunk), chunk[-1].key
        progress(examined, examined)
        if examined >= limit:
            return Done(task="blobs", dry_run=dry_run, examined=examined, changed=removed, after=after)
    return Done(task="blobs", dry_run=dry_run, examined=examined, changed=removed)


async def _sweep_blobs(system: Pool, blobs: Blobs, to: Bounds) -> Done:
    return await sweep_blobs(
        system, blobs, after=to.after or "", limit=to.limit, dry_run=to.dry_run, progress=to.progress
    )


async def _estimate(system: Pool) -> int:
    row = await system.fetchrow(_sql.estimate_bodies)
    return int(row["rows"]) if row is not None else 0


def _body_key(after: str | None) -> tuple[UUID, bytes]:
    if after is None:
        return UUID(int=0), b""
    try:
        organization, _, digits = after.partition("/")
        return UUID(organization), bytes.fromhex(digits)
    except ValueError as error:
        raise InvalidInput(
            f"{after!r} is no place where a sweep stopped", remedy="use the `after` of its result"
        ) from error


async def _collect(system: Pool, rows: Sequence[Row], dry_run: bool) -> int:
    if dry_run:
        return len(rows)
    return sum(
        [
            await collector.collect(_scope(system, organization), [row["hash"] for row in group])
            for organization, group in groupby(rows, key=lambda row: row["organization_id"])
        ]
    )


def _scope(system: Pool, organization: UUID) -> Scope:
    return Scope(
        runner=system,
        organization=organization,
        namespace="default",
        origin=Origin(),
        limits=Limits(),
        committed=unheard,
    )


async def _chunks(blobs: Blobs, after: str) -> AsyncIterator[list[Blob]]:
    chunk: list[Blob] = []
    async for blob in blobs.listing(after=after):
        chunk.append(blob)
        if len(chunk) == _BLOB_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _unused(transaction: Transaction, chunk: Sequence[Blob]) -> list[Blob]:
    organizations = [UUID(blob.key.partition("/")[0]) for blob in chunk]
    digests = [blob.sha256 for blob in chunk]
    rows = await transaction.fetch(_sql.blobs_in_use, organizations, digests)
    used = {row["blob"] for row in rows}
    return [blob for blob in chunk if blob.key not in used]


async def _delete(blobs: Blobs, unused: Sequence[Blob], before: datetime) -> int:
    return sum([await blobs.delete(blob.key, unless_put_since=before) for blob in unused])
