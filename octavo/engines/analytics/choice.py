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
from octavo.values.numbered import FIRST, numbered, parted

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
    if url == INSIDE:
        return url
    base, number = parted(url)
    return numbered(address_of(url if base == INSIDE else base), number)  # which names no engine


def analytics_engine(url: str, record: Record, logins: Logins) -> OpenEngine:
    """The engine behind a URL of the catalogue, which connects when it is first asked.

    Raises:
        InvalidSetting: it names no engine. MissingExtra: the engine's client is not installed.
    """
    if url == INSIDE:
        return PostgresAnalytics(record)
    return ClickHouseAnalytics(ClickHouseServer(_database(url), logins), record.shard)


def has_room(url: str) -> bool:
    """Whether an engine can be built beside the one of this URL."""
    return url != INSIDE


def pause_seconds(engine: FactEngine) -> float:
    """How long to gather events before a batch that is not full."""
    return 0.0 if isinstance(engine, PostgresAnalytics) else PAUSE_SECONDS


def lease_name(url: str) -> str:
    """What only the process that fills the engine has: each place has its own, however it is spoken to."""
    if url == INSIDE:
        return "analytics"
    place = _database(url).partition("://")[2]
    return f"analytics in {hashlib.sha256(place.encode()).hexdigest()[:16]}"


def _database(url: str) -> str:
    """The database of a URL's engine, as a URL without a number: that number is behind the database's name."""
    base, number = parted(url)
    return address_of(base) if number == FIRST else address_of(f"{address_of(base)}_{number}")
