"""Analytics moves from the record to ClickHouse and back, while events are written and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

import octavo
from octavo.errors import Conflict, InvalidInput, Unavailable
from octavo.postgres.server import Server
from octavo.workspace import Workspace
from tests.clickhouse import clickhouse
from tests.databases import administrator
from tests.engines_open import PATIENCE_SECONDS, again, name_of, opened

MEASURES = {"n": "count", "sum": "sum:amount", "p50": "p50:amount", "users": "unique:actor"}
_places = count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """A running ClickHouse, for the module."""
    with clickhouse() as url:
        yield url


@pytest.fixture
def url(running: str) -> str:
    """A database of it for the test alone."""
    return f"{running.rpartition('/')[0]}/test_{next(_places)}"


@pytest.fixture
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    """A database whose events are counted in the record."""
    async with opened(server, background=True) as one:
        yield one


async def _sell(view: Workspace, *amounts: int, stream: str = "ticket-1") -> octavo.Position:
    data = [{"type": "ticket.sold", "data": {"amount": Decimal(f"{one}.25")}} for one in amounts]
    return (await view.events.append_many(stream, data))[-1].position


async def _counted(view: Workspace, after: octavo.Position, **asked: Any) -> dict[str, Any]:
    series = await view.analytics.series(
        type="ticket.sold", measures=MEASURES, after=after, wait_seconds=PATIENCE_SECONDS, **asked
    )
    return series.points[0].values if series.points else {}


async def _states(db: octavo.Octavo) -> dict[str, str]:
    return {one.url: one.state for one in await db.engines.list() if one.role == "analytics"}


async def test_no_answer_fails_or_is_wrong_while_analytics_moves_to_clickhouse_and_back(
    server: Server, db: octavo.Octavo, url: str
) -> None:
    """Each sale is counted, once, by the process that made it and by another one, whichever engine serves."""
    await db.events.append("note-1", "note.made", {})
    async with again(server, name_of(db), system=False) as other:
        theirs = other.organization(str((await db.organizations.get("default")).id))
        stop, wrong = asyncio.Event(), []
        answers = 0

        async def trade() -> None:
            nonlocal answers
            sold = 0
            while not stop.is_set():
                sold += 1
                position = await _sell(db, sold)
                for view in (db, theirs):
                    answers += 1
                    values = await _counted(view, position)
                    total = Decimal(sold * (sold + 1)) / 2 + sold * Decimal("0.25")
                    if (values["n"], values["sum"]) != (sold, total):
                        wrong.append((sold, values))

        work = asyncio.create_task(trade())
        there = await db.engines.promote("analytics", url)
        in_clickhouse = answers
        back = await db.engines.demote("analytics")
        stop.set()
        await work

    assert wrong == []
    assert in_clickhouse > 0
    assert (there.verification.is_equal, back.verification.is_equal) == (True, True)
    assert (there.before, there.url, back.url) == ("postgres", url, "postgres")
    assert await _states(db) == {"postgres": "live", url: "kept"}


async def test_both_engines_count_the_same_and_the_kept_one_follows(db: octavo.Octavo, url: str) -> None:
    last = await _sell(db, *range(50))
    before = await _counted(db, last)

    await db.engines.promote("analytics", url)
    there = await _counted(db, last)
    last = await _sell(db, 7)
    kept = await db.engines.verify("analytics", "postgres")

    assert there == before
    assert (await _counted(db, last))["n"] == 51
    assert kept.is_equal
    assert kept.total.documents == (await db.engines.verify("analytics")).total.documents


async def test_when_clickhouse_dies_the_kept_engine_answers(server: Server) -> None:
    async with opened(server, background=True) as db:
        await _sell(db, 1, 2)
        with clickhouse() as dying:
            await db.engines.promote("analytics", dying)
            await db.engines.verify("analytics")
        last = await _sell(db, 3)

        assert (await _counted(db, last))["n"] == 3

        await db.engines.promote("analytics", "postgres", accept_parked=True)
        await db.engines.retire("analytics", dying, forget=True)
        assert await _states(db) == {"postgres": "live"}


async def test_a_dead_engine_is_not_promoted_to_and_nothing_changes(db: octavo.Octavo) -> None:
    with pytest.raises(Unavailable):
        await db.engines.promote("analytics", "clickhouse://127.0.0.1:1/octavo")

    assert await _states(db) == {"postgres": "live"}


async def test_facts_of_events_that_were_let_go_move_along(db: octavo.Octavo, url: str) -> None:
    """What only the engine remembers is not lost by moving."""
    earlier = datetime.now(UTC) - timedelta(days=3)
    event = await db.events.append("ops-1", "ticket.sold", {"amount": 5, "occurred_at": earlier.isoformat()})
    last = await _sell(db, 1)
    before = await _counted(db, last)
    await db.events.retain("ops-", days=1e-9)
    await db.maintain()
    assert event.position not in [one.position for one in await db.events.stream("ops-1")]

    await db.engines.promote("analytics", url)

    assert await _counted(db, last) == before
    assert before["n"] == 2


async def test_sabotage_of_either_engine_is_found_and_repaired(
    server: Server, db: octavo.Octavo, url: str
) -> None:
    """Facts that are missing, facts of nobody, and rollups that do not add up."""
    last = await _sell(db, *range(40))
    await db.organizations.create("other")
    await _sell(db.organization("other"), 1, 2, 3)
    told = await _counted(db, last)
    organization = str((await db.organizations.get("default")).id)
    await db.drain()

    async with administrator(server, name_of(db)) as admin:
        for spoil in (
            "DELETE FROM octavo.analytics_fact WHERE fields @> '{\"amount\": 3.25}'",
            "INSERT INTO octavo.analytics_fact SELECT organization_id, time, epoch, position_xid, id + 1000000,"
            " recorded_at - interval '400 days', type, kind, stream, document_id, document_type, actor, session,"
            " fields FROM octavo.analytics_fact WHERE fields @> '{\"amount\": 4.25}'",
            "UPDATE octavo.analytics_total SET total = total + 1 WHERE field = 'amount' AND grain = 'hour'",
        ):
            await admin.execute(spoil)
            found = await db.engines.verify("analytics")
            assert not found.is_equal, spoil
            assert organization in {str(one) for one in found.organizations}

    repaired = await db.engines.repair("analytics")

    assert repaired.verification.is_equal
    assert await _counted(db, last) == told
    assert (await db.engines.promote("analytics", url)).verification.is_equal


async def test_rebuilding_counts_the_log_again(db: octavo.Octavo, url: str) -> None:
    last = await _sell(db, *range(10))
    told = await _counted(db, last)

    for engine in ("postgres", url):
        if engine == url:
            await db.engines.promote("analytics", url)
        rebuilt = await db.engines.rebuild("analytics")

        assert rebuilt.verification.is_equal
        assert await _counted(db, last) == told


async def test_an_engine_that_is_retired_leaves_nothing_and_can_come_again(
    db: octavo.Octavo, url: str
) -> None:
    last = await _sell(db, 1, 2)
    await db.engines.promote("analytics", url)
    await db.engines.retire("analytics", "postgres")
    assert (await db.record.system.fetch("SELECT count(*) AS n FROM octavo.analytics_fact"))[0]["n"] == 0

    await db.engines.promote("analytics", "postgres")
    await db.engines.retire("analytics", url)

    assert await _states(db) == {"postgres": "live"}
    assert (await _counted(db, last))["n"] == 2


async def test_one_place_is_one_engine_however_it_is_spelt(db: octavo.Octavo, url: str) -> None:
    await db.engines.promote("analytics", url)

    with pytest.raises(InvalidInput, match="same place"):
        await db.engines.promote("analytics", url.replace("clickhouse://", "clickhouses://"))


async def test_erasing_an_actor_reaches_every_engine(db: octavo.Octavo, url: str) -> None:
    last = await _sell(db.acting("user:ann"), 4)
    await db.engines.promote("analytics", url)
    await _counted(db, last)
    organization = (await db.organizations.get("default")).id
    await db.drain()

    await db.facts.erase(organization, "user:ann")

    for _ in range(2):
        [fact] = (await db.analytics.facts(type="ticket.sold")).facts
        assert fact.actor.startswith("erased:")
        await db.engines.demote("analytics")


async def test_an_engine_that_adds_up_otherwise_than_the_one_that_serves_is_not_switched_to(
    server: Server, db: octavo.Octavo, url: str
) -> None:
    last = await _sell(db, 1, 2)
    await _counted(db, last)
    async with administrator(server, name_of(db)) as admin:
        await admin.execute(
            "UPDATE octavo.analytics_fact SET fields = fields || '{\"amount\": 9}' WHERE type = 'ticket.sold'"
        )

    with pytest.raises(Conflict, match="add up otherwise on 1 days"):
        await db.engines.promote("analytics", url)

    assert await _states(db) == {"postgres": "live", url: "building"}
    await db.engines.promote("analytics", url, accept_parked=True)
    assert await _states(db) == {url: "live", "postgres": "kept"}
