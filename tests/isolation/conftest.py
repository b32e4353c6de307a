"""A record behind a real transaction pooler."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from octavo.postgres.server import Server
from octavo.settings import Settings
from tests.databases import url_of
from tests.isolation.pooler import Pooler, pgbouncer


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    """Three server connections a role, so that eight clients must share them."""
    with pgbouncer(server, pool_size=3) as running:
        yield running


@pytest.fixture
def behind(pooler: Pooler, server: Server, fresh_database: str) -> Settings:
    """The settings of a fresh record behind the pooler."""
    return Settings(
        record=pooler.url("octavo_app", fresh_database),
        record_system=pooler.url("octavo_system", fresh_database),
        record_direct=url_of(server, "octavo_system", fresh_database),
        pool_size=8,
    )
