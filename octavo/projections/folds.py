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

from octavo.feed.reader import Feed
from octavo.roles.analytics import Fact, FactEngine, Parked
from octavo.roles.state import Cursor
from octavo.values.event import Event

log = logging.getLogger("octavo.projections")

EVENTS_AT_ONCE = 2_000

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
        self._feed = feed
        self._engine = engine
        self._derive = derive
        self._pause = pause_seconds
        self._at_once = at_once
        self._cursor: Cursor | None = None
        self._not_before = 0.0

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return await self._engine.position()

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

    async def close(self) -> None:
        """Forget where the engine was; the next step asks it."""
        self._cursor = None

    async def _step(self) -> bool:
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        before = self._cursor or await self._engine.position()
        batch = await self._feed.read(before.position, self._at_once)
        if not batch.events:
            self._cursor = before
            return False
        derived = await self._derive(batch.events)
        parked = [one for one in derived if isinstance(one, Parked)]
        after = msgspec.structs.replace(before, position=batch.cursor)
        await self._engine.apply([one for one in derived if isinstance(one, Fact)], parked, before, after)
        for one in parked:
            log.warning("%s leaves the event %s out: %s", self.name, one.position, one.message)
        self._cursor = after
        if batch.is_last:
            self._not_before = time.monotonic() + self._pause
        return True
