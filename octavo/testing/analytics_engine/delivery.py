"""Each event once in effect, whatever is delivered again, late, or by two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from octavo.errors import Conflict
from octavo.roles.analytics import Fact, Parked, Tally
from octavo.roles.state import Cursor
from octavo.testing.analytics_engine.ledger import NOON, Ledger
from octavo.values.position import START

_MEASURES = {"n": "count", "sum": "sum:amount", "p50": "p50:amount", "users": "unique:actor"}
_OF_FACTS = {"stream": "ticket-7"}


class Delivery:
    """What an engine holds, whoever delivers what how often; and where it says it stands."""

    async def test_a_log_delivered_again_from_its_start_changes_nothing(self, ledger: Ledger) -> None:
        """S0-038, S0-205: replay the whole event log, in other batches: totals do not change."""
        facts = _some(ledger)
        await ledger.apply(*facts)
        await ledger.settle()
        once = await _everything(ledger)

        for size in (5, 2):
            for start in range(0, len(facts), size):
                await ledger.apply(*facts[start : start + size])

        assert await _everything(ledger) == once
        assert len(await ledger.listed()) == len(facts) + 1

    async def test_two_that_fill_at_the_same_time_count_once(self, ledger: Ledger) -> None:
        """The one that lags is refused, or delivers what is there already."""
        facts = _some(ledger)
        before = await ledger.engine.position()

        done = await asyncio.gather(
            *(_delivered(ledger, facts[:size], before) for size in (len(facts), 4)), return_exceptions=True
        )

        assert {type(one) for one in done if isinstance(one, BaseException)} <= {Conflict}
        await ledger.apply(*facts)
        await ledger.settle()
        assert (await ledger.values(measures=_MEASURES))[None]["n"] == len(facts)
        assert (await ledger.values(measures=_MEASURES, where=_OF_FACTS))[None]["n"] == len(facts)

    async def test_a_batch_that_does_not_begin_where_the_engine_stands_is_refused(
        self, ledger: Ledger
    ) -> None:
        before = await ledger.engine.position()
        after = await ledger.apply(ledger.fact())

        with pytest.raises(Conflict):
            await ledger.engine.apply([ledger.fact()], [], before, after)

        assert await ledger.engine.position() == after
        assert (await ledger.values())[None] == {"count": 1}

    async def test_what_comes_late_is_counted_where_it_belongs(self, ledger: Ledger) -> None:
        """An hour and a day that were rolled up long ago take a fact of then."""
        await ledger.apply(ledger.fact(amount=Decimal(1)))
        await ledger.settle()
        assert (await ledger.values(measures={"sum": "sum:amount"}))[None] == {"sum": 1}

        await ledger.apply(
            ledger.fact(amount=Decimal(2), actor="user:late"),
            ledger.fact(amount=Decimal(4), time=NOON - timedelta(days=400), actor="user:late"),
        )

        asked: dict[str, Any] = {"measures": {"sum": "sum:amount", "users": "unique:actor"}}
        assert (await ledger.values(**asked))[None] == {"sum": 7, "users": 2}
        hours = await ledger.series(
            every="hour", since=NOON, until=NOON + timedelta(hours=1), measures={"sum": "sum:amount"}
        )
        assert [point.values["sum"] for point in hours.points] == [3]

    async def test_three_years_of_history_load_in_one_batch(self, ledger: Ledger) -> None:
        """S0-203: no limit of partitions refuses it."""
        days = [datetime(2023 + month // 12, month % 12 + 1, 1, 8, tzinfo=UTC) for month in range(36)]

        await ledger.apply(*(ledger.fact(time=day, recorded_at=NOON) for day in days))
        await ledger.settle()

        months = await ledger.series(every="month", since=datetime(2023, 1, 1, tzinfo=UTC))
        assert sum(point.values["count"] or 0 for point in months.points) == len(days)
        assert len(months.points) == 36
        await ledger.engine.reset()  # three years are slow to look through for the tests after it

    async def test_organizations_stay_apart(self, ledger: Ledger, other: Ledger) -> None:
        """S0-206: a report holds nothing of another organization, whatever is asked."""
        await ledger.apply(
            ledger.fact(amount=Decimal(1), owner="me"), other.fact(amount=Decimal(10), owner="you")
        )
        await ledger.settle()

        for where in (None, {"data.owner": ["me", "you"]}):
            assert (await ledger.values(measures={"sum": "sum:amount"}, where=where))[None] == {"sum": 1}
            assert (await other.values(measures={"sum": "sum:amount"}, where=where))[None] == {"sum": 10}
        assert {fact.organization for fact in await other.listed()} == {other.organization}

    async def test_tallies_tell_what_is_held_by_the_day_it_was_recorded(self, ledger: Ledger) -> None:
        facts = [ledger.fact(time=NOON - timedelta(days=30), recorded_at=NOON) for _ in range(3)]
        parked = _parked(ledger, NOON + timedelta(days=1))
        await ledger.apply(*facts, parked=[parked])

        held = await ledger.engine.tallies((await ledger.engine.position()).position)

        ids = [fact.position.id for fact in facts]
        assert {
            day: tally for (organization, day), tally in held.items() if organization == ledger.organization
        } == {
            NOON.date(): Tally(3, sum(ids), sum((id % 1_000_003) ** 2 for id in ids)),
            NOON.date() + timedelta(days=1): Tally(
                1, parked.position.id, (parked.position.id % 1_000_003) ** 2
            ),
        }

    async def test_an_event_without_a_fact_is_listed(self, ledger: Ledger, other: Ledger) -> None:
        parked = _parked(ledger, NOON)

        await ledger.apply(ledger.fact(), parked=[parked])
        await ledger.apply(parked=[parked])

        assert await ledger.engine.parked(ledger.organization) == [parked]
        assert await ledger.engine.parked(other.organization) == []
        assert parked in await ledger.engine.parked()

    async def test_an_erased_organization_is_gone_and_the_others_are_not(
        self, ledger: Ledger, other: Ledger
    ) -> None:
        await ledger.apply(*_some(ledger), *_some(other), parked=[_parked(ledger, NOON)])
        await ledger.settle()
        theirs = await _everything(other)

        await ledger.engine.erase(ledger.organization)

        assert await ledger.values() == {}
        assert await ledger.listed() == []
        assert await ledger.engine.parked(ledger.organization) == []
        held = await ledger.engine.tallies((await ledger.engine.position()).position)
        assert not [key for key in held if key[0] == ledger.organization]
        assert await _everything(other) == theirs

    async def test_of_an_erased_actor_the_numbers_stay_and_the_person_is_gone(self, ledger: Ledger) -> None:
        await ledger.apply(
            ledger.fact(actor="user:ann", session="a", amount=Decimal(5), email="ann@example.org"),
            ledger.fact(actor="user:ann", session="both", amount=Decimal(5)),
            ledger.fact(actor="user:bob", session="both", amount=Decimal(2), email="bob@example.org"),
        )
        await ledger.settle()
        asked: dict[str, Any] = {"measures": {"n": "count", "sum": "sum:amount", "users": "unique:actor"}}

        await ledger.engine.erase(ledger.organization, "user:ann")

        for where in (None, _OF_FACTS):
            assert (await ledger.values(**asked, where=where))[None] == {"n": 3, "sum": 12, "users": 2}
            sessions = await ledger.values(measures={"sessions": "unique:session"}, where=where)
            assert sessions[None] == {"sessions": 1}
        assert await ledger.values(where={"actor": "user:ann"}) == {}
        assert await ledger.values(by=["data.email"]) == {None: {"count": 2}, "bob@example.org": {"count": 1}}

    async def test_an_emptied_engine_begins_a_new_generation(self, ledger: Ledger) -> None:
        await ledger.apply(*_some(ledger))
        before = await ledger.engine.position()

        after = await ledger.engine.reset()

        assert (after.position, after.generation == before.generation) == (START, False)
        assert await ledger.engine.position() == after
        assert await ledger.values() == {}
        with pytest.raises(Conflict):
            await ledger.engine.apply([], [], before, before)


def _some(ledger: Ledger) -> list[Fact]:
    """Facts over three days, of two types and two people."""
    return [
        ledger.fact(
            "ticket.sold" if place % 3 else "ticket.reserved",
            time=NOON + place * timedelta(hours=5),
            actor=f"user:{place % 2}",
            amount=Decimal(place) / 8,
        )
        for place in range(1, 13)
        if place % 3
    ]


def _parked(ledger: Ledger, recorded_at: datetime) -> Parked:
    place = ledger.fact().position
    return Parked(
        organization=ledger.organization,
        position=place,
        recorded_at=recorded_at,
        type="ticket.sold",
        code="unreadable",
        message="no fact could be made of it",
    )


async def _delivered(ledger: Ledger, facts: Sequence[Fact], before: Cursor) -> None:
    after = msgspec.structs.replace(before, position=facts[-1].position)
    await ledger.engine.apply(facts, [], before, after)


async def _everything(ledger: Ledger) -> list[object]:
    """What is told of an organization in every way."""
    return [
        [
            await ledger.values(measures=_MEASURES, by=by, where=where, type=None)
            for where in (None, _OF_FACTS)
        ]
        for by in ((), ("type",))
    ]
