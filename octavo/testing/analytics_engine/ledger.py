"""What a test of an analytics engine says of facts: made, applied and counted in one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec

from octavo.analytics.question import measures_of, question
from octavo.analytics.series import Series, series_of
from octavo.roles.analytics import AnalyticsEngine, Fact, Parked, Query
from octavo.roles.state import Cursor
from octavo.values.position import Position

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
# What is recorded later than anything a test asks of: engines that roll up closed hours do so.
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
_numbers = count(1)


class Ledger:
    """One organization's facts in an engine."""

    def __init__(self, engine: AnalyticsEngine, organization: UUID) -> None:
        self.engine = engine
        self.organization = organization

    def fact(
        self,
        type: str = "ticket.sold",
        *,
        time: datetime = NOON,
        actor: str = "user:ann",
        session: str = "s1",
        stream: str = "ticket-7",
        recorded_at: datetime | None = None,
        document_type: str = "",
        fields: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Fact:
        """A fact at a new position; fields are numbers as text or `Decimal`, else texts."""
        given = {**(fields or {}), **more}
        numbers = {name: value for name, value in given.items() if isinstance(value, Decimal)}
        place = next(_numbers)
        return Fact(
            organization=self.organization,
            position=Position(0, 1, place + 1_000, place),
            time=time,
            recorded_at=recorded_at or time,
            type=type,
            kind=stream.partition("-")[0],
            stream=stream,
            document=uuid4() if document_type else None,
            document_type=document_type,
            actor=actor,
            session=session,
            numbers=numbers,
            texts={name: str(value) for name, value in given.items()},
        )

    async def apply(self, *facts: Fact, parked: Sequence[Parked] = ()) -> Cursor:
        """Let the engine take facts, from where it stands."""
        before = await self.engine.position()
        places = [*(fact.position for fact in facts), *(one.position for one in parked), before.position]
        after = msgspec.structs.replace(before, position=max(places))
        await self.engine.apply(facts, parked, before, after)
        return after

    async def settle(self) -> None:
        """Take a fact of long after, so that an engine that rolls up closed hours has closed all others."""
        await self.apply(self.fact("test.settled", time=LONG_AFTER, actor="system:test", session=""))

    async def series(self, *, now: datetime = LONG_AFTER, **asked: Any) -> Series:
        """What the engine counts, as `Analytics.series` gives it."""
        measures = measures_of(asked.pop("measures", None))
        by = asked.pop("by", ())
        given: Mapping[str, Any] = {
            "type": "ticket.sold", "every": None, "since": None, "until": None, "where": None, **asked,
        }  # fmt: skip
        query = question(self.organization, measures=measures, by=by, now=now, **given)
        return series_of(query, await self.engine.count(query), by, measures, stale=False)

    async def values(self, *, by: Sequence[str] = (), **asked: Any) -> dict[Any, dict[str, Any]]:
        """The values by the group, one name or several; of one group by nothing, under None."""
        series = await self.series(by=by, **asked)
        return {_only(tuple(point.group[name] for name in by)): point.values for point in series.points}

    async def listed(self, limit: int = 100, **asked: Any) -> Sequence[Fact]:
        """Facts, newest first."""
        query = question(
            self.organization, measures={}, type=None, every=None, since=None, until=None, by=(), where=None,
            now=LONG_AFTER,
        )  # fmt: skip
        after = asked.pop("after", None)
        wanted: Query = msgspec.structs.replace(query, **asked)
        return await self.engine.facts(wanted, limit, after)


def _only(group: tuple[str | None, ...]) -> Any:
    if not group:
        return None
    return group[0] if len(group) == 1 else group
