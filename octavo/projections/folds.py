"""A fold projection: what happened is added up, each event exactly once in effect.

Unlike a state, a sum cannot be made again of what there is now, so no event may be skipped or added twice. The log
gives a batch and the cursor behind it, the engine takes both, and a batch that is delivered again changes nothing.
So whatever is killed between the two, the next one goes on from where the engine says it stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from octavo.errors import Conflict
from octavo.feed.reader import Feed
from octavo.postgres.backoff import backoff_seconds
from octavo.projections.rate import Rate
from octavo.roles.analytics import Fact, FactEngine, Parked
from octavo.roles.state import Cursor
from octavo.values.event import Event
from octavo.values.position import START, Position

log = logging.getLogger("octavo.projections")

EVENTS_AT_ONCE = 2_000
ATTEMPTS = 50

# What an engine is told of events: a fact of each, or why there is none.
Derive = Callable[[Sequence[Event]], Awaitable[Sequence[Fact | Parked]]]


class FoldProjection:
    """Brings every event of the log to an engine, one batch a step.

    Args:
        name: tells it from others in reports and in the log.
        feed: the log of all organizations.
        engine: takes the batches, and knows where it stands.
        derive: what the engine is told of events.
        pause_seconds: between two batches that are not full, at least; for engines that want few large ones.
        at_once: events of a batch at most.
    """

    def __init__(
        self,
        name: str,
        feed: Feed,
        engine: FactEngine,
        derive: Derive,
        *,
        pause_seconds: float = 0.0,
        at_once: int = EVENTS_AT_ONCE,
    ) -> None:
        self.name = name
        self.rate = Rate()
        self._feed = feed
        self._engine = engine
        self.derive = derive
        self._pause = pause_seconds
        self._at_once = at_once
        self._cursor: Cursor | None = None
        self._not_before = 0.0

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return await self._engine.position()

    async def parked(self) -> Sequence[Parked]:
        """Events nothing could be made of, 1,000 at most."""
        return await self._engine.parked()

    async def step(self) -> bool:
        """Apply one batch; False when the engine is at the end of the log.

        Raises:
            Conflict: another process moved the engine; the next step begins where it stands now.
        """
        try:
            return await self._step()
        except BaseException:
            self._cursor = None
            raise

    async def rebuild(self) -> None:
        """Empty the engine; the next steps fill it again from the start of the log."""
        self._cursor = None
        await self._engine.reset()

    async def fold_again(self, feed: Feed, until: Position) -> int:
        """Give the engine the events of a log once more; those it holds change nothing, and its cursor stays.

        Args:
            feed: of all organizations, or of one.
            until: a position the engine has reached.

        Returns:
            How many events that were.

        Raises:
            Conflict: the engine moved on again and again.
        """
        told, after = 0, START
        while True:
            batch = await feed.read(after, self._at_once)
            events = [event for event in batch.events if event.position <= until]
            await self.deliver(await self.derive(events))
            told, after = told + len(events), batch.cursor
            if batch.is_last or len(events) < len(batch.events):
                return told

    async def deliver(self, derived: Sequence[Fact | Parked]) -> None:
        """Give the engine facts wherever in the log it stands; raises `Conflict` as `fold_again` does."""
        facts = [one for one in derived if isinstance(one, Fact)]
        parked = [one for one in derived if isinstance(one, Parked)]
        if not derived:
            return
        for attempt in range(1, ATTEMPTS + 1):
            cursor = await self._engine.position()
            try:
                await self._engine.apply(facts, parked, cursor, cursor)
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(backoff_seconds(attempt, first=0.005, most=0.5))
            else:
                return

    async def close(self) -> None:
        """Forget where the engine was; the next step asks it."""
        self._cursor = None

    async def _step(self) -> bool:
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        before = self._cursor or await self._engine.position()
        batch = await self._feed.read(before.position, self._at_once)
        if not batch.events:
            self._cursor = None  # somebody may empty the engine meanwhile, in whichever process
            return False
        derived = await self.derive(batch.events)
        parked = [one for one in derived if isinstance(one, Parked)]
        after = msgspec.structs.replace(before, position=batch.cursor)
        await self._engine.apply([one for one in derived if isinstance(one, Fact)], parked, before, after)
        for one in parked:
            log.warning("%s leaves the event %s out: %s", self.name, one.position, one.message)
        self._cursor = after
        self.rate.add(len(batch.events))
        if batch.is_last:
            self._not_before = time.monotonic() + self._pause
        return True
