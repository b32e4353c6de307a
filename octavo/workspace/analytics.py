"""What happened, counted: `db.analytics` of one organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from octavo.analytics.counting import Counting, Fallback, wanted
from octavo.analytics.measures import Measure, count, unique
from octavo.analytics.question import MOST_FACTS, conditions_of, measures_of, question, span
from octavo.analytics.series import Series
from octavo.errors import InvalidInput, InvalidSetting
from octavo.roles.analytics import Every, Fact, Place, Query
from octavo.values.position import Position
from octavo.workspace.documents import Bind

MOST_LISTED = 1_000
MOST_LIVE_MINUTES = 24 * 60


class FactPage(msgspec.Struct, frozen=True):
    """Facts, newest first, and where the next page goes on (None: it was the last)."""

    facts: list[Fact]
    before: Place | None


class Analytics:
    """Series and facts of one organization's events.

    A fact is one event of the log: its time, type, stream, kind (the stream's name up to the first hyphen),
    document and its type, actor and session. An event of a stream of your own has fields too: the scalars of its
    data by path, `amount` or `buyer.city`. What changed in a document is told without values and has none.
    """

    def __init__(self, bind: Bind, counting: Counting | None) -> None:
        self._bind = bind
        self._counting = counting

    async def series(
        self,
        *,
        type: str | Sequence[str] | None = None,
        every: Every | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        by: Sequence[str] = (),
        measures: Mapping[str, Measure | str] | None = None,
        where: Mapping[str, Any] | None = None,
        after: Position | str | None = None,
        wait_seconds: float = 5.0,
        fallback: Fallback = "error",
    ) -> Series:
        """Measures of facts by time and group: `await db.analytics.series(type="ticket.sold", every="day")`.

        Args:
            type: only facts of these types.
            every: the length of a step, minute to year, in UTC; None makes one step of all.
            since, until: from this moment on, and before that one. By default up to the end of the present
                minute, hour or day, and back 60 minutes, 24 hours, 30 days, 26 weeks, 12 months or 10 years.
            by: group by at most 4 of type, kind, document_type, stream, document, actor, session, and fields as
                `data.channel`.
            measures: by names of your choice, at most 20; see `octavo.analytics`. By default `count`.
            where: only facts whose attribute or field has a value, or one of a list, compared as text:
                `{"data.channel": ["web", "app"]}`.
            after: read your own writes: a position a write or an event has.
            wait_seconds: how long to wait for the engine to get there.
            fallback: what to do then: "error" raises `PositionTimeout`, "stale" answers as far as it is.

        Returns:
            Points by time and group. Whole hours or days grouped and filtered by type, kind and document type
            come from rollups, at a cost that does not grow with the facts; everything else from the facts, of
            which a call reads 5,000,000 at most. Both count the same. Quantiles are within 1 %.

        Raises:
            InvalidInput, LimitExceeded, PositionTimeout; InvalidSetting: analytics is `none`.
        """
        scope, counting = await self._bind(), self._open
        measured = measures_of(measures)
        query = question(
            scope.organization,
            measures=measured,
            type=type,
            every=every,
            since=since,
            until=until,
            by=by,
            where=where,
            now=datetime.now(UTC),
        )
        return await counting.series(query, by, measured, wanted(after, wait_seconds, fallback))

    async def live(
        self,
        *,
        minutes: int = 60,
        type: str | Sequence[str] | None = None,
        by: Sequence[str] = ("type",),
        where: Mapping[str, Any] | None = None,
        after: Position | str | None = None,
    ) -> Series:
        """The last minutes, by the minute: `facts`, and how many different `actors` and `sessions`.

        Args:
            minutes: 1 to 1,440.
            type, by, where, after: as for `series`.
        """
        if not 1 <= minutes <= MOST_LIVE_MINUTES:
            raise InvalidInput(f"{minutes} minutes", remedy=f"ask for 1 to {MOST_LIVE_MINUTES}")
        begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
        return await self.series(
            type=type,
            every="minute",
            since=begin,
            by=by,
            measures={"facts": count(), "actors": unique("actor"), "sessions": unique("session")},
            where=where,
            after=after,
        )

    async def facts(
        self,
        *,
        type: str | Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int = 100,
        before: Place | None = None,
        after: Position | str | None = None,
    ) -> FactPage:
        """The facts themselves, newest first.

        Args:
            type, since, until, where, after: as for `series`; by default all up to today.
            limit: facts of the page, 1 to 1,000.
            before: that of the page before, with everything else the same.

        Raises:
            InvalidInput, LimitExceeded, PositionTimeout; InvalidSetting: analytics is `none`.
        """
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidInput(
                f"a page of {limit} facts cannot be read", remedy=f"ask for 1 to {MOST_LISTED}"
            )
        scope, counting = await self._bind(), self._open
        begin, end = span(None, since, until, datetime.now(UTC))
        query = Query(
            organization=scope.organization,
            since=begin,
            until=end,
            where=conditions_of(type, where),
            most_facts=MOST_FACTS,
            most_rows=limit,
        )
        found = list(await counting.facts(query, limit, before, wanted(after, 5.0, "error")))
        return FactPage(found, _place(found[-1]) if len(found) == limit else None)

    @property
    def _open(self) -> Counting:
        if self._counting is None:
            raise InvalidSetting(
                "analytics is `none`, so no events are counted",
                remedy="set OCTAVO_ANALYTICS to postgres, or to the URL of a ClickHouse",
                setting="analytics",
            )
        return self._counting


def _place(fact: Fact) -> Place:
    return Place(fact.time, fact.position.epoch, fact.position.id)
