"""Read your own writes while both engines lag at random: a history of writes and reads, checked.

Two writers put, change and delete documents and read what they wrote by words and meaning, while each engine takes
its next step only now and then. The history must show: a read with `after=` a write gives that write's document in that
version or a later one, never one that had been deleted when the read began, and tells a position that is not below.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.projections.search import SearchProjection
from octavo.projections.vectors import VectorProjection
from octavo.search.hits import Hits
from octavo.search.hybrid import Asked, Hybrid
from octavo.search.query import Search
from octavo.search.semantic import Alone, Semantic
from octavo.store import organizations
from octavo.values.position import Position
from tests.feeds import documents_of

SEED = int(os.environ.get("OCTAVO_SEED", "20261121"))
WRITES = 24
PATIENCE_SECONDS = 60.0


class Read(msgspec.Struct, frozen=True):
    """What a search gave, and what it had to."""

    mode: str
    after: Position
    document: UUID
    version: int
    is_live: bool
    hits: Hits


class Lagging:
    """Two engines that take a step when chance has it, and all of whose reads are noted."""

    def __init__(self, record: Record, organization: UUID, chance: random.Random) -> None:
        embedder = WordLlamaEmbedder()
        words, vectors = PostgresSearch(record), PostgresVectors(record, embedder.model)
        feed = Feed(record.system, Wakeup())
        self.steps = (
            SearchProjection(record.system, feed, words).step,
            VectorProjection(record.system, feed, vectors, embedder).step,
        )
        self.organization = organization
        self.documents = documents_of(record, organization)
        self.chance = chance
        self.hybrid = Hybrid(Search(words, record.app), Semantic(Alone(vectors, embedder)))
        self.history: list[Read] = []

    @asynccontextmanager
    async def stepping(self) -> AsyncIterator[None]:
        """One engine after the other goes on, and which one and when is chance."""

        async def step() -> None:
            while True:
                for _ in range(self.chance.randrange(5)):
                    await asyncio.sleep(0)
                await self.chance.choice(self.steps)()

        task = asyncio.create_task(step())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def write(self, number: int) -> None:
        """Write something, and read it back."""
        word = f"quokka{number}"
        document = await self.documents.put("note", {"text": f"A {word} eats bread."})
        if self.chance.random() < 0.4:
            document = await self.documents.patch(document.id, {"text": f"The {word} baked a cake."})
        is_live = self.chance.random() > 0.3
        if not is_live:
            document = await self.documents.delete(document.id)
        mode: Any = self.chance.choice(["hybrid", "semantic"])
        asked = Asked(
            organization=self.organization,
            text=f"{word} bread cake",
            limit=1_000,
            after=document.position,
            wait_seconds=PATIENCE_SECONDS,
        )
        hits = await self.hybrid.search(mode, asked)
        assert document.position is not None
        self.history.append(Read(mode, document.position, document.id, document.version, is_live, hits))


@pytest.fixture
async def lagging(fresh_record: Record) -> Lagging:
    organization = await organizations.create(fresh_record.system, "acme")
    return Lagging(fresh_record, organization.id, random.Random(SEED))


@pytest.mark.timeout(180)
async def test_a_history_of_writes_and_reads_under_lag_holds_what_is_promised(lagging, record_property):
    record_property("seed", SEED)
    numbers = iter(range(WRITES))

    async def writer() -> None:
        for number in numbers:
            await lagging.write(number)

    async with lagging.stepping():
        await asyncio.gather(writer(), writer())

    assert len(lagging.history) == WRITES
    assert violations(lagging.history) == []


def test_the_checker_finds_what_is_wrong_in_a_history():
    """It would be worth nothing otherwise."""
    read = Read("hybrid", Position(0, 1, 5, 5), UUID(int=1), 2, True, answer(4))

    assert violations([read]) == [
        "hybrid read at o1-0-1-4-0, after o1-0-1-5-5",
        f"{UUID(int=1)} is not found",
    ]


def violations(history: list[Read]) -> list[str]:
    """What a history shows that must not be."""
    found: list[str] = []
    for read in history:
        versions = {hit.id: hit.version for hit in read.hits.hits}
        if read.hits.stale or read.hits.position < read.after:
            found.append(f"{read.mode} read at {read.hits.position}, after {read.after}")
        if read.is_live and read.document not in versions:
            found.append(f"{read.document} is not found")
        if read.is_live and versions.get(read.document, read.version) < read.version:
            found.append(f"{read.document} is found in version {versions[read.document]}")
        if not read.is_live and read.document in versions:
            found.append(f"{read.document} is found although it is deleted")
    return found


def answer(xid: int) -> Hits:
    """An answer without hits, read at a place."""
    return Hits(hits=[], cursor=None, capped=False, position=Position(0, 1, xid, 0), stale=False, took_ms=1.0)
