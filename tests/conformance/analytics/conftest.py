"""The analytics engines the suite runs on; a new engine is one more entry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.analytics.clickhouse import ClickHouseAnalytics
from octavo.engines.analytics.clickhouse_server import ClickHouseServer
from octavo.engines.analytics.postgres import PostgresAnalytics
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.roles.analytics import AnalyticsEngine
from octavo.testing.analytics_engine import Ledger
from tests.clickhouse import clickhouse
from tests.databases import migrated_database, settings_of


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else moves its engine's cursor."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(scope="module")
def clickhouse_url() -> Iterator[str]:
    """The real ClickHouse engine, behind the little of its HTTP that the client speaks."""
    with clickhouse() as url:
        yield url


@pytest.fixture(scope="module")
async def clickhouse_server(clickhouse_url: str) -> AsyncIterator[ClickHouseServer]:
    """A database of it."""
    server = ClickHouseServer(clickhouse_url, {})
    yield server
    await server.close()


@pytest.fixture(params=["postgres", "clickhouse"])
def engine(
    request: pytest.FixtureRequest, own_record: Record, clickhouse_server: ClickHouseServer
) -> AnalyticsEngine:
    if request.param == "clickhouse":
        return ClickHouseAnalytics(clickhouse_server, shard=0)
    return PostgresAnalytics(own_record)


@pytest.fixture
def ledger(engine: AnalyticsEngine) -> Ledger:
    """An organization's facts in the engine."""
    return Ledger(engine, uuid7())


@pytest.fixture
def other(engine: AnalyticsEngine) -> Ledger:
    """Another organization, in the same engine."""
    return Ledger(engine, uuid7())
