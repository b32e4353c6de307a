"""Asking the engine of the analytics role, and waiting for it where a caller wants to read its own writes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeVar, get_args
from uuid import UUID

from octavo.analytics.measures import Measure
from octavo.analytics.series import Series, series_of
from octavo.errors import InvalidInput, PositionTimeout
from octavo.roles.analytics import Asked, Fact, Place, Query
from octavo.values.position import Position, parse

Fallback = Literal["error", "stale"]
Moved = Callable[[float], Awaitable[None]]
# Whether an organization has no events between two positions: an engine moves with events only.
Skips = Callable[[UUID, Position, Position], Awaitable[bool]]
Answer = TypeVar("Answer")

_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.01, 0.2


class Wanted:
    """Until when a caller waits for what; made by `wanted`."""

    def __init__(self, position: Position | None, wait_seconds: float, fallback: Fallback) -> None:
        self.position = position
        self.deadline = time.monotonic() + wait_seconds
        self.fallback = fallback


def wanted(after: Position | str | None, wait_seconds: float, fallback: Fallback) -> Wanted:
    """What a caller said of freshness, checked; raises `InvalidInput`."""
    if fallback not in get_args(Fallback):
        raise InvalidInput(f"fallback = {fallback!r}", remedy='give "error" or "stale"')
    return Wanted(parse(after) if isinstance(after, str) else after, wait_seconds, fallback)


class Counting:
    """Series and facts of one engine.

    Args:
        engine: answers.
        moved: waits until the engine may have moved, at most so many seconds.
        skips: whether an engine lacks nothing, although it is not where it is wanted.
    """

    def __init__(self, engine: Asked, *, moved: Moved, skips: Skips | None = None) -> None:
        self._engine = engine
        self._moved = moved
        self._skips = skips

    async def series(
        self, query: Query, by: Sequence[str], measures: Mapping[str, Measure], freshness: Wanted
    ) -> Series:
        """The points of a query."""
        stale = not await self._reached(query.organization, freshness)
        return series_of(query, await self._engine.count(query), by, measures, stale=stale)

    async def facts(
        self, query: Query, limit: int, before: Place | None, freshness: Wanted
    ) -> Sequence[Fact]:
        """A page of facts, newest first."""
        await self._reached(query.organization, freshness)
        return await self._engine.facts(query, limit, before)

    async def _reached(self, organization: UUID, freshness: Wanted) -> bool:
        """Wait for the engine; False when it may answer as far as it is."""
        position = freshness.position
        if position is None:
            return True
        pause = _FIRST_LOOK_SECONDS
        while not await self._is_at(organization, position):
            left = freshness.deadline - time.monotonic()
            if left <= 0:
                return _late(position, freshness.fallback)
            await self._moved(min(pause, left))
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        return True

    async def _is_at(self, organization: UUID, position: Position) -> bool:
        reached = (await self._engine.position()).position
        if position.shard != reached.shard:
            raise InvalidInput(
                f"{position} is a position of shard {position.shard}, not {reached.shard}",
                remedy="use a position this database gave",
            )
        return reached >= position or (
            self._skips is not None and await self._skips(organization, reached, position)
        )


def _late(position: Position, fallback: Fallback) -> bool:
    if fallback == "stale":
        return False
    raise PositionTimeout(
        f"analytics has not reached {position} in time",
        remedy='wait longer (wait_seconds), allow fallback="stale", or see whether a process folds at all',
        position=str(position),
    )
