"""Vectors move from the record to Qdrant and back, while documents are written and looked for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

import octavo
from octavo.postgres.server import Server
from tests.databases import migrated_database, settings_of
from tests.qdrant_server import Failure, qdrant_server

_WORDS = """
    anchor bakery candle desert engine falcon garden harbour island jungle kettle ladder marble needle orchard
    pepper quarry river saddle temple umbrella valley window yellow zebra bridge castle dragon
"""


@pytest.fixture
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    """A database whose vectors are in the record."""
    async with migrated_database(server) as name:
        settings = settings_of(server, name)
        urls = {"record": settings.record, "record_system": settings.record_system}
        async with octavo.open(**urls, vectors="postgres") as opened:
            yield opened


class Traffic:
    """Writes and deletes documents and looks for them, and counts what is wrong."""

    def __init__(self, db: octavo.Octavo) -> None:
        self.db = db
        self.chance = random.Random(7)
        self.searches = 0
        self.wrong: list[str] = []
        self.going = True

    async def go(self) -> None:
        while self.going:
            await self.turn()

    async def turn(self) -> None:
        """One document: written and found; then deleted, and not found any more."""
        text = " ".join(self.chance.sample(_WORDS.split(), 6))
        document = await self.db.documents.put("note", {"text": text})
        if document.id not in await self.found(text, document.position):
            self.wrong.append(f"{text}: written and not found")
        if self.chance.random() < 0.5:
            gone = await self.db.documents.delete(document.id)
            if document.id in await self.found(text, gone.position):
                self.wrong.append(f"{text}: deleted and found")

    async def found(self, text: str, after: octavo.Position) -> list[UUID]:
        self.searches += 1
        hits = await self.db.search(text, mode="semantic", after=after, wait_seconds=60)
        return [hit.id for hit in hits.hits]


async def test_no_search_fails_or_is_wrong_while_vectors_move_to_qdrant_and_back(db: octavo.Octavo) -> None:
    with qdrant_server() as qdrant:
        traffic = Traffic(db)
        going = [asyncio.create_task(traffic.go()) for _ in range(2)]

        there = await db.engines.promote("vectors", f"qdrant://{qdrant.address}")
        in_qdrant = traffic.searches
        back = await db.engines.promote("vectors", "postgres")
        traffic.going = False
        await asyncio.gather(*going)

        assert traffic.wrong == []
        assert in_qdrant > 0
        assert there.verification.is_equal
        assert back.verification.is_equal


async def test_a_qdrant_that_goes_away_is_brought_up_to_date_when_it_is_back(db: octavo.Octavo) -> None:
    with qdrant_server() as qdrant:
        await db.engines.promote("vectors", f"qdrant://{qdrant.address}?retries=0")
        await db.engines.retire("vectors", "postgres")  # which would answer instead

        def away(kind: str, body: object, do: object) -> None:
            raise Failure(503)

        qdrant.fault = away
        document = await db.documents.put("note", {"text": "a heron stands in the reeds"})
        with pytest.raises(octavo.errors.Unavailable):
            await db.search("a heron", mode="semantic", after=document.position)
        qdrant.fault = None

        hits = await db.search("a heron", mode="semantic", after=document.position, wait_seconds=60)

        assert [hit.id for hit in hits.hits] == [document.id]
