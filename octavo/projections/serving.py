"""Search by whichever engine serves it at the moment.

Pages belong to the engine that gave the first one, since another one ranks otherwise: they go on there as long as it is
kept, after a switch too. The place where a page ended tells which engine that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID
from zlib import crc32

import msgspec

from octavo.errors import InvalidFilter
from octavo.projections.answering import Answering
from octavo.projections.roster import Place, Roster
from octavo.roles.search import Found, Matching, Query, SearchEngine
from octavo.roles.search import Place as After
from octavo.roles.state import Cursor

ROLE = "search"
_BAND_BITS = 8


class ServingSearch:
    """What a search asks, of the engine that serves; see `octavo.roles.search.Searched`."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._answering = Answering(roster, ROLE)

    async def position(self) -> Cursor:
        """Where the engine stands that answers."""
        return (await self._answering.answered(lambda place: _engine(place).position())).answer

    async def search(self, query: Query) -> Found:
        """One page of matches, from the engine that gave the page before; the first one from whichever answers.

        Raises:
            InvalidFilter: that engine is not there any more. Unavailable, StorageFault: no engine answers.
        """
        if query.after is not None:
            place = self._of(query.after)
            query = msgspec.structs.replace(query, after=_unmarked(query.after))
            return _marked(await _engine(place).search(query), mark_of(place.url))
        found = await self._answering.answered(lambda place: _engine(place).search(query))
        told = msgspec.structs.replace(found.answer, degraded=found.instead is not None)
        return _marked(told, mark_of(found.place.url))

    def _of(self, after: After) -> Place:
        """The engine that a page ended in."""
        for place in self._roster.in_use(ROLE):
            if mark_of(place.url) == after.band >> _BAND_BITS:
                return place
        raise InvalidFilter(
            "the cursor is of an engine that does not serve any more",
            remedy="begin with the first page again",
        )

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches."""
        return (await self._answering.answered(lambda place: _engine(place).matching(query, most))).answer

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words with these beginnings."""
        found = await self._answering.answered(
            lambda place: _engine(place).vocabulary(organization, beginnings)
        )
        return found.answer


def _engine(place: Place) -> SearchEngine:
    return cast("SearchEngine", place.engine)


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
