"""Which analytics engine the setting names."""

from __future__ import annotations

import hashlib
from typing import Protocol

from octavo.engines.analytics.clickhouse import ClickHouseAnalytics
from octavo.engines.analytics.clickhouse_server import ClickHouseServer, address_of
from octavo.engines.analytics.postgres import PostgresAnalytics
from octavo.postgres.record import Record
from octavo.roles.analytics import AnalyticsEngine
from octavo.values.login import Logins

INSIDE, NONE = "postgres", "none"
# ClickHouse wants few large inserts; a fact is there at most so much later.
PAUSE_SECONDS = 0.5


class OpenEngine(AnalyticsEngine, Protocol):
    """An engine whose connections whoever opened it closes."""

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        ...


def address(setting: str) -> str:
    """The setting in one spelling: `postgres`, `none`, or a URL without a login; raises `InvalidSetting`."""
    return setting if setting in {INSIDE, NONE} else address_of(setting)


def analytics_engine(setting: str, record: Record, logins: Logins) -> OpenEngine | None:
    """The engine of the setting, which connects when it is first asked; None for `none`.

    Raises:
        InvalidSetting: it names no engine. MissingExtra: the engine's client is not installed.
    """
    url = address(setting)
    if url == NONE:
        return None
    if url == INSIDE:
        return PostgresAnalytics(record)
    return ClickHouseAnalytics(ClickHouseServer(url, logins), record.shard)


def pause_seconds(setting: str) -> float:
    """How long to gather events before a batch that is not full."""
    return 0.0 if address(setting) == INSIDE else PAUSE_SECONDS


def lease_name(setting: str) -> str:
    """What only the process that fills the engine has: each engine has its own."""
    url = address(setting)
    if url == INSIDE:
        return "analytics"
    return f"analytics in {hashlib.sha256(url.encode()).hexdigest()[:16]}"
