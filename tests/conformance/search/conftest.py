"""The search engines the suite runs on; a new engine is one more entry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.search.postgres import PostgresSearch
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.roles.search import SearchEngine
from octavo.store import organizations
from tests.conformance.search.library import Library
from tests.databases import migrated_database, settings_of


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else moves its engine's cursor."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["postgres"])
def engine(request: pytest.FixtureRequest, own_record: Record) -> SearchEngine:
    return {"postgres": PostgresSearch}[request.param](own_record)


async def _library(record: Record, engine: SearchEngine) -> Library:
    organization = await organizations.create(record.system, f"library-{uuid7().hex}")
    return Library(record, engine, organization.id)


@pytest.fixture
async def library(own_record: Record, engine: SearchEngine) -> Library:
    """An organization's documents and what the engine is told of them."""
    return await _library(own_record, engine)


@pytest.fixture
async def other(own_record: Record, engine: SearchEngine) -> Library:
    """Another organization, in the same engine."""
    return await _library(own_record, engine)
