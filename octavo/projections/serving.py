"""Search by whichever engine serves it at the moment.

Pages belong to the engine that gave the first one, since another one ranks otherwise: they go on there as long as it is
kept, after a switch too. The place where a page ended tells which engine that is.

When the engine that serves does not answer, one that is kept answers, which is as up to date. One that did not answer
is asked last for a few seconds, so that not every search waits for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast
from uuid import UUID
from zlib import crc32

import msgspec

from octavo.errors import InvalidFilter, OctavoError, StorageFault, Unavailable
from octavo.projections.roster import Place, Roster
from octavo.roles.search import Found, Matching, Query, SearchEngine
from octavo.roles.search import Place as After
from octavo.roles.state import Cursor

log = logging.getLogger("octavo.engines")

AWAY_SECONDS = 5.0
_BAND_BITS = 8
Answer = TypeVar("Answer")


class ServingSearch:
    """What a search asks, of the engine that serves; see `octavo.roles.search.Searched`."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._away_until: dict[str, float] = {}

    async def position(self) -> Cursor:
        """Where the engine stands that answers."""
        _, cursor = await self._answered(lambda engine: engine.position())
        return cursor

    async def search(self, query: Query) -> Found:
        """One page of matches, from the engine that gave the page before; the first one from whichever answers.

        Raises:
            InvalidFilter: that engine is not there any more. Unavailable, StorageFault: no engine answers.
        """
        if query.after is not None:
            place = self._of(query.after)
            query = msgspec.structs.replace(query, after=_unmarked(query.after))
            return _marked(await cast("SearchEngine", place.engine).search(query), mark_of(place.url))
        place, found = await self._answered(lambda engine: engine.search(query))
        degraded = place is not self._roster.place("search")
        return _marked(msgspec.structs.replace(found, degraded=degraded), mark_of(place.url))

    async def _answered(self, ask: Callable[[SearchEngine], Awaitable[Answer]]) -> tuple[Place, Answer]:
        """What the engine that serves answers or, when it does not, one that is kept; and which one that was."""
        fault: OctavoError | None = None
        for place in self._in_order():
            try:
                answer = await ask(cast("SearchEngine", place.engine))
            except (Unavailable, StorageFault) as error:
                self._away_until[place.url] = time.monotonic() + AWAY_SECONDS
                log.warning("%s does not answer: %s", place.url, error)
                fault = fault or error
            else:
                return place, answer
        assert fault is not None
        raise fault

    def _in_order(self) -> Sequence[Place]:
        """The engine that serves, then those that are kept; behind them those that did not answer just now."""
        now = time.monotonic()
        return sorted(
            self._roster.in_use("search"), key=lambda place: self._away_until.get(place.url, 0.0) > now
        )

    def _of(self, after: After) -> Place:
        """The engine that a page ended in."""
        for place in self._roster.in_use("search"):
            if mark_of(place.url) == after.band >> _BAND_BITS:
                return place
        raise InvalidFilter(
            "the cursor is of an engine that does not serve any more",
            remedy="begin with the first page again",
        )

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches."""
        _, found = await self._answered(lambda engine: engine.matching(query, most))
        return found

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words with these beginnings."""
        _, found = await self._answered(lambda engine: engine.vocabulary(organization, beginnings))
        return found


def mark_of(url: str) -> int:
    """What tells an engine's places from those of others."""
    return crc32(url.encode())


def _marked(found: Found, mark: int) -> Found:
    """With the mark on the last place, where the next page begins."""
    if not found.matches:
        return found
    last = found.matches[-1]
    place = msgspec.structs.replace(last.place, band=mark << _BAND_BITS | last.place.band)
    matches = [*found.matches[:-1], msgspec.structs.replace(last, place=place)]
    return msgspec.structs.replace(found, matches=matches)


def _unmarked(after: After) -> After:
    return msgspec.structs.replace(after, band=after.band & (1 << _BAND_BITS) - 1)
