"""Embedding documents, and finding the nearest of 50,000 passages of documentation, with a filter and without.

The limit of searching is the same plan over the same rows for the same columns by the bare driver, without row-level
security, cursor or choice; where a text is asked for, with the embedder before it. That of filling is the embedder
alone. Recall is against a comparison of everything by numpy, in half precision as the rows have it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from uuid_utils.compat import uuid7

from benchmarks.measure import LIMIT, OURS, Contestant, Result, Row, compete
from benchmarks.passages import PASSAGES, QUERIES, TYPES, holder, passages, projecting, put
from octavo import Octavo
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.postgres.statements import load
from octavo.roles.vectors import NearestQuery
from octavo.search.hybrid import Asked, Hybrid
from octavo.search.query import Search
from octavo.search.semantic import Alone, Semantic

FILLED = 2_000
# How widely an index is searched by octavo.vector_candidates, and so by the limit.
WIDTH = 60
# Words of a text to ask with, as many as people type.
WORDS = 8
FILLING_GOAL, NEAREST_GOAL, FILTERED_GOAL = 0.85, 0.85, 0.8
RECALL_GOAL, FILTERED_RECALL_GOAL = 0.95, 0.99

_sql = load("benchmarks", "vectors.sql")


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about vectors."""
    embedder = WordLlamaEmbedder()
    filling = await _filling(db, embedder, rounds)
    organization = await holder(db, embedder, PASSAGES)
    raw = await asyncpg.connect(**admin)
    try:
        await raw.execute("VACUUM ANALYZE", timeout=600)
        await raw.execute(f"SET plan_cache_mode = force_generic_plan; SET hnsw.ef_search = {WIDTH}")
        asking = _Asking(db, raw, embedder, organization)
        await asking.begin()
        return [filling, await asking.near(rounds), await asking.filtered(rounds), await asking.text(rounds)]
    finally:
        await raw.close()


async def _filling(db: Octavo, embedder: WordLlamaEmbedder, rounds: int) -> Row:
    """New documents to their vectors, and the model alone on the same texts."""
    projection = await projecting(db, embedder)
    limit, ours = Result(LIMIT), Result(OURS)
    for number in range(rounds + 1):
        some = passages()[1][number * FILLED :][:FILLED]
        name = f"bench-{uuid7().hex[:20]}"
        await db.organizations.create(name)
        await put(db, name, some)
        begun = time.perf_counter()
        await embedder.embed(some, "passage")
        embedded = time.perf_counter()
        while await projection.step():
            pass
        if number:  # the first round warms up
            limit.per_second.append(len(some) / (embedded - begun))
            ours.per_second.append(len(some) / (time.perf_counter() - embedded))
    return Row("embed documents, the model alone as the limit", "/s", [limit, ours], FILLING_GOAL)


class _Asking:
    """The same questions to Octavo and to the bare driver."""

    def __init__(
        self, db: Octavo, raw: asyncpg.Connection, embedder: WordLlamaEmbedder, organization: UUID
    ) -> None:
        self._engine = PostgresVectors(db.record, embedder.model)
        meaning = Semantic(Alone(self._engine, embedder))
        self._hybrid = Hybrid(Search(PostgresSearch(db.record), db.record.app), meaning)
        self._raw, self._embedder, self._organization = raw, embedder, organization
        self._texts = [" ".join(text.split()[:WORDS]) for text in passages()[0]]

    async def begin(self) -> None:
        """Read what is compared for recall, and where the limit looks."""
        self._vectors = await self._embedder.embed(passages()[0], "query")
        shelf = await self._raw.fetchval(_sql.shelf_of, self._organization)
        named = {"shelf": shelf, "dimensions": self._embedder.model.dimensions}
        self._raw_nearest = _sql.raw_nearest.format(**named)
        self._raw_filtered = _sql.raw_filtered.format(**named)
        rows = await self._raw.fetch(_sql.documents_of, self._organization, timeout=300)
        self._ids = [row["document_id"] for row in rows]
        self._types = np.array([int(row["type"].removeprefix("type")) for row in rows])
        held = np.array([row["vector"] for row in rows], dtype=np.float32)
        self._held = held / np.linalg.norm(held, axis=1, keepdims=True)

    async def near(self, rounds: int) -> Row:
        """The nearest of all to a vector."""
        row = await _compete(_title(), self._near_raw, self._near, NEAREST_GOAL, rounds)
        return replace(row, remark=f"recall {await self._recall(self._near):.3f} (goal: {RECALL_GOAL})")

    async def filtered(self, rounds: int) -> Row:
        """The nearest of a hundredth."""
        title = f"{_title()}, 1 % of them filtered"
        row = await _compete(title, self._filtered_raw, self._filtered, FILTERED_GOAL, rounds)
        recall = await self._recall(self._filtered, narrow=True)
        return replace(row, remark=f"recall {recall:.3f} (goal: {FILTERED_RECALL_GOAL})")

    async def text(self, rounds: int) -> Row:
        """What a text means most nearly, in a namespace, with a piece of the passage to show."""
        title = f"{_title()} to a text, as a page of hits"
        return await _compete(title, self._text_raw, self._text, None, rounds)

    async def _near(self, number: int, **narrowed: Any) -> Any:
        vector = self._vectors[number]
        query = NearestQuery(organization=self._organization, vector=vector, limit=10, **narrowed)
        return await self._engine.nearest(query)

    async def _filtered(self, number: int) -> Any:
        return await self._near(number, types=[f"type{number % TYPES}"])

    async def _text(self, number: int) -> Any:
        text = self._texts[number]
        asked = Asked(organization=self._organization, text=text, namespace="default")
        return await self._hybrid.search("semantic", asked)

    async def _near_raw(self, number: int) -> None:
        await self._raw.fetch(self._raw_nearest, self._vectors[number].tolist(), self._organization)

    async def _filtered_raw(self, number: int) -> None:
        arguments = self._vectors[number].tolist(), self._organization, f"type{number % TYPES}"
        await self._raw.fetch(self._raw_filtered, *arguments)

    async def _text_raw(self, number: int) -> None:
        [vector] = self._embedder.embedded([self._texts[number]])
        await self._raw.fetch(self._raw_nearest, vector.tolist(), self._organization)

    async def _recall(self, ask: Callable[[int], Awaitable[Any]], *, narrow: bool = False) -> float:
        hits = 0
        for number, vector in enumerate(self._vectors):
            alike = self._held @ vector
            if narrow:
                alike[self._types != number % TYPES] = -2
            best = {self._ids[place] for place in np.argpartition(-alike, 10)[:10]}
            hits += len(best & {match.id for match in (await ask(number)).matches})
        return hits / (10 * len(self._vectors))


def _title() -> str:
    return f"the 10 nearest of {PASSAGES:,} passages"


async def _compete(title: str, raw: Any, ours: Any, goal: float | None, rounds: int) -> Row:
    contestants = [Contestant(LIMIT, _times(raw)), Contestant(OURS, _times(ours))]
    return await compete(title, contestants, operations=QUERIES, rounds=rounds, goal=goal)


def _times(ask: Callable[[int], Awaitable[Any]]) -> Callable[[int], Awaitable[None]]:
    async def work(times: int) -> None:
        for number in range(times):
            await ask(number % QUERIES)

    return work
