"""The suite of analytics engines, on every engine there is; and what ClickHouse does without transactions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from uuid_utils.compat import uuid7

from octavo.engines.analytics.clickhouse import ClickHouseAnalytics
from octavo.engines.analytics.clickhouse_server import ClickHouseServer
from octavo.errors import Unavailable
from octavo.testing.analytics_engine import AnalyticsEngineSuite, Ledger
from octavo.testing.analytics_engine.ledger import LONG_AFTER, NOON

_MEASURES = {"n": "count", "sum": "sum:amount", "p50": "p50:amount", "users": "unique:actor"}


class TestAnalyticsEngines(AnalyticsEngineSuite):
    pass


class Killing:
    """Lets a process go on for so many requests to ClickHouse, and then no further."""

    def __init__(self) -> None:
        self.left = 10**9

    def __call__(self, statement: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise Unavailable(f"killed before {statement}")


@pytest.fixture
async def killed(clickhouse_url: str):
    """An organization's facts, in an engine that is killed when the test says so; and the killer."""
    killing = Killing()
    server = ClickHouseServer(clickhouse_url, {}, watch=killing)
    yield Ledger(ClickHouseAnalytics(server, shard=0), uuid7()), killing
    killing.left = 10**9
    await server.close()


async def test_a_fold_killed_before_any_request_counts_each_event_once(killed: tuple[Ledger, Killing]):
    """S0-205: between the facts and the rollups, between these and the cursor, and after it."""
    ledger, killing = killed
    await ledger.engine.reset()
    await ledger.apply(ledger.fact(amount=Decimal(1)))
    await ledger.settle()
    batch = [
        ledger.fact(amount=Decimal(2), actor="user:bob"),  # late: of an hour and a day that are closed
        ledger.fact(amount=Decimal(4), time=LONG_AFTER + timedelta(hours=1)),
        ledger.fact("test.settled", time=LONG_AFTER + timedelta(days=2)),  # closes what was open
    ]
    before = await ledger.engine.position()

    requests = 0
    while True:
        killing.left = requests
        try:
            await ledger.apply(*batch)
        except Unavailable:
            requests += 1
            continue
        break
    killing.left = 10**9
    await ledger.apply(*batch)

    assert requests > 8
    assert (await ledger.engine.position()).generation == before.generation
    for where in (None, {"stream": "ticket-7"}):
        [values] = (
            await ledger.values(measures=_MEASURES, where=where, until=LONG_AFTER + timedelta(days=9))
        ).values()
        assert (values["n"], values["sum"], values["users"]) == (3, 7, 2)


async def test_rollups_equal_the_facts_they_are_of(killed: tuple[Ledger, Killing]):
    """S0-207, S0-208: many batches, in any order, compared with one count over the facts."""
    ledger, _ = killed
    await ledger.engine.reset()
    facts = [
        ledger.fact(
            "ticket.sold" if place % 4 else "ticket.returned",
            time=NOON + place * timedelta(minutes=47),
            actor=f"user:{place % 7}",
            amount=Decimal(place * place) / 8,
        )
        for place in range(60)
    ]
    for start in (40, 0, 20):
        await ledger.apply(*facts[start : start + 20])
    await ledger.settle()

    asked = {
        "type": None,
        "every": "day",
        "since": NOON.replace(hour=0),
        "by": ["type"],
        "measures": _MEASURES,
    }
    rolled = await ledger.series(**asked, until=NOON.replace(hour=0) + timedelta(days=3))
    counted = await ledger.series(
        **asked, until=NOON.replace(hour=0) + timedelta(days=3), where={"stream": "ticket-7"}
    )

    assert (rolled.source, counted.source) == ("rollups", "facts")
    assert len(rolled.points) == 6
    assert rolled.points == counted.points


async def test_a_report_reads_the_granules_of_its_organization(
    clickhouse_url: str, clickhouse_server: ClickHouseServer, killed: tuple[Ledger, Killing]
):
    """S0-204, S1-099: one organization among many, by the key of the table."""
    ledger, _ = killed
    await ledger.engine.reset()
    organizations = [ledger, *(Ledger(ledger.engine, uuid7()) for _ in range(24))]
    facts = [
        one.fact(time=NOON + timedelta(seconds=place)) for one in organizations for place in range(1_000)
    ]
    await ledger.apply(*facts)

    plan = await _explained(
        clickhouse_url, f"organization = '{ledger.organization}' AND type = 'ticket.sold'"
    )

    [read] = [line for line in plan if "Granules:" in line][-1:]
    granules, of_all = (int(number) for number in read.partition(":")[2].split("/"))
    assert granules <= 2
    assert of_all >= 3


async def _explained(url: str, condition: str) -> list[str]:
    """How ClickHouse reads the facts under a condition, a line each."""
    parts = urlsplit(url)
    client = await clickhouse_connect.get_async_client(
        host=parts.hostname, port=parts.port, database=parts.path.strip("/"), autogenerate_session_id=False
    )
    try:
        told = await client.raw_query(
            f"EXPLAIN indexes = 1 SELECT count() FROM analytics_fact WHERE {condition}", fmt="TSVRaw"
        )
    finally:
        await client.close()
    return told.decode().splitlines()
