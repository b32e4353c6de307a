"""What is counted, and that rollups and facts count the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from octavo.errors import LimitExceeded
from octavo.roles.analytics import Place
from octavo.testing.analytics_engine.ledger import NOON, Ledger

_HOUR = timedelta(hours=1)
# A condition that all facts meet and that rollups cannot answer.
_OF_FACTS = {"stream": "ticket-7"}
_MONEY = {
    "n": "count",
    "sum": "sum:amount",
    "avg": "average:amount",
    "min": "min:amount",
    "max": "max:amount",
}


class Counting:
    """Counts, sums, extremes, quantiles and different ones, by time and group."""

    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_money_is_added_to_the_cent(self, ledger: Ledger, where: dict[str, str] | None) -> None:
        """S1-102: decimals for money, and the average of all is the sum by the count."""
        for cents in (Decimal("0.10"), Decimal("0.20"), Decimal("-99999999999.99")):
            await ledger.apply(ledger.fact(amount=cents))
        await ledger.settle()

        assert (await ledger.values(measures=_MONEY, where=where))[None] == {
            "n": 3,
            "sum": Decimal("-99999999999.69"),
            "avg": Decimal("-99999999999.69") / 3,
            "min": Decimal("-99999999999.99"),
            "max": Decimal("0.20"),
        }

    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_an_average_over_batches_is_that_of_all(
        self, ledger: Ledger, where: dict[str, str] | None
    ) -> None:
        """S0-207: three rows of 100, 300 and 100 ms in three batches are 500 ms in sum and not on average."""
        for number in (100, 300, 100):
            await ledger.apply(ledger.fact(ms=Decimal(number)))
        await ledger.settle()

        [values] = (
            await ledger.values(measures={"sum": "sum:ms", "avg": "average:ms"}, where=where)
        ).values()
        assert values == {"sum": 500, "avg": Decimal(500) / 3}

    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_quantiles_over_many_batches_are_within_one_percent(
        self, ledger: Ledger, where: dict[str, str] | None
    ) -> None:
        """S0-208: p95 after many batches is within tolerance of the exact p95."""
        numbers = [Decimal(n * n) / 7 for n in range(1, 101)]
        for start in range(0, 100, 20):
            batch = [
                ledger.fact(ms=number.quantize(Decimal("1e-9")), time=NOON + start * timedelta(minutes=30))
                for number in numbers[start : start + 20]
            ]
            await ledger.apply(*batch)
        await ledger.settle()
        levels = {"p50:ms": 49, "p90:ms": 89, "p95:ms": 94, "p99:ms": 98, "p100:ms": 99}

        [values] = (await ledger.values(measures={name: name for name in levels}, where=where)).values()

        for name, place in levels.items():
            assert values[name] == pytest.approx(float(numbers[place]), rel=0.0101), name

    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_zero_and_negative_numbers_have_quantiles(
        self, ledger: Ledger, where: dict[str, str] | None
    ) -> None:
        await ledger.apply(*(ledger.fact(change=Decimal(n)) for n in (-50, -2, 0, 3, 700)))
        await ledger.settle()

        measures = {name: name for name in ("p1:change", "p50:change", "p80:change", "p100:change")}
        [values] = (await ledger.values(measures=measures, where=where)).values()

        assert list(values.values()) == pytest.approx([-50, 0, 3, 700], rel=0.0101)

    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_who_comes_in_two_batches_is_counted_once(
        self, ledger: Ledger, where: dict[str, str] | None
    ) -> None:
        """S1-103: users seen in two batches are counted once, over minutes, hours and days."""
        for actor, hours in (("user:ann", 0), ("user:ann", 1), ("user:bob", 1), ("user:ann", 30)):
            await ledger.apply(
                ledger.fact(actor=actor, session=f"{actor} {hours}", time=NOON + hours * _HOUR)
            )
        await ledger.settle()

        measures = {"users": "unique:actor", "sessions": "unique:session"}
        [values] = (await ledger.values(measures=measures, where=where)).values()

        assert values == {"users": 2, "sessions": 4}

    async def test_the_minutes_of_a_live_view_count_a_user_once(self, ledger: Ledger) -> None:
        """S1-103, S1-100: two views of one occasion in a minute are 2, by one user; seen before the hour ends."""
        await ledger.apply(ledger.fact("page.viewed", occasion="gala"))
        await ledger.apply(ledger.fact("page.viewed", occasion="gala", time=NOON + timedelta(seconds=59)))

        series = await ledger.series(
            type="page.viewed", every="minute", since=NOON, until=NOON + _HOUR, by=["data.occasion"],
            measures={"views": "count", "users": "unique:actor"},
        )  # fmt: skip

        assert [(point.begins, point.group, point.values) for point in series.points] == [
            (NOON, {"data.occasion": "gala"}, {"views": 2, "users": 1})
        ]

    @pytest.mark.parametrize("settled", [True, False], ids=["closed hours", "the present hour"])
    @pytest.mark.parametrize("where", [None, _OF_FACTS], ids=["rollups", "facts"])
    async def test_steps_begin_where_the_calendar_says_in_utc(
        self, ledger: Ledger, where: dict[str, str] | None, settled: bool
    ) -> None:
        """S2-045: by day in UTC, in order of time."""
        late = datetime(2026, 3, 31, 23, 59, 59, 999_000, tzinfo=UTC)
        await ledger.apply(ledger.fact(time=late), ledger.fact(time=datetime(2026, 4, 1, tzinfo=UTC)))
        if settled:
            await ledger.settle()
        since, until = datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 6, tzinfo=UTC)

        counted = {
            every: [
                (f"{point.begins:%m-%d %H:%M}", point.values["count"])
                for point in (await ledger.series(every=every, since=since, until=until, where=where)).points
            ]
            for every in ("hour", "day", "week", "month", "year")
        }

        assert counted == {
            "hour": [("03-31 23:00", 1), ("04-01 00:00", 1)],
            "day": [("03-31 00:00", 1), ("04-01 00:00", 1)],
            "week": [("03-30 00:00", 2)],
            "month": [("03-01 00:00", 1), ("04-01 00:00", 1)],
            "year": [("01-01 00:00", 2)],
        }

    async def test_groups_stay_apart(self, ledger: Ledger) -> None:
        """S1-097, S1-101: two channels' values stay apart, and a fact without the field is a group of its own."""
        await ledger.apply(
            ledger.fact(channel="web", amount=Decimal(3)),
            ledger.fact(channel="app", amount=Decimal(4)),
            ledger.fact(channel="web", amount=Decimal(5)),
            ledger.fact(),
        )
        await ledger.settle()

        values = await ledger.values(by=["data.channel"], measures={"n": "count", "sum": "sum:amount"})

        assert values == {
            "web": {"n": 2, "sum": 8},
            "app": {"n": 1, "sum": 4},
            None: {"n": 1, "sum": None},
        }

    async def test_a_gauge_is_averaged_and_not_added(self, ledger: Ledger) -> None:
        """S1-102: an occupancy of 80 % twice does not become 160 %."""
        await ledger.apply(ledger.fact(occupancy=Decimal(80)), ledger.fact(occupancy=Decimal(80)))
        await ledger.settle()

        assert (await ledger.values(measures={"occupancy": "average:occupancy"}))[None] == {"occupancy": 80}

    async def test_what_has_no_number_is_left_out_of_an_average(self, ledger: Ledger) -> None:
        """S0-197, S0-200: a pending one has no duration, and pulls no average down."""
        await ledger.apply(ledger.fact(), ledger.fact(ms=Decimal(10)), ledger.fact(ms="pending"))
        await ledger.settle()

        assert (await ledger.values(measures={"n": "count", "ms": "average:ms"}))[None] == {"n": 3, "ms": 10}

    async def test_attributes_group_and_filter(self, ledger: Ledger) -> None:
        """S0-199: group by what was known of the document then, without a join."""
        await ledger.apply(
            ledger.fact("document.created", stream="document-1", document_type="invoice", actor="agent:a"),
            ledger.fact("document.created", stream="document-2", document_type="note", actor="user:b"),
            ledger.fact("document.deleted", stream="document-2", document_type="note", actor="user:b"),
        )
        await ledger.settle()

        asked = {"type": None, "where": {"kind": "document"}}
        assert await ledger.values(by=["type", "document_type"], **asked) == {
            ("document.created", "invoice"): {"count": 1},
            ("document.created", "note"): {"count": 1},
            ("document.deleted", "note"): {"count": 1},
        }
        assert await ledger.values(by=["actor"], **asked) == {"agent:a": {"count": 1}, "user:b": {"count": 2}}
        assert await ledger.values(type=["document.deleted", "x.y"]) == {None: {"count": 1}}

    @pytest.mark.parametrize(
        "name",
        [
            "x'; DROP TABLE analytics_fact; --",
            'a"b',
            "a\\",
            "{k:String}",
            "$1",
            "%s",
            "ü…☃",
            "a b.c{0}",
        ],
    )
    async def test_a_hostile_name_is_a_name(self, ledger: Ledger, name: str) -> None:
        """Names and values are parameters, whatever they hold."""
        await ledger.apply(ledger.fact(fields={name: name}), ledger.fact(fields={name: Decimal(7)}))
        await ledger.settle()

        assert await ledger.values(by=[f"data.{name}"], where={f"data.{name}": name}) == {name: {"count": 1}}
        [values] = (await ledger.values(measures={"sum": f"sum:{name}", "p50": f"p50:{name}"})).values()
        assert values == {"sum": 7, "p50": pytest.approx(7, rel=0.0101)}
        [values] = (await ledger.values(measures={"sum": f"sum:{name}"}, where=_OF_FACTS)).values()
        assert values == {"sum": 7}

    async def test_too_many_facts_and_too_many_points_are_refused(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await ledger.apply(*(ledger.fact(place=str(place)) for place in range(4)))
        monkeypatch.setattr("octavo.analytics.question.MOST_POINTS", 3)
        with pytest.raises(LimitExceeded, match="more than 3 points"):
            await ledger.series(by=["data.place"])
        monkeypatch.setattr("octavo.analytics.question.MOST_FACTS", 3)
        with pytest.raises(LimitExceeded, match="more than 3 facts"):
            await ledger.series(where=_OF_FACTS)

    async def test_facts_are_listed_newest_first_page_by_page(self, ledger: Ledger) -> None:
        """S1-096: the fields come back as they were."""
        facts = [
            ledger.fact(time=NOON + place % 2 * _HOUR, channel="web", amount=Decimal("12.50"))
            for place in range(5)
        ]
        await ledger.apply(*facts)
        expected = sorted(facts, key=lambda fact: (fact.time, fact.position), reverse=True)

        first = await ledger.listed(3)
        rest = await ledger.listed(3, after=Place(first[-1].time, 1, first[-1].position.id))

        assert [*first, *rest] == expected
