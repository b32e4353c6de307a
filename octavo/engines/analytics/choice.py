"""Which analytics engine the setting names."""

from __future__ import annotations

import hashlib
from typing import Protocol

from octavo.engines.analytics.clickhouse import ClickHouseAnalytics
from octavo.engines.analytics.clickhouse_server import ClickHouseServer, address_of
from octavo.engines.analytics.postgres import PostgresAnalytics
from octavo.postgres.record import Record
from octavo.roles.analytics import AnalyticsEngine, FactEngine
from octavo.values.login import Logins

INSIDE, NONE = "postgres", "none"
# ClickHouse wants few large inserts; a fact is there at most so much later.
PAUSE_SECONDS = 0.5


class OpenEngine(AnalyticsEngine, Protocol):
    """An engine whose connections whoever opened it closes."""

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        ...


def address(url: str) -> str:
    """The URL as the catalogue keeps it, in one spelling, without a login; raises `InvalidSetting`."""
    return url if url == INSIDE else address_of(url)


def analytics_engine(url: str, record: Record, logins: Logins) -> OpenEngine:
    """The engine behind a URL of the catalogue, which connects when it is first asked.

    Raises:
        InvalidSetting: it names no engine. MissingExtra: the engine's client is not installed.
    """
    if url == INSIDE:
        return PostgresAnalytics(record)
    return ClickHouseAnalytics(ClickHouseServer(address_of(url), logins), record.shard)


def pause_seconds(engine: FactEngine) -> float:
    """How long to gather events before a batch that is not full."""
    return 0.0 if isinstance(engine, PostgresAnalytics) else PAUSE_SECONDS


def lease_name(url: str) -> str:
    """What only the process that fills the engine has: each place has its own, however it is spoken to."""
    if url == INSIDE:
        return "analytics"
    place = address_of(url).partition("://")[2]
    return f"analytics in {hashlib.sha256(place.encode()).hexdigest()[:16]}"
