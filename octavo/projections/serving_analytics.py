"""Analytics by whichever engine serves it at the moment, or by one that is kept when that one does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from octavo.projections.answering import Answering
from octavo.projections.roster import Place, Roster
from octavo.roles.analytics import AnalyticsEngine, Counted, Fact, Query
from octavo.roles.analytics import Place as After
from octavo.roles.state import Cursor

ROLE = "analytics"


class ServingAnalytics:
    """What analytics asks, of the engine that serves; see `octavo.roles.analytics.Asked`.

    A place where a page of facts ended is the same in every engine: the next one may answer for it.
    """

    def __init__(self, roster: Roster) -> None:
        self._answering = Answering(roster, ROLE)

    async def position(self) -> Cursor:
        """Where the engine stands that answers."""
        return (await self._answering.answered(lambda place: _engine(place).position())).answer

    async def count(self, query: Query) -> Counted:
        """The parts of an answer."""
        return (await self._answering.answered(lambda place: _engine(place).count(query))).answer

    async def facts(self, query: Query, limit: int, after: After | None) -> Sequence[Fact]:
        """Facts, newest first, behind a place."""
        found = await self._answering.answered(lambda place: _engine(place).facts(query, limit, after))
        return found.answer


def _engine(place: Place) -> AnalyticsEngine:
    return cast("AnalyticsEngine", place.engine)
