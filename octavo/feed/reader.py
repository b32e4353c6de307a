"""Reading the log in commit order.

A read stops below the gate, the oldest transaction that is still running anywhere on the server: nothing can ever
appear below it, so whoever has read up to a cursor has read everything before it, once. A writer that stays open
delays readers and loses nothing.

Promised: every committed event, in the order of positions, which is also the order of each stream. Not promised:
that the events of one transaction are neighbours, or that events of different streams stand in the order of
cause and effect.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterator
from itertools import count
from uuid import UUID

import msgspec

from octavo.errors import AccessDenied, Conflict, InvalidInput, Unavailable
from octavo.feed.wakeup import Wakeup
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.health import GateHolder, gate_holders
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.events import events_from_rows
from octavo.values.event import Event
from octavo.values.position import START, Position
from octavo.values.upcast import Upcasters

_sql = load("octavo.feed", "feed.sql")
log = logging.getLogger("octavo.feed")

BATCH = 1_000
LARGEST_BATCH = 10_000
# Events a filtered read looks at: about 10 ms of the server's time.
WINDOW = 20_000
# The pauses between two reads that found nothing: after work, and at most.
BUSY_SECONDS = 0.05
IDLE_SECONDS = 1.0
# While committed events wait above the gate, and between two reads whatever happens.
GAP_SECONDS = 0.005
LONGEST_FAULT_SECONDS = 5.0


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are read; None: all. The server filters."""

    types: tuple[str, ...] | None = None
    stream: str | None = None
    document_id: UUID | None = None

    @classmethod
    def of(
        cls, types: Collection[str] | None, stream: str | None = None, document_id: UUID | None = None
    ) -> Filter:
        """A filter of what a caller gave; raises `InvalidInput` when `types` is one text."""
        if isinstance(types, str):
            raise InvalidInput(f"types is the text {types!r}", remedy=f"give a list: types=[{types!r}]")
        return cls(types=None if types is None else tuple(types), stream=stream, document_id=document_id)

    @property
    def is_open(self) -> bool:
        """Whether every event passes."""
        return self.types is None and self.stream is None and self.document_id is None


EVERYTHING = Filter()


class Batch(msgspec.Struct, frozen=True):
    """What one read found.

    Attributes:
        events: in the order of the log.
        cursor: every event at or before it was read, or is not asked for: read on after it. After a full
            batch it is the last event's position, else the gate.
        gate: nothing can appear below it any more.
        is_held: committed events wait at or above the gate, for a transaction that is still open.
    """

    events: list[Event]
    cursor: Position
    gate: Position
    is_held: bool

    @property
    def is_last(self) -> bool:
        """Whether this was all there is for now."""
        return self.cursor == self.gate


class Gate(msgspec.Struct, frozen=True):
    """The gate and the open transactions that hold it back, the decisive one first."""

    position: Position
    holders: list[GateHolder]


class Feed:
    """The log of all organizations, or of one.

    Args:
        pool: of `octavo_system` for the log of all, of `octavo_app` for that of one organization.
        wakeup: tells when the log has grown.
        organization: the one whose events are read; None: all.
        shard: what the positions say.
        upcasters: bring events of old shapes up to date.
    """

    def __init__(
        self,
        pool: Pool,
        wakeup: Wakeup,
        organization: UUID | None = None,
        *,
        shard: int = 0,
        upcasters: Upcasters | None = None,
    ) -> None:
        self.pool = pool
        self.wakeup = wakeup
        self.organization = organization
        self.shard = shard
        self._upcasters = upcasters or Upcasters()

    async def read(
        self,
        after: Position = START,
        limit: int = BATCH,
        *,
        types: Collection[str] | None = None,
        stream: str | None = None,
        document_id: UUID | None = None,
    ) -> Batch:
        """The next events after a position; does not wait for more.

        Args:
            after: a cursor, or the position of an event or a write; by default the beginning of the log.
            limit: events at most, 1 to 10,000.
            types, stream, document_id: only these. One call looks at 20,000 events at most, so a batch may
                be short although the log goes on: `is_last` tells.

        Raises:
            InvalidInput: a position of another shard, or a limit out of range.
            Conflict: a position that this record has not reached, as after a restore.
        """
        if not 1 <= limit <= LARGEST_BATCH:
            raise InvalidInput(
                f"a batch of {limit} events cannot be read", remedy=f"ask for 1 to {LARGEST_BATCH}"
            )
        return await self.look(after, limit, Filter.of(types, stream, document_id))

    async def follow(
        self,
        after: Position = START,
        *,
        types: Collection[str] | None = None,
        stream: str | None = None,
        document_id: UUID | None = None,
    ) -> AsyncIterator[Event]:
        """Every event after a position, and then each new one as it comes.

        Outlives restarts of the server, and ends when the database is closed. To go on later, keep the position
        of the last event, or use a subscription.
        """
        follower = Follower(self, after, Filter.of(types, stream, document_id))
        while (batch := await follower.next()) is not None:
            for event in batch.events:
                yield event

    async def batches(
        self, after: Position = START, *, types: Collection[str] | None = None, size: int = BATCH
    ) -> AsyncIterator[Batch]:
        """`follow` for projections: batches with their cursor, also empty ones when the cursor moved on."""
        follower = Follower(self, after, Filter.of(types), size)
        while (batch := await follower.next()) is not None:
            yield batch

    async def position(self) -> Position:
        """The gate: what is committed from now on comes after it."""
        return (await self.look(START, 0, EVERYTHING)).gate

    async def gate(self, older_than_seconds: float = 0.0) -> Gate:
        """The gate, and who holds it back for longer than so many seconds.

        Raises:
            AccessDenied: on the log of one organization; the holders are nobody's alone.
        """
        if self.organization is not None:
            raise AccessDenied(
                "who holds the feed back is not told to one organization",
                remedy="ask the feed of all organizations, or `octavo status`",
            )
        position = await self.position()
        return Gate(position, await gate_holders(self.pool, older_than_seconds))

    async def look(self, after: Position, limit: int, filter: Filter) -> Batch:
        """`read` with a filter made before."""
        if after.shard != self.shard and after != START:
            raise InvalidInput(
                f"the position {after} is of shard {after.shard}, and this is shard {self.shard}",
                remedy="use a position this database gave",
            )
        rows = await self.pool.fetch(self._statement(filter), *self._arguments(after, limit, filter))
        batch = self._batch(rows[0], events_from_rows(rows[1:], self.shard), limit)
        if after.epoch > batch.gate.epoch:
            raise Conflict(
                f"the position {after} is of epoch {after.epoch}, and the record is in epoch {batch.gate.epoch}",
                remedy="it was restored from an older backup: rebuild or reset what reads from there",
            )
        return batch

    def _statement(self, filter: Filter) -> str:
        if self.organization is None:
            return _sql.read_all if filter.is_open else _sql.read_all_filtered
        return _sql.read_organization if filter.is_open else _sql.read_organization_filtered

    def _arguments(self, after: Position, limit: int, filter: Filter) -> Iterator[object]:
        yield from (after.epoch, after.xid, after.id, limit)
        if not filter.is_open:
            yield from (filter.types, filter.stream, filter.document_id, WINDOW)
        if self.organization is not None:
            yield self.organization

    def _batch(self, looked: Row, events: list[Event], limit: int) -> Batch:
        told = msgspec.json.decode(looked["data"], type=_Told)
        gate = Position(self.shard, told.epoch, told.xid, 0)
        horizon = Position(self.shard, looked["epoch"], looked["position_xid"], looked["id"])
        if self._upcasters:
            events = [self._upcasters.apply(event) for event in events]
        cursor = events[-1].position if events and len(events) == limit else horizon
        return Batch(events, cursor, gate, told.is_held)


class _Told(msgspec.Struct, frozen=True):
    """What the first row of a read tells: the gate, and whether committed events wait above it."""

    epoch: int
    xid: int
    is_held: bool


class Follower:
    """Reads on and on from a position: at once while there is more, else when a hint or a pause ends the wait."""

    def __init__(self, feed: Feed, after: Position, filter: Filter = EVERYTHING, size: int = BATCH) -> None:
        self.cursor = after
        self._feed = feed
        self._wakeup = feed.wakeup
        self._filter = filter
        self._size = size
        self._pause = 0.0
        self._idle = 0
        self._known = 0
        self._not_before = 0.0

    async def next(self) -> Batch | None:
        """The next batch with events in it or a cursor that moved on; None when the database is closed."""
        while True:
            before = self.cursor
            batch = await self.poll()
            if batch is None or batch.events or batch.cursor != before:
                return batch

    async def poll(self) -> Batch | None:
        """Wait for a hint, at most for a second, and read; the batch may be empty. None: closed."""
        await self._rest()
        if self._wakeup.is_closed:
            return None
        self._known = self._wakeup.count
        batch = await self._read_patiently()
        if batch is not None:
            self.cursor = batch.cursor
            self._idle = 0 if batch.events else self._idle + 1
            self._pause = pause_after(batch, self._idle)
            self._not_before = time.monotonic() + GAP_SECONDS
        return batch

    async def _rest(self) -> None:
        if self._pause:
            if await self._wakeup.wait(self._pause, since=self._known):
                self._idle = 0
            # Hints may come by the thousand: what came meanwhile is read together.
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))

    async def _read_patiently(self) -> Batch | None:
        for attempt in count(1):
            try:
                return await self._feed.look(self.cursor, self._size, self._filter)
            except Unavailable as error:
                if self._wakeup.is_closed:
                    return None
                log.warning("the log cannot be read now and will be tried again: %s", error)
                await asyncio.sleep(backoff_seconds(attempt, first=0.1, most=LONGEST_FAULT_SECONDS))
        raise AssertionError("unreachable")


def pause_after(batch: Batch, idle: int) -> float:
    """Seconds to wait for a hint after a read; `idle` counts the reads since the last event or hint, this one too."""
    if not batch.is_last:
        return 0.0
    doublings = 2.0 ** min(max(idle - 1, 0), 60)
    if batch.is_held:
        return min(GAP_SECONDS * doublings, BUSY_SECONDS)
    return min(BUSY_SECONDS * doublings, IDLE_SECONDS)
