"""The vector engines the suite runs on; a new engine is one more entry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.vectors.postgres import PostgresVectors
from octavo.engines.vectors.qdrant import QdrantVectors
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.roles.vectors import VectorEngine
from octavo.store import organizations
from octavo.testing.vector_engine import MODEL, Shelf
from tests.databases import migrated_database, settings_of
from tests.qdrant_server import QdrantServer, qdrant_server


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else moves its engine's cursor."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(scope="module")
def qdrant() -> Iterator[QdrantServer]:
    """Qdrant's engine behind a server."""
    with qdrant_server() as running:
        yield running


@pytest.fixture(params=["postgres", "postgres-indexed", "qdrant", "qdrant-folder"])
async def engine(
    request: pytest.FixtureRequest, own_record: Record, qdrant: QdrantServer, tmp_path: Path
) -> AsyncIterator[VectorEngine]:
    # With an approximate index from the first passage on, and without one; the engine of a server, and the
    # client's own store.
    if request.param.startswith("postgres"):
        yield PostgresVectors(
            own_record, MODEL, indexed_from=1 if request.param == "postgres-indexed" else 10_000
        )
        return
    folder = request.param == "qdrant-folder"
    place = f"qdrant:{tmp_path}" if folder else f"qdrant://{qdrant.address}"
    made = QdrantVectors(own_record, MODEL, place)
    yield made
    await made.close()


async def _shelf(record: Record, engine: VectorEngine) -> Shelf:
    organization = await organizations.create(record.system, f"shelf-{uuid7().hex}")
    return Shelf(record, engine, organization.id)


@pytest.fixture
async def shelf(own_record: Record, engine: VectorEngine) -> Shelf:
    """An organization's documents and what the engine is told of them."""
    return await _shelf(own_record, engine)


@pytest.fixture
async def other(own_record: Record, engine: VectorEngine) -> Shelf:
    """Another organization, in the same engine."""
    return await _shelf(own_record, engine)
