"""What the tests of engines share: open databases with engines, and hands that spoil what an engine holds."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

import octavo
from octavo.engines.search.choice import search_engine
from octavo.postgres.server import Server
from octavo.projections.role import close
from octavo.roles.search import Change, Searchable
from octavo.roles.state import Removed
from octavo.text.passages import split
from octavo.workspace import Workspace
from tests.databases import migrated_database, settings_of

# Longer than anything takes on a machine that has too much to do.
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def opened(server: Server, **options: Any) -> AsyncIterator[octavo.Octavo]:
    """An open database of its own; by default nothing works in the background."""
    async with migrated_database(server) as name, again(server, name, **options) as db:
        yield db


@asynccontextmanager
async def again(
    server: Server, name: str, *, system: bool = True, **options: Any
) -> AsyncIterator[octavo.Octavo]:
    """The database of this name, opened as another process would open it."""
    settings = settings_of(server, name)
    given = {"record": settings.record, "background": False, **options}
    if system:
        given["record_system"] = settings.record_system
    async with octavo.open(**given) as db:
        yield db


def name_of(db: octavo.Octavo) -> str:
    """The name of the database behind it."""
    return db.settings.record.partition("?")[0].rpartition("/")[2]


async def filled(db: octavo.Octavo, number: int, organization: str = "default") -> list[UUID]:
    """So many documents about refunds, of an organization that is made if need be."""
    view: Workspace = db.default
    if organization != "default":
        await db.organizations.create(organization)
        view = db.organization(organization)
    made = await view.documents.put_many(
        [
            {"type": "article", "body": {"title": f"Refund {place}", "text": "whales"}}
            for place in range(number)
        ]
    )
    return [document.id for document in made]


class Hand:
    """Spoils what the engine behind a URL holds, past everything that keeps it right."""

    def __init__(self, db: octavo.Octavo, url: str, chance: random.Random) -> None:
        self._engine = search_engine(url, db.record, {})
        self._chance = chance

    async def lose(self, organization: UUID, ids: Sequence[UUID]) -> None:
        """Documents the engine should hold are not there."""
        await self._apply([Removed(organization, id) for id in ids])

    async def invent(self, organization: UUID, ids: Sequence[UUID], version: int = 1) -> None:
        """Documents the engine should not hold, or not so, are there."""
        await self._apply([_searchable(organization, id, version) for id in ids])

    async def spoil(
        self, organizations: Sequence[UUID], ids: dict[UUID, list[UUID]]
    ) -> set[tuple[UUID, UUID, str]]:
        """At random: lost, outdated, invented, and put into a foreign organization; returns what was done."""
        done: set[tuple[UUID, UUID, str]] = set()
        for organization in organizations:
            chosen = self._chance.sample(ids[organization], 12)
            await self.lose(organization, chosen[:5])
            await self.invent(organization, chosen[5:9], version=self._chance.randrange(2, 1_000))
            ghosts = [uuid7() for _ in range(self._chance.randrange(1, 5))]
            foreign = self._chance.choice([one for one in organizations if one != organization])
            await self.invent(organization, ghosts)
            await self.invent(foreign, chosen[9:])
            done |= {(organization, id, "missing") for id in chosen[:5]}
            done |= {(organization, id, "stale") for id in chosen[5:9]}
            done |= {(organization, id, "ghost") for id in ghosts}
            done |= {(foreign, id, "ghost") for id in chosen[9:]}
        return done

    async def close(self) -> None:
        """Close what the engine has open."""
        await close(self._engine)

    async def _apply(self, changes: Sequence[Change]) -> None:
        cursor = await self._engine.position()
        await self._engine.apply(changes, cursor, cursor)


def _searchable(organization: UUID, id: UUID, version: int) -> Searchable:
    return Searchable(
        organization=organization,
        id=id,
        namespace="default",
        type="article",
        version=version,
        title="Tampered refund",
        preview=None,
        description=None,
        configuration="english",
        passages=split("krakens"),
    )
