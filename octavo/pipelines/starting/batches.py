"""Batches as one organization sees them: start, look, retry, cancel, purge. Counts are counted, never kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import Conflict, IdempotencyConflict, InvalidInput, LimitExceeded, NotFound
from octavo.pipelines.queueing import runs
from octavo.pipelines.queueing.runs import Start
from octavo.pipelines.starting import filling
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store import walking
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor
from octavo.values.batch import (
    MAX_DESCRIPTION_LENGTH,
    MAX_LISTED,
    MAX_NAME_LENGTH,
    Asked,
    Batch,
    BatchCounts,
    BatchPage,
)
from octavo.values.json import encode
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.position import Position
from octavo.values.run import PRIORITY

_sql = load("octavo.pipelines.starting", "batches.sql")
_runs = load("octavo.pipelines.queueing", "runs.sql")
_queue = load("octavo.pipelines.queueing", "queue.sql")
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
# Runs that one statement cancels or retries at most, and how often a cancellation goes through a batch.
PIECE = 1_000
_PASSES = 3
_PURGED = 10_000


class BatchStart(msgspec.Struct, frozen=True, kw_only=True):
    """What is started, checked: see `Batches.start`."""

    pipeline: Reference
    asked: Asked
    documents: list[UUID]
    input: bytes
    priority: int
    name: str | None
    description: str
    key: str | None

    @classmethod
    def of(
        cls,
        pipeline: Reference,
        documents: Sequence[UUID] | None,
        question: Asked,
        *,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        name: str | None = None,
        description: str = "",
        key: str | None = None,
    ) -> BatchStart:
        """Check what a caller gave; raises `InvalidInput` and `LimitExceeded`."""
        has_question = question.type is not None or question.where is not None
        if (documents is None) != has_question:
            raise InvalidInput(
                "a batch is about documents that are listed, or about those of a question",
                remedy="give documents=[…], or type= and where=",
            )
        listed = list(dict.fromkeys(documents or ()))
        if documents is not None and not 1 <= len(listed) <= MAX_LISTED:
            raise LimitExceeded(
                f"{len(listed)} documents in a batch",
                remedy=f"list 1 to {MAX_LISTED}, or ask for them by type= and where=",
                limit=MAX_LISTED,
                actual=len(listed),
            )
        _check_text("name", name, 1, MAX_NAME_LENGTH)
        _check_text("description", description, 0, MAX_DESCRIPTION_LENGTH)
        _check_text("key", key, 1, MAX_NAME_LENGTH)
        # The rest is what each of its runs must keep to.
        run = Start.of(pipeline, [None], input=input, priority=priority)
        return cls(
            pipeline=pipeline,
            asked=question if documents is None else Asked(documents=len(listed)),
            documents=listed,
            input=run.input,
            priority=priority,
            name=name,
            description=description,
            key=key,
        )

    def lists(self, size: int) -> list[list[UUID]]:
        """The documents in pieces of what one statement starts."""
        return [self.documents[place : place + size] for place in range(0, len(self.documents), size)]

    @property
    def request(self) -> bytes:
        """Digest of what is asked, the same for the same."""
        whole = (str(self.pipeline), self.asked, self.priority, self.name, self.description)
        digest = hashlib.sha256(msgspec.json.encode(whole, order="sorted") + self.input)
        for id in self.documents:
            digest.update(id.bytes)
        return digest.digest()


class Purged(msgspec.Struct, frozen=True):
    """How many batches were looked at, how many of them have no runs any more, and how many runs were removed."""

    looked: int
    purged: int
    runs: int


async def begin(pool: Pool, scope: Scope, wanted: BatchStart) -> tuple[UUID, bool]:
    """Bring a batch into being, with its list of documents and no run yet; returns its id, and whether it is new.

    Raises:
        NotFound: no such pipeline, version, tag or document; nothing is there then.
        IdempotencyConflict: its key was used to start something else.
        InvalidFilter. LimitExceeded: there are more documents than the organization allows in a batch.
    """
    bounds = await filling.bounds(scope)
    # What PostgreSQL does not take for a filter, and what is too much, is refused before anything is there.
    number = await _counted(scope, wanted, 1 if bounds.batch is None else bounds.batch + 1)
    if bounds.batch is not None and number > bounds.batch and not await _is_known(scope, wanted):
        raise LimitExceeded(
            f"a batch of {number}{' or more' if wanted.asked.documents is None else ''} documents is more than the "
            f"{bounds.batch} that this organization allows",
            remedy="start several batches, or raise max_batch_size: `octavo org configure`",
            limit=bounds.batch,
            actual=number,
        )
    async with transaction(pool, scope) as inside:
        id = await _begun(inside, wanted)
        if id is None:
            return await _there_already(inside, wanted), False
        for place, documents in enumerate(wanted.lists(bounds.piece), start=1):
            row = await inside.runner.fetchrow(_sql.keep_list, scope.organization, id, place, documents)
            if row is not None:
                raise NotFound(f"there is no document {row['missing']}", remedy="no batch was started")
        inside.committed(runs=True)
    return id, True


async def _counted(scope: Scope, wanted: BatchStart, enough: int) -> int:
    """How many documents there are; of those of a question it is enough to know that there are so many."""
    asked = wanted.asked
    if asked.documents is not None:
        return asked.documents
    within = msgspec.structs.replace(scope, namespace=asked.namespace or scope.namespace)
    question = walking.question(within, asked.type, asked.where, datetime.now(UTC))
    documents, cursor = 0, ""
    while documents < enough:
        piece = await walking.walk(within, question, cursor)
        documents += len(piece.ids)
        if piece.cursor is None or enough == 1:
            break
        cursor = piece.cursor
    return documents


async def _is_known(scope: Scope, wanted: BatchStart) -> bool:
    return wanted.key is not None and await _known(scope, wanted.key) is not None


async def get(scope: Scope, id: UUID) -> Batch:
    """One batch, counted now. Raises `NotFound`."""
    return (await counted(scope, id))[0]


async def counted(scope: Scope, id: UUID) -> tuple[Batch, int]:
    """One batch, and how often it had been reopened when it was counted. Raises `NotFound`."""
    row = await scope.runner.fetchrow(_sql.find_batch, scope.organization, id)
    if row is None:
        raise NotFound(f"there is no batch {id}", remedy="see `octavo batch list`")
    return _batch(scope, row), row["reopened"]


async def listing(scope: Scope, *, before: UUID | None = None, limit: int = 50) -> BatchPage:
    """Batches, newest first, each counted now."""
    runs.check_page(scope, limit, "batches")
    rows = await scope.runner.fetch(_sql.list_batches, scope.organization, before or _LAST, limit + 1)
    batches = [_batch(scope, row) for row in rows[:limit]]
    return BatchPage(batches, batches[-1].id if len(rows) > limit else None)


async def is_left(scope: Scope, id: UUID) -> bool:
    """Whether a batch is being filled, or a run of it waits or is under way: cheaper than counting.

    Raises:
        NotFound.
    """
    row = await scope.runner.fetchrow(_sql.is_batch_left, scope.organization, id)
    if row is None:
        raise NotFound(f"there is no batch {id}", remedy="see `octavo batch list`")
    return bool(row["is_left"])


async def settle(scope: Scope, id: UUID) -> bool:
    """Record that nothing of a batch is left, and its sums if nothing can be retried; False when there is."""
    batch, reopened = await counted(scope, id)
    if not batch.is_over:
        return False
    counts = batch.counts
    is_final = not counts.dead
    row = await scope.runner.fetchrow(
        _sql.settle,
        scope.organization,
        id,
        reopened,
        encode(_told(batch)),
        counts.completed if is_final else None,
        counts.failed if is_final else None,
        counts.cancelled if is_final else None,
        batch.started_at,
        batch.finished_at,
    )
    if row is not None:
        scope.committed()
    return row is not None


async def retry(scope: Scope, id: UUID) -> int:
    """Queue the dead runs of a batch again, piece by piece; returns how many. Raises `NotFound`."""
    await is_left(scope, id)
    actor = scope.origin.actor
    after, retried = _FIRST, 0
    while True:
        row = await scope.runner.fetchrow(
            _queue.retry_batch, scope.organization, actor.id, actor.kind, id, after, PIECE
        )
        assert row is not None
        retried += int(row["retried"])
        if row["retried"]:
            scope.committed(runs=True)
        if row["looked"] < PIECE:
            return retried
        after = row["last"]


async def cancel(scope: Scope, id: UUID) -> Batch:
    """End a batch: no more runs are started, those that wait end now, those under way when their workers hear of it.

    Raises:
        NotFound; Conflict: it is over.
    """
    batch = await get(scope, id)
    if batch.is_over:
        raise Conflict(
            f"batch {id} is {batch.state}", remedy="only a batch that is not over can be cancelled"
        )
    await scope.runner.fetchrow(_sql.stop_batch, scope.organization, id)
    for _ in range(_PASSES):
        # What others moved meanwhile was passed over.
        if not await cancel_runs(scope, id):
            break
    return await get(scope, id)


async def cancel_runs(scope: Scope, id: UUID, *, pieces: int | None = None) -> int:
    """Go through the runs of a batch that have not ended, and end them or ask them to; returns how many were told.

    Args:
        pieces: of a thousand runs at most; None: all.
    """
    actor = scope.origin.actor
    after, told = _FIRST, 0
    for _ in count() if pieces is None else range(pieces):
        row = await scope.runner.fetchrow(
            _queue.cancel_batch, scope.organization, actor.id, actor.kind, id, after, PIECE
        )
        assert row is not None
        told += row["cancelled"]
        if row["cancelled"]:
            scope.committed()
        if row["looked"] < PIECE:
            break
        after = row["last"]
    return told


async def purge(scope: Scope, *, older_than: timedelta, limit: int, dry_run: bool = False) -> int:
    """Remove the runs of batches that have been over for so long; their sums stay. Returns how many batches.

    A batch of which a run can still be retried, and all of an organization under legal hold, are left alone.
    """
    before = datetime.now(UTC) - older_than
    rows = await scope.runner.fetch(_sql.old_batches, scope.organization, before, limit)
    if not dry_run:
        for row in rows:
            await _purge(scope, row["id"])
    return len(rows)


async def purge_some(scope: Scope, before: datetime, *, most: int, dry_run: bool = False) -> Purged:
    """`purge` of batches that are over since before a moment, the oldest first, in a piece that is bounded.

    Args:
        most: of batches, and of runs; the next call goes on with a batch of which some runs are left.
    """
    rows = await scope.runner.fetch(_sql.old_batches, scope.organization, before, most)
    if dry_run:
        return Purged(len(rows), len(rows), 0)
    runs = 0
    for place, row in enumerate(rows):
        removed, is_done = await _purge(scope, row["id"], most - runs)
        runs += removed
        if not is_done:
            return Purged(place + 1, place, runs)
    return Purged(len(rows), len(rows), runs)


async def _purge(scope: Scope, id: UUID, most: int | None = None) -> tuple[int, bool]:
    """Remove the runs of a batch, at most so many: how many that were, and whether none is left."""
    await scope.runner.execute(_sql.keep_sums, scope.organization, id)
    gone = 0
    while most is None or gone < most:
        size = _PURGED if most is None else min(_PURGED, most - gone)
        removed = int((await scope.runner.execute(_sql.purge_runs, scope.organization, id, size)).split()[-1])
        gone += removed
        if removed < size:
            await scope.runner.execute(_sql.note_purge, scope.organization, id)
            return gone, True
    return gone, False


def _told(batch: Batch) -> dict[str, Any]:
    """What the event says of a batch that is over."""
    took = batch.took_seconds
    told = {
        "state": batch.state,
        "pipeline": batch.pipeline,
        "pipelineVersion": batch.pipeline_version,
        "runs": batch.runs,
        "completed": batch.completed,
        "failed": batch.failed,
        "cancelled": batch.counts.cancelled,
        "tookMs": None if took is None else round(took * 1000),
    }
    return {name: value for name, value in told.items() if value is not None}


async def _begun(scope: Scope, wanted: BatchStart) -> UUID | None:
    """The id of the new batch; None: its key is taken."""
    reference = wanted.pipeline
    row = await scope.runner.fetchrow(
        _runs.start_batch,
        *scope.change(wanted.priority, uuid7(), wanted.input, wanted.key, wanted.request),
        *(NAMESPACE, TYPE, reference.name, reference.tag, reference.version),
        wanted.name,
        wanted.description,
        encode(msgspec.to_builtins(wanted.asked)),
    )
    if row is not None:
        id: UUID = row["id"]
        return id
    if wanted.key is None or await _known(scope, wanted.key) is None:
        raise await runs.not_found(scope, reference, [])
    return None


async def _there_already(scope: Scope, wanted: BatchStart) -> UUID:
    assert wanted.key is not None
    row = await _known(scope, wanted.key)
    if row is None or row["request"] != wanted.request:
        raise IdempotencyConflict(
            f"the key {wanted.key!r} was used to start another batch", remedy="use a new key for a new batch"
        )
    id: UUID = row["id"]
    return id


async def _known(scope: Scope, key: str) -> Row | None:
    return await scope.runner.fetchrow(_sql.batch_by_key, scope.organization, key)


def _check_text(what: str, text: str | None, least: int, most: int) -> None:
    if text is not None and (not least <= len(text) <= most or "\x00" in text):
        raise InvalidInput(f"the {what} of a batch has {least} to {most} characters, this one {len(text)}")


def _batch(scope: Scope, row: Row) -> Batch:
    counts = BatchCounts(**{name: row[name] for name in BatchCounts.__struct_fields__})
    is_over = row["filled_at"] is not None and not counts.left
    # Of the dead nobody notes a moment when they ended: then it is when it was seen that nothing is left.
    ended = row["settled_at"] if counts.dead or row["last_ended_at"] is None else row["last_ended_at"]
    return Batch(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        key=row["key"],
        pipeline=row["pipeline"],
        pipeline_id=row["pipeline_id"],
        pipeline_version=row["pipeline_version"],
        priority=row["priority"],
        asked=msgspec.json.decode(row["asked"], type=Asked),
        counts=counts,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=ended if is_over else None,
        filled_at=row["filled_at"],
        cancelled_at=row["cancelled_at"],
        purged_at=row["purged_at"],
        actor=Actor(row["actor"], row["actor_kind"]),
        session=row["session_id"],
        correlation=row["correlation_id"],
        position=Position(scope.shard, row["epoch"], row["position_xid"], row["position_id"]),
        raw_input=row["input"],
        raw_error=row["error"],
    )
