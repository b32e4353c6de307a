"""A state projection: an engine holds what is derived from every live document as it is now.

An event says which document changed, and its current head is what the engine gets. So a batch may be applied
twice, and a document that changed again meanwhile is simply newer than its event. An empty engine is filled by a
scan of all heads, whose start is a place in the log, and follows the log from there.

One load is prepared while the one before it is applied: the engine works while this process reads and derives.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from octavo.errors import Conflict
from octavo.feed.reader import Feed
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool, Row
from octavo.projections import heads
from octavo.projections.rate import Rate
from octavo.roles.state import NO_DOCUMENT, Cursor, DocumentEngine, Parked
from octavo.values.event import Event
from octavo.values.position import Position

log = logging.getLogger("octavo.projections")

EVENTS_AT_ONCE = 1_000
ATTEMPTS = 50
# Between two tries of what is parked: at first, and at most.
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 60.0, 3_600.0

Change = TypeVar("Change")
# What an engine is told of documents, in the order of their rows; the rows have the columns of `heads.sql`.
Derive = Callable[[Sequence[Row]], Awaitable[Sequence[Change]]]


class Load(msgspec.Struct, Generic[Change], frozen=True):
    """What the engine takes at once, and the cursors around it."""

    changes: Sequence[Change]
    before: Cursor
    after: Cursor


class DocumentProjection(Generic[Change]):
    """Brings what the log tells to an engine, one load a step.

    Args:
        name: tells it from others in reports and in the log.
        system: reads the heads of all organizations.
        feed: the log of all organizations.
        engine: takes the loads, and knows where it stands.
        derive: what the engine is told of documents.
    """

    def __init__(
        self, name: str, system: Pool, feed: Feed, engine: DocumentEngine[Change], derive: Derive[Change]
    ) -> None:
        self.name = name
        self.rate = Rate()
        self._system = system
        self._feed = feed
        self._engine = engine
        self.derive = derive
        self._retry_pause = RETRY_SECONDS
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._cursor: Cursor | None = None
        self._loads: AsyncGenerator[Load[Change], None] | None = None
        self._ahead: asyncio.Task[Load[Change] | None] | None = None

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return await self._engine.position()

    async def step(self) -> bool:
        """Apply one load; False when the engine is at the end of the log.

        Raises:
            Conflict: another process moved the engine; the next step begins where it stands now.
        """
        try:
            load = await self._next()
            if load is None:
                self._loads = None
                await self._retry_now_and_then()
                return False
            self._ahead = asyncio.create_task(self._prepared())
            parked = await self._engine.apply(load.changes, load.before, load.after)
            self._cursor = load.after
            self.rate.add(len(load.changes))
        except BaseException:
            self._start_over()
            raise
        for one in parked:
            log.warning("%s leaves document %s out: %s", self.name, one.id, one.message)
        return True

    async def parked(self) -> Sequence[Parked]:
        """What the engine cannot take, 1,000 documents at most."""
        return await self._engine.parked()

    async def refresh(self, keys: Sequence[heads.Key]) -> Sequence[Parked]:
        """Give the engine documents as they are now, wherever in the log it stands; its cursor stays.

        Safe beside whoever follows the log: both tell the engine of current documents, and a load that was read
        before the engine moved is refused and read again.

        Returns:
            The documents parked.

        Raises:
            Conflict: the engine moved on again and again.
        """
        parked: list[Parked] = []
        while keys:
            left, more = await self._refreshed(keys)
            parked += more
            keys = left
        return parked

    async def rebuild(self) -> None:
        """Empty the engine; the next steps fill it again. What reads it meanwhile finds less."""
        self._start_over()
        await self._engine.reset()

    async def close(self) -> None:
        """Forget what was prepared; the next step begins anew."""
        ahead = self._ahead
        self._start_over()
        if ahead is not None:
            await asyncio.wait({ahead})

    async def _retry_now_and_then(self) -> None:
        """Try what is parked again, with longer and longer pauses while nothing comes of it."""
        if time.monotonic() < self._retry_at:
            return
        parked = await self._engine.parked()
        still = await self.refresh([(one.organization, one.id) for one in parked])
        in_vain = bool(still) and len(still) == len(parked)
        self._retry_pause = min(2 * self._retry_pause, LONGEST_RETRY_SECONDS) if in_vain else RETRY_SECONDS
        self._retry_at = time.monotonic() + self._retry_pause

    async def _refreshed(self, keys: Sequence[heads.Key]) -> tuple[Sequence[heads.Key], Sequence[Parked]]:
        """Apply the first documents, and tell which are left."""
        for attempt in range(1, ATTEMPTS + 1):
            cursor = await self._engine.position()
            found = await heads.read(self._system, keys)
            try:
                return found.left, await self._engine.apply(await self.derive(found.rows), cursor, cursor)
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(backoff_seconds(attempt, first=0.005, most=0.5))
        raise AssertionError

    async def _next(self) -> Load[Change] | None:
        if self._loads is None:
            self._loads = self._all_loads(self._cursor or await self._engine.position())
        ahead, self._ahead = self._ahead, None
        return await (ahead or self._prepared())

    async def _prepared(self) -> Load[Change] | None:
        assert self._loads is not None
        return await anext(self._loads, None)

    def _start_over(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
        self._ahead = self._loads = self._cursor = None

    async def _all_loads(self, cursor: Cursor) -> AsyncGenerator[Load[Change], None]:
        """Everything from a cursor to the end of the log."""
        if cursor.scanned is not None:
            async for load in self._scan(cursor):
                yield load
                cursor = load.after
        at_end = False
        while not at_end:
            batch = await self._feed.read(cursor.position, EVENTS_AT_ONCE)
            if not batch.events:
                return
            at_end = batch.is_last
            async for load in self._changed(_documents(batch.events), cursor, batch.cursor):
                yield load
                cursor = load.after

    async def _changed(
        self, keys: Sequence[heads.Key], cursor: Cursor, position: Position
    ) -> AsyncGenerator[Load[Change], None]:
        """The heads of documents in one load or, if they are large, in several; the last moves the cursor."""
        while True:
            found = await heads.read(self._system, keys) if keys else heads.Heads(())
            keys = found.left
            changes = await self.derive(found.rows)
            yield Load(changes, cursor, cursor if keys else Cursor(cursor.generation, position))
            if not keys:
                return

    async def _scan(self, cursor: Cursor) -> AsyncGenerator[Load[Change], None]:
        """All heads. What is committed after the start of the scan has an event behind the place noted there."""
        assert cursor.scanned is not None
        if cursor.position.epoch == 0:
            begun = Cursor(
                cursor.generation, await heads.gate(self._system, cursor.position.shard), NO_DOCUMENT
            )
            yield Load((), cursor, begun)
            cursor = begun
        scanned = cursor.scanned or NO_DOCUMENT
        while rows := await heads.scan(self._system, scanned):
            scanned = rows[-1]["organization_id"], rows[-1]["id"]
            after = Cursor(cursor.generation, cursor.position, scanned)
            yield Load(await self.derive(rows), cursor, after)
            cursor = after
        yield Load((), cursor, Cursor(cursor.generation, cursor.position))


def _documents(events: Sequence[Event]) -> list[heads.Key]:
    """The documents that events are about, once each, in the order of the log."""
    return list({(event.organization_id, event.document_id): None for event in events if event.document_id})
