"""What every test may ask for: one fast server a process, one shared record, an organization of its own.

`server` trades durability for speed; tests/faults starts its own with real durability. A test that needs
commits nobody else makes, LISTEN, DDL or the whole log asks for `fresh_record`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from octavo.postgres.migrator import migrate
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.store import organizations
from octavo.store.organizations import Organization
from tests.databases import migrated_database, settings_of
from tests.places import short_place
from tests.program import started_program
from tests.records import new_server

# How long an example takes, or making one up, says something of the machine and nothing of what is tested; and one
# fixture serves all examples of a test, which keep apart by themselves.
hypothesis.settings.register_profile(
    "octavo",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("octavo")

# What takes long begins first, so that at the end no process is left alone with it.
LONGEST_FIRST = (
    "docs",
    "acceptance",
    "plans",
    "faults",
    "migration",
    "committed",
    "isolation",
    "conformance",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by how long their folders take; the files of a folder stay in order."""
    items.sort(key=lambda item: _place(item.path.relative_to(Path(__file__).parent).parts[0]))


def _place(folder: str) -> int:
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running PostgreSQL of this test process."""
    with short_place() as place:
        running = new_server(place / "data")
        yield running
        running.close()


@pytest.fixture(scope="session")
def program() -> Iterator[Path]:
    """`octavo`, as one runs it, without the time it takes to import."""
    with started_program() as path:
        yield path


@pytest.fixture(scope="session")
async def record(server: Server) -> AsyncIterator[Record]:
    """The migrated database all tests share; they keep apart by their organizations."""
    await migrate(server.running.dsn("octavo_admin"))
    opened = await open_record(settings_of(server, "octavo"))
    yield opened
    await opened.close()


@pytest.fixture
async def organization(record: Record) -> Organization:
    """A new organization in the shared record."""
    return await organizations.create(record.system, f"test-{uuid.uuid4().hex}")


@pytest.fixture
async def fresh_database(server: Server) -> AsyncIterator[str]:
    """The name of a migrated database nobody else uses."""
    async with migrated_database(server) as name:
        yield name


@pytest.fixture
async def fresh_record(server: Server, fresh_database: str) -> AsyncIterator[Record]:
    """A record of its own."""
    opened = await open_record(settings_of(server, fresh_database))
    yield opened
    await opened.close()
