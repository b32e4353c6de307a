"""Bringing one engine to a position, or waiting until another process has."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from octavo.errors import PositionTimeout, Unavailable
from octavo.projections import comparing
from octavo.projections.roster import Place, Roster
from octavo.projections.runner import Runner
from octavo.values.position import Position

_SLICE_SECONDS = 1.0
# An engine that fails for so long while somebody waits for it will not be waited for any longer.
_FAULT_SECONDS = 30.0
_FOREVER = 10 * 365 * 86_400.0


class Reaching:
    """Waits for one engine of the catalogue.

    Args:
        timeout_seconds: how long the engine may take to come to a position; None: as long as it moves.
        tell: called about every second while it is waited for, with the position that is wanted.

    Attributes:
        deadline: by the monotonic clock.
    """

    def __init__(
        self,
        roster: Roster,
        place: Place,
        timeout_seconds: float | None,
        tell: Callable[[Position], Awaitable[None]],
    ) -> None:
        self._system = roster.record.system
        self._shard = roster.record.shard
        self._place = place
        self._tell = tell
        self.deadline = time.monotonic() + (_FOREVER if timeout_seconds is None else timeout_seconds)

    async def reach(self, position: Position) -> None:
        """Bring the engine to a position, or wait until another process has.

        Raises:
            PositionTimeout: it is not there in time. Unavailable: the engine fails again and again.
        """
        faulty_since: float | None = None
        while True:
            try:
                await self._runner.drain(position, min(_SLICE_SECONDS, max(self._left, 0.0)))
                return
            except PositionTimeout:
                if self._left <= 0:
                    raise
            status = await self._runner.status()
            if status.last_error is None:
                faulty_since = None
            else:
                faulty_since = faulty_since or time.monotonic()
                if time.monotonic() - faulty_since > _FAULT_SECONDS:
                    raise Unavailable(
                        f"{self._place.url} cannot be filled: {status.last_error}",
                        remedy="mend the engine, then do this again: it goes on where it was",
                    )
            await self._tell(position)

    async def catch_up(self) -> None:
        """Fill the engine if it is empty, and bring it to the end of the log as it is now."""
        end = await comparing.last_event(self._system, self._shard)
        await self.reach(end or Position(self._shard, 0, 0, 0))

    @property
    def _left(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def _runner(self) -> Runner:
        assert self._place.runner is not None
        return self._place.runner
