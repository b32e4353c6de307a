"""The search projection: the engine of the search role holds the current text of every live document.

A state projection: an event says which document changed, and its current head is what the engine gets. So a
batch may be applied twice, and a document that changed again meanwhile is simply newer than its event. An empty
engine is filled by a scan of all heads, whose start is a place in the log, and follows the log from there.

One load is prepared while the one before it is applied: the server indexes while this process reads and splits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

import msgspec

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool, Row
from octavo.projections import heads
from octavo.projections.searchable import searchable
from octavo.roles.search import NO_DOCUMENT, Change, Cursor, Parked, Removed, SearchEngine
from octavo.values.event import Event
from octavo.values.position import Position

log = logging.getLogger("octavo.projections")

EVENTS_AT_ONCE = 1_000


class Load(msgspec.Struct, frozen=True):
    """What the engine takes at once, and the cursors around it."""

    changes: Sequence[Change]
    before: Cursor
    after: Cursor


class SearchProjection:
    """Brings what the log tells to the search engine, one load a step.

    Args:
        system: reads the heads of all organizations.
        feed: the log of all organizations.
        engine: takes the loads, and knows where it stands.
    """

    name = "search"

    def __init__(self, system: Pool, feed: Feed, engine: SearchEngine) -> None:
        self._system = system
        self._feed = feed
        self._engine = engine
        self._cursor: Cursor | None = None
        self._loads: AsyncGenerator[Load, None] | None = None
        self._ahead: asyncio.Task[Load | None] | None = None

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
                return False
            self._ahead = asyncio.create_task(self._prepared())
            parked = await self._engine.apply(load.changes, load.before, load.after)
            self._cursor = load.after
        except BaseException:
            self._start_over()
            raise
        for one in parked:
            log.warning("document %s of %s cannot be searched: %s", one.id, one.organization, one.message)
        return True

    async def rebuild(self) -> None:
        """Empty the engine; the next steps fill it again."""
        self._start_over()
        await self._engine.reset()

    async def close(self) -> None:
        """Forget what was prepared; the next step begins anew."""
        ahead = self._ahead
        self._start_over()
        if ahead is not None:
            await asyncio.wait({ahead})

    async def _next(self) -> Load | None:
        if self._loads is None:
            self._loads = self._all_loads(self._cursor or await self._engine.position())
        ahead, self._ahead = self._ahead, None
        return await (ahead or self._prepared())

    async def _prepared(self) -> Load | None:
        assert self._loads is not None
        return await anext(self._loads, None)

    def _start_over(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
        self._ahead = self._loads = self._cursor = None

    async def _all_loads(self, cursor: Cursor) -> AsyncGenerator[Load, None]:
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
    ) -> AsyncGenerator[Load, None]:
        """The heads of documents in one load or, if they are large, in several; the last moves the cursor."""
        while True:
            found = await heads.read(self._system, keys) if keys else heads.Heads(())
            keys = found.left
            changes = await asyncio.to_thread(_changes, found.rows)
            yield Load(changes, cursor, cursor if keys else Cursor(cursor.generation, position))
            if not keys:
                return

    async def _scan(self, cursor: Cursor) -> AsyncGenerator[Load, None]:
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
            yield Load(await asyncio.to_thread(_changes, rows), cursor, after)
            cursor = after
        yield Load((), cursor, Cursor(cursor.generation, cursor.position))


def _documents(events: Sequence[Event]) -> list[heads.Key]:
    """The documents that events are about, once each, in the order of the log."""
    return list({(event.organization_id, event.document_id): None for event in events if event.document_id})


def _changes(rows: Sequence[Row]) -> list[Change]:
    return [_change(row) for row in rows]


def _change(row: Row) -> Change:
    if not row["is_live"]:
        return Removed(row["organization_id"], row["id"])
    try:
        return searchable(row)
    except Exception as error:  # noqa: BLE001 - whatever one document does, the others go on
        return Parked(
            organization=row["organization_id"],
            id=row["id"],
            version=row["version"],
            code="unreadable",
            message=f"its text could not be taken out ({type(error).__name__})",
        )
