"""A database of a module's own, with real durability, and organizations in it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import octavo
from octavo.workspace import Workspace
from tests.acceptance.ingesting import organization
from tests.places import short_place
from tests.records import new_record


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A short path that the server's own account can reach."""
    with short_place() as made:
        yield made


@pytest.fixture(scope="module")
async def db(place: Path) -> AsyncIterator[octavo.Octavo]:
    async with octavo.open(new_record(place / "data", durable=True), background=False) as opened:
        yield opened


@pytest.fixture
async def view(db: octavo.Octavo) -> Workspace:
    """An organization of the test's own."""
    return await organization(db)


@pytest.fixture
def folder(place: Path) -> Path:
    """An empty folder for files."""
    return Path(tempfile.mkdtemp(dir=place))
