"""Asking a role: the engine that serves it or, when that one does not answer, one that is kept.

A kept engine is as up to date. One that did not answer is asked last for a few seconds, so that not every question
waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from octavo.errors import OctavoError, PositionTimeout, StorageFault, Unavailable
from octavo.projections.roster import Place, Roster

log = logging.getLogger("octavo.engines")

AWAY_SECONDS = 5.0
Answer = TypeVar("Answer")


class Answered(msgspec.Struct, Generic[Answer], frozen=True):
    """An answer, and who gave it.

    Attributes:
        instead: why the engine that serves did not answer, but one that is kept; None when it did.
    """

    answer: Answer
    place: Place
    instead: str | None


class _Away(msgspec.Struct, frozen=True):
    """Until when an engine is asked last, by the monotonic clock, and why."""

    until: float
    why: str


class Answering:
    """Asks the engines of one role."""

    def __init__(self, roster: Roster, role: str) -> None:
        self._roster = roster
        self._role = role
        self._away: dict[str, _Away] = {}

    async def answered(
        self,
        ask: Callable[[Place], Awaitable[Answer]],
        *,
        may: Callable[[Place], bool] = lambda _: True,
    ) -> Answered[Answer]:
        """What the engine that serves answers or, when it does not, one that is kept.

        Args:
            may: whether a kept engine may answer this.

        Raises:
            Unavailable, StorageFault: none answers; as the first that was asked failed.
        """
        serves = self._roster.place(self._role)
        fault: OctavoError | None = None
        for place in self._in_order(serves, may):
            try:
                answer = await ask(place)
            except (Unavailable, StorageFault) as error:
                if isinstance(error, PositionTimeout):
                    raise  # it answers, and is behind
                self._away[place.url] = _Away(time.monotonic() + AWAY_SECONDS, error.message)
                log.warning("%s does not answer: %s", place.url, error)
                fault = fault or error
            else:
                away = self._away.get(serves.url)
                why = away.why if away else ""
                return Answered(answer, place, None if place is serves else f"{serves.url}: {why}")
        assert fault is not None
        raise fault

    def _in_order(self, serves: Place, may: Callable[[Place], bool]) -> Sequence[Place]:
        """The engine that serves, then those that are kept; behind them those that did not answer just now."""
        places = [one for one in self._roster.in_use(self._role) if one is serves or may(one)]
        return sorted(places, key=self._is_away)

    def _is_away(self, place: Place) -> bool:
        away = self._away.get(place.url)
        return away is not None and away.until > time.monotonic()
