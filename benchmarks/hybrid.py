"""Hybrid search beside its two legs, each alone.

The limit is the slower leg, asked for as many hits as a hybrid search asks of it: both run at the same time. Queries
are two words that stand together in a document, so that both legs find something.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from uuid_utils.compat import uuid7

from benchmarks.corpus import documents
from benchmarks.measure import LIMIT, OURS, Contestant, Result, Row, compete
from benchmarks.search import QUERIES, put, spread, timed, two_words
from octavo import Octavo
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.projections.search import SearchProjection
from octavo.projections.vectors import VectorProjection
from octavo.search.hybrid import FEWEST, Asked, Hybrid
from octavo.search.query import Search
from octavo.search.semantic import Alone, Semantic

DOCUMENTS = 10_000
LIMIT_OF_PAGE = 10
TIMES, MORE_MS = 1.2, 1.0
WORDS, MEANING = "by words", "by meaning"


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """The row about hybrid search."""
    del admin
    organization = await db.organizations.create(f"bench-hybrid-{uuid7().hex[:16]}")
    await put(db.organization(organization.name), documents(DOCUMENTS))
    words, meaning = await _filled(db)
    hybrid = Hybrid(words, meaning)
    asked = two_words(random.Random(1))
    took: dict[str, list[float]] = {WORDS: [], MEANING: [], OURS: []}

    async def by_words(query: tuple[str, str]) -> None:
        await words.search(organization.id, query[0], namespace="default", limit=FEWEST)

    async def by_meaning(query: tuple[str, str]) -> None:
        await meaning.search(organization.id, query[0], namespace="default", limit=FEWEST)

    async def by_both(query: tuple[str, str]) -> None:
        await hybrid.search(
            "hybrid",
            Asked(organization=organization.id, text=query[0], namespace="default", limit=LIMIT_OF_PAGE),
        )

    asking: dict[str, Callable[[tuple[str, str]], Awaitable[None]]] = {
        WORDS: by_words,
        MEANING: by_meaning,
        OURS: by_both,
    }
    row = await compete(
        f"hybrid search of {DOCUMENTS:,} documents",
        [Contestant(name, timed(ask, asked, took[name])) for name, ask in asking.items()],
        operations=QUERIES,
        rounds=rounds,
    )
    return [_judged(row, took)]


async def _filled(db: Octavo) -> tuple[Search, Semantic]:
    """Both searches, with engines at the end of the log."""
    record, feed = db.record, Feed(db.record.system, Wakeup())
    embedder = WordLlamaEmbedder()
    engine, vectors = PostgresSearch(record), PostgresVectors(record, embedder.model)
    steps = (
        SearchProjection(record.system, feed, engine).step,
        VectorProjection(record.system, feed, vectors, embedder).step,
    )
    for step in steps:
        while await step():
            pass
    await record.system.execute("ANALYZE")
    return Search(engine, record.app), Semantic(Alone(vectors, embedder))


def _judged(row: Row, took: Mapping[str, Sequence[float]]) -> Row:
    """The slower leg as the limit, and what its goal comes to."""
    slower = max((WORDS, MEANING), key=lambda name: statistics.median(took[name]))
    goal = TIMES * statistics.median(took[slower]) + MORE_MS
    told = ", ".join(f"{name} {spread(took[name], 95)}" for name in (WORDS, MEANING))
    remark = f"Octavo {spread(took[OURS], 95)}; {told} (goal: p50 {goal:.1f} ms)"
    results = [
        Result(LIMIT if result.name == slower else result.name, result.per_second) for result in row.results
    ]
    return replace(row, results=results, remark=remark)
