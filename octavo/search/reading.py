"""Reading an engine at or behind a position: when its answer is older than wanted, wait for it and ask again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeVar, get_args
from uuid import UUID

from octavo.errors import InvalidInput, PositionTimeout
from octavo.roles.state import Cursor
from octavo.values import position as positions
from octavo.values.position import Position

WAIT_SECONDS = 5.0
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.002, 0.05

Fallback = Literal["error", "stale"]
Moved = Callable[[float], Awaitable[None]]
# Whether the log of an organization has nothing between where an engine is and where it is wanted.
Skips = Callable[[UUID, Position, Position], Awaitable[bool]]


class Answer(Protocol):
    """What an engine gives: it says where it was read."""

    @property
    def cursor(self) -> Cursor:
        """Where the engine stood."""
        ...


class Positioned(Protocol):
    """An engine, as far as waiting for it goes."""

    async def position(self) -> Cursor:
        """Where it stands."""
        ...


AnswerT = TypeVar("AnswerT", bound=Answer)


class Reading:
    """Asks one engine, and waits for it where an answer must not be older than a position.

    Args:
        role: what the engine serves, for errors.
        engine: what is waited for.
        moved: waits until the engine may have moved, at most so many seconds.
        skips: whether an engine lacks nothing, although it is not where it is wanted: an engine moves with
            events only, so while none comes it stays behind the end of the log.
    """

    def __init__(
        self, role: str, engine: Positioned, *, moved: Moved = asyncio.sleep, skips: Skips | None = None
    ) -> None:
        self._role = role
        self._engine = engine
        self._moved = moved
        self._skips = skips

    async def find(
        self,
        ask: Callable[[], Awaitable[AnswerT]],
        organization: UUID,
        *,
        wanted: Position | None,
        deadline: float,
        fallback: Fallback,
    ) -> tuple[AnswerT, bool]:
        """An answer, and whether it is older than wanted.

        Args:
            ask: puts the question to the engine.
            wanted: where the engine must be; None for wherever it is.
            deadline: until when to wait, on the monotonic clock.
            fallback: what to do then: raise, or answer as far as the engine is.

        Raises:
            PositionTimeout: the engine is not there in time, and `fallback` is "error".
        """
        found = await ask()
        if wanted is None or _has_reached(found.cursor, wanted):
            return found, False
        if await self._wait(organization, wanted, deadline):
            return await ask(), False
        if fallback == "stale":
            return found, True
        raise PositionTimeout(
            f"{self._role} has not reached {wanted} in time; it is at {found.cursor.position}",
            remedy='wait longer (wait_seconds), allow fallback="stale", or see whether a process indexes at all',
            position=str(found.cursor.position),
        )

    async def _wait(self, organization: UUID, wanted: Position, deadline: float) -> bool:
        pause = _FIRST_LOOK_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            await self._moved(min(pause, left))
            cursor = await self._engine.position()
            if _has_reached(cursor, wanted) or await self._lacks_nothing(organization, cursor, wanted):
                return True
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        return False

    async def _lacks_nothing(self, organization: UUID, cursor: Cursor, wanted: Position) -> bool:
        if self._skips is None or cursor.scanned is not None:
            return False
        return await self._skips(organization, cursor.position, wanted)


def wanted_position(after: Position | str | None) -> Position | None:
    """The position of `after=`, as such or as text; raises `InvalidInput`."""
    return positions.parse(after) if isinstance(after, str) else after


def check_fallback(fallback: str) -> None:
    """Refuse a fallback there is none of; raises `InvalidInput`."""
    if fallback not in get_args(Fallback):
        raise InvalidInput(f"fallback = {fallback!r}", remedy='give "error" or "stale"')


def _has_reached(cursor: Cursor, wanted: Position) -> bool:
    if cursor.position.shard != wanted.shard:
        raise InvalidInput(
            f"{wanted} is a position of shard {wanted.shard}, not {cursor.position.shard}",
            remedy="use a position of the same organization",
        )
    return cursor.scanned is None and cursor.position >= wanted
