"""The analytics of a database: from an event to a series, whoever stops in between."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import octavo
from octavo.analytics import average, count, quantile, sum_of, unique
from octavo.engines.analytics.postgres import PostgresAnalytics
from octavo.errors import InvalidInput, InvalidSetting, LimitExceeded, PositionTimeout, Unavailable
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.server import Server
from octavo.projections.analytics import document_types, fact_or_parked
from octavo.projections.folds import FoldProjection
from octavo.roles.analytics import Fact, Parked
from octavo.values.event import Event
from octavo.workspace import Workspace
from tests.databases import administrator, migrated_database, url_of


@pytest.fixture(scope="module")
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        yield name


@pytest.fixture(scope="module")
async def db(server: Server, database: str) -> AsyncIterator[octavo.Octavo]:
    """A database whose events are counted when a test says so."""
    async with _opened(server, database) as opened:
        yield opened


@pytest.fixture
async def shop(db: octavo.Octavo) -> Workspace:
    """An organization of the test's own."""
    name = f"shop-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    return db.organization(name)


def _opened(server: Server, database: str, **settings: Any) -> octavo.Octavo:
    urls = {
        "record": url_of(server, "octavo_app", database),
        "record_system": url_of(server, "octavo_system", database),
    }
    return octavo.open(background=False, **{**urls, **settings})


async def _sell(shop: Workspace, *tickets: dict[str, Any]) -> Event:
    given = [{"type": "ticket.sold", "data": data} for data in tickets]
    return (await shop.events.append_many(f"ticket-{uuid.uuid4().hex}", given))[-1]


async def _counted(db: octavo.Octavo, event: Event) -> None:
    await db.projections["analytics"].drain(event.position)


async def _steps(projection: FoldProjection) -> None:
    while await projection.step():
        pass


async def test_tickets_are_sold_and_the_revenue_by_channel_is_right(db: octavo.Octavo, shop: Workspace):
    """S1-096, S0-032: the whole way, in one call."""
    last = await _sell(
        shop,
        {"amount": Decimal("19.90"), "channel": "web", "ms": 120},
        {"amount": Decimal("19.90"), "channel": "web", "ms": 80},
        {"amount": Decimal("5.05"), "channel": "door", "ms": 900},
    )
    await _counted(db, last)

    series = await shop.analytics.series(
        type="ticket.sold",
        every="hour",
        by=["data.channel"],
        measures={
            "n": count(),
            "revenue": sum_of("amount"),
            "average": average("amount"),
            "slowest": quantile("ms", 1),
            "sellers": unique("actor"),
        },
        after=last.position,
    )

    hour = last.recorded_at.replace(minute=0, second=0, microsecond=0)
    door, web = series.points
    assert (web.begins, web.group) == (hour, {"data.channel": "web"})
    assert web.values == {
        "n": 2,
        "revenue": Decimal("39.80"),
        "average": Decimal("19.90"),
        "slowest": pytest.approx(120, rel=0.01),
        "sellers": 1,
    }
    assert door.values["revenue"] == Decimal("5.05")
    assert series.position >= last.position


async def test_what_happened_to_documents_is_counted_by_their_type(db: octavo.Octavo, shop: Workspace):
    """S0-199: the type of the document needs no join."""
    invoice = await shop.documents.put("invoice", {"total": 5})
    await shop.documents.put("note", {"text": "secret"})
    last = await shop.documents.patch(invoice.id, {"total": 6})
    await db.projections["analytics"].drain(last.position)

    series = await shop.analytics.series(every="day", by=["document_type", "type"])

    assert series.source == "rollups"
    assert [(*point.group.values(), point.values["count"]) for point in series.points] == [
        ("invoice", "document.created", 1),
        ("invoice", "document.updated", 1),
        ("note", "document.created", 1),
    ]
    assert {fact.texts == {} for fact in (await shop.analytics.facts()).facts} == {True}


async def test_facts_are_listed_page_by_page(db: octavo.Octavo, shop: Workspace):
    await _counted(db, await _sell(shop, *({"place": place} for place in range(5))))

    first = await shop.analytics.facts(type="ticket.sold", limit=3)
    second = await shop.analytics.facts(type="ticket.sold", limit=3, before=first.before)

    places = [fact.texts["place"] for fact in (*first.facts, *second.facts)]
    assert sorted(places) == ["0", "1", "2", "3", "4"]
    assert second.before is None


async def test_the_live_view_shows_the_last_minutes(db: octavo.Octavo, shop: Workspace):
    """S1-103: by the minute, and who was there once."""
    old = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    await _counted(db, await _sell(shop.acting("user:bob", session="s"), {}, {}, {"occurred_at": old}))

    recent = await shop.analytics.live(minutes=10)
    longer = await shop.analytics.live(minutes=60)

    assert sum(point.values["facts"] for point in recent.points) == 2  # type: ignore[misc]
    assert sum(point.values["facts"] for point in longer.points) == 3  # type: ignore[misc]
    assert {(point.values["actors"], point.values["sessions"]) for point in longer.points} == {(1, 1)}


async def test_deployments_are_counted_by_day_and_outcome(db: octavo.Octavo, shop: Workspace):
    """S2-045: with known counts, in UTC."""
    days = {1: ["success", "failure"], 2: ["success"], 3: ["success", "success", "failure"]}
    happened = [
        {"status": status, "occurred_at": f"2024-01-0{day}T23:59:59Z"}
        for day, statuses in days.items()
        for status in statuses
    ]
    await _counted(db, await _sell(shop, *happened))

    points = (
        await shop.analytics.series(
            every="day",
            since=datetime(2024, 1, 1, tzinfo=UTC),
            until=datetime(2024, 2, 1, tzinfo=UTC),
            by=["data.status"],
        )
    ).points

    told = [
        (point.begins and point.begins.day, point.group["data.status"], point.values["count"])
        for point in points
    ]
    assert told == [
        (1, "failure", 1),
        (1, "success", 1),
        (2, "success", 1),
        (3, "failure", 1),
        (3, "success", 2),
    ]


async def test_a_put_and_an_append_send_no_statement_more(db: octavo.Octavo, shop: Workspace):
    """S1-019, S0-038: the log feeds analytics; a writer does not wait for it."""
    await shop.documents.put("note", {"n": 0})
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)
    try:
        await shop.documents.put("note", {"n": 1})
        await shop.events.append("ticket-1", "ticket.sold", {"n": 1})
    finally:
        stop()

    assert len([statement for statement in sent if "pg_notify" not in statement]) == 2


async def test_a_reader_of_its_own_writes_waits_for_them_or_is_told(db: octavo.Octavo, shop: Workspace):
    event = await _sell(shop, {"n": 1})

    with pytest.raises(PositionTimeout, match="analytics has not reached"):
        await shop.analytics.series(after=event.position, wait_seconds=0)
    stale = await shop.analytics.series(after=str(event.position), wait_seconds=0, fallback="stale")
    assert stale.stale
    assert stale.points == []

    async def count_it() -> None:
        await _counted(db, event)

    counting = asyncio.create_task(count_it())
    found = await shop.analytics.series(type="ticket.sold", after=event.position, wait_seconds=60)
    await counting
    assert [point.values for point in found.points] == [{"count": 1}]


async def test_what_concerns_others_keeps_no_reader_waiting(db: octavo.Octavo, shop: Workspace):
    """The log ends with another organization's event that nobody counted yet: this one lacks nothing."""
    await _counted(db, await _sell(shop, {"n": 1}))
    other = f"other-{uuid.uuid4().hex}"
    await db.organizations.create(other)
    later = await _sell(db.organization(other), {"n": 1})

    found = await shop.analytics.series(type="ticket.sold", after=later.position, wait_seconds=30)

    assert [point.values for point in found.points] == [{"count": 1}]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"by": ["nothing"]}, InvalidInput),
        ({"measures": {"x": "median:y"}}, InvalidInput),
        ({"fallback": "guess"}, InvalidInput),
        ({"after": "no position"}, InvalidInput),
        ({"where": {"type": ["x"] * 101}}, LimitExceeded),
    ],
)
async def test_a_question_that_cannot_be_is_refused(
    shop: Workspace, asked: dict[str, Any], error: type[Exception]
):
    with pytest.raises(error):
        await shop.analytics.series(**asked)


@pytest.mark.parametrize("stops", ["before", "after"])
async def test_a_fold_that_dies_around_a_batch_counts_each_event_once(
    db: octavo.Octavo, shop: Workspace, stops: str
):
    """S0-205: the one that goes on delivers again what it cannot know to be there."""
    projection = _projection(db, engine := _Dying(db, stops))
    await _steps(_projection(db, PostgresAnalytics(db.record)))
    await _sell(shop, {"amount": 1}, {"amount": 2})

    with pytest.raises(Unavailable):
        await projection.step()
    engine.is_well = True
    await _steps(projection)

    points = (
        await shop.analytics.series(type="ticket.sold", measures={"n": "count", "sum": "sum:amount"})
    ).points
    assert [point.values for point in points] == [{"n": 2, "sum": 3}]


async def test_two_leaders_for_a_moment_count_each_event_once(db: octavo.Octavo, shop: Workspace):
    await _sell(shop, *({"amount": 1} for _ in range(50)))
    projections = [
        _projection(db, PostgresAnalytics(db.record), at_once=at_once) for at_once in (7, 11, 2_000)
    ]

    for _ in range(30):
        await asyncio.gather(*(projection.step() for projection in projections), return_exceptions=True)
    await _steps(projections[0])

    points = (
        await shop.analytics.series(type="ticket.sold", measures={"n": "count", "sum": "sum:amount"})
    ).points
    assert [point.values for point in points] == [{"n": 50, "sum": 50}]


async def test_an_event_no_fact_can_be_made_of_is_listed_and_the_others_go_on(
    db: octavo.Octavo, shop: Workspace
):
    await _steps(_projection(db, PostgresAnalytics(db.record)))
    poison = await shop.events.append("ticket-1", "ticket.poisoned", {})
    await _sell(shop, {"amount": 1})

    await _steps(_projection(db, PostgresAnalytics(db.record), poison="ticket.poisoned"))

    organization = poison.organization_id
    [parked] = await db.facts.parked(organization)
    assert (parked.position, parked.type, parked.code) == (poison.position, "ticket.poisoned", "unreadable")
    [point] = (await shop.analytics.series(by=["type"])).points
    assert point.group == {"type": "ticket.sold"}
    assert not [one for one in (await db.facts.verify()).differences if one.organization == organization]


async def test_sabotage_of_facts_is_found_and_a_rebuild_mends_it(
    server: Server, database: str, db: octavo.Octavo, shop: Workspace
):
    """Missing, doubled elsewhere, and of a day that never was: both directions."""
    event = await _sell(shop, *({"amount": place} for place in range(20)))
    await _counted(db, event)
    assert (await db.facts.verify()).is_equal
    told = await shop.analytics.series(every="day", measures={"n": "count", "sum": "sum:amount"})

    async with administrator(server, database) as admin:
        await admin.execute(
            "DELETE FROM octavo.analytics_fact WHERE organization_id = $1 AND fields @> '{\"amount\": 3}'",
            event.organization_id,
        )
        await admin.execute(
            "INSERT INTO octavo.analytics_fact SELECT organization_id, time, epoch, position_xid, id + 1000000,"
            " recorded_at - interval '400 days', type, kind, stream, document_id, document_type, actor, session, fields"
            " FROM octavo.analytics_fact WHERE organization_id = $1 AND fields @> '{\"amount\": 4}'",
            event.organization_id,
        )
    found = await db.facts.verify()
    assert not found.is_equal
    assert sorted(
        (one.log, one.engine) for one in found.differences if one.organization == event.organization_id
    ) == [(0, 1), (20, 19)]

    await db.facts.rebuild()
    await _steps(_projection(db, PostgresAnalytics(db.record)))

    assert (await db.facts.verify()).is_equal
    again = await shop.analytics.series(every="day", measures={"n": "count", "sum": "sum:amount"})
    assert again.points == told.points


async def test_facts_of_events_that_were_let_go_are_no_ghosts(
    server: Server, database: str, db: octavo.Octavo, shop: Workspace
):
    """What an organization keeps only for a while stays counted, and is told apart."""
    event = await shop.events.append("ops-1", "ops.noted", {"n": 1})
    await _counted(db, event)
    await shop.events.retain("ops-", days=1e-9)
    await db.maintain()

    found = await db.facts.verify()

    assert found.is_equal
    [kept] = [one for one in found.differences if one.organization == event.organization_id]
    assert (kept.kept, kept.log, kept.engine) == (True, 0, 1)
    assert (await shop.analytics.series(type="ops.noted")).points[0].values == {"count": 1}


async def test_an_erased_actor_is_in_no_answer(db: octavo.Octavo, shop: Workspace):
    event = await _sell(shop.acting("user:ann"), {"amount": 4, "email": "ann@example.org"})
    await _counted(db, event)

    await db.facts.erase(event.organization_id, "user:ann")

    [fact] = (await shop.analytics.facts(type="ticket.sold")).facts
    assert fact.actor.startswith("erased:")
    assert (fact.texts, fact.numbers) == ({"amount": "4"}, {"amount": 4})


async def test_without_analytics_nothing_is_folded_and_a_question_says_so(server: Server, database: str):
    async with _opened(server, database, analytics="none") as plain:
        assert "analytics" not in plain.projections
        with pytest.raises(InvalidSetting, match="analytics is `none`"):
            await plain.analytics.series()
        with pytest.raises(InvalidSetting):
            await plain.facts.verify()


@pytest.mark.parametrize(
    "setting", ["oracle", "clickhouse://", "clickhouse://user:secret@host/db", "clickhouse://h/a-b"]
)
async def test_a_setting_that_names_no_engine_is_refused_before_anything_starts(
    server: Server, database: str, setting: str
):
    with pytest.raises(InvalidSetting) as refused:
        await _opened(server, database, analytics=setting)

    assert "secret" not in str(refused.value)


async def test_a_server_that_is_not_there_is_told_and_writers_do_not_notice(server: Server):
    async with (
        migrated_database(server) as name,
        _opened(server, name, analytics="clickhouse://127.0.0.1:1/octavo") as opened,
    ):
        await opened.documents.put("note", {"n": 1})
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await opened.analytics.series()


async def test_the_setting_gives_the_first_engine_and_the_catalogue_says_from_then_on(
    server: Server, database: str, db: octavo.Octavo
):
    async with _opened(server, database, analytics="clickhouse://127.0.0.1:1/octavo") as opened:
        [one] = [one for one in await opened.engines.list() if one.role == "analytics"]

        assert (one.url, one.state, one.setting) == ("postgres", "live", "clickhouse://127.0.0.1:1/octavo")
        assert (await opened.analytics.series(every="day")).points is not None


class _Dying(PostgresAnalytics):
    """An engine whose process dies right before or after a batch is committed."""

    def __init__(self, db: octavo.Octavo, stops: str) -> None:
        super().__init__(db.record)
        self._stops = stops
        self.is_well = False

    async def apply(self, facts: Any, parked: Any, before: Any, after: Any) -> None:
        if self.is_well or self._stops == "after":
            await super().apply(facts, parked, before, after)
        if not self.is_well:
            raise Unavailable("killed")


def _projection(
    db: octavo.Octavo, engine: PostgresAnalytics, *, at_once: int = 2_000, poison: str = ""
) -> FoldProjection:
    system = db.record.system

    async def derive(events: Sequence[Event]) -> Sequence[Fact | Parked]:
        types = await document_types(system, events)
        broken = [_broken(event) if event.type == poison else event for event in events]
        return [fact_or_parked(event, types) for event in broken]

    return FoldProjection("analytics", Feed(system, Wakeup()), engine, derive, at_once=at_once)


def _broken(event: Event) -> Event:
    return msgspec.structs.replace(event, raw_data=b"{broken")
