"""A database of its own for the tests of a module: workers serve all organizations, so nobody else may have any."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

import octavo
from octavo.postgres.server import Server
from octavo.workspace import Workspace
from tests.committed.runs.flowing import FLOWING
from tests.committed.runs.steps import COMPONENTS
from tests.databases import migrated_database, url_of


@pytest.fixture(scope="module")
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        yield name


@pytest.fixture(scope="module")
async def db(server: Server, database: str) -> AsyncIterator[octavo.Octavo]:
    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        components=[*COMPONENTS, *FLOWING],
    ) as opened:
        yield opened


@pytest.fixture
async def acme(db: octavo.Octavo) -> Workspace:
    """A new organization."""
    name = f"acme-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    return db.organization(name)


@pytest.fixture
async def piped(acme: Workspace) -> Workspace:
    """An organization with the pipeline `double`."""
    await acme.pipelines.put("double", [{"component": "double"}])
    return acme


@pytest.fixture
def fields(db: octavo.Octavo) -> Any:
    """Rows of a statement, as the system sees them."""

    async def fetch(statement: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await db.record.system.fetch(statement, *arguments)]

    return fetch


@pytest.fixture(autouse=True)
async def nothing_waits(db: octavo.Octavo) -> None:
    """No run and no worker of an earlier test is left."""
    for table in (
        *("run_queue", "run_delay", "run_lease", "run_dead", "run_held", "run_dependency", "run_step", "run"),
        *("run_worker", "run_quota", "schedule", "batch"),
    ):
        await db.record.system.execute(f"DELETE FROM octavo.{table}")
