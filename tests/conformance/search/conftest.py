"""The search engines the suite runs on; a new engine is one more entry."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.search.opensearch import OpenSearchEngine
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.search.tantivy import TantivySearch
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.roles.search import SearchEngine
from octavo.store import organizations
from octavo.testing.search_engine import Library
from tests.databases import migrated_database, settings_of
from tests.opensearch import opensearch_server

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else moves its engine's cursor."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(scope="module")
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the embedded index of the module lies: in memory if there is such a place, since it commits so often."""
    if not _MEMORY.is_dir():
        yield tmp_path_factory.mktemp("search")
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="octavo-search-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
async def cluster_engine(own_record: Record) -> AsyncIterator[SearchEngine]:
    """The engine of the module in a cluster."""
    with opensearch_server() as host:
        engine = OpenSearchEngine(own_record, f"opensearch://{host}?replicas=0&timeout=100")
        yield engine
        await engine.close()


@pytest.fixture(params=["postgres", "tantivy", "opensearch"])
def engine(
    request: pytest.FixtureRequest, own_record: Record, index_folder: Path, cluster_engine: SearchEngine
) -> SearchEngine:
    if request.param == "opensearch":
        return cluster_engine
    if request.param == "tantivy":
        return TantivySearch(own_record, index_folder)
    return PostgresSearch(own_record)


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
