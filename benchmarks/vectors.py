"""Embedding documents, and finding the nearest of 50,000 passages of documentation, with a filter and without.

The texts are documentation of this machine: what packages put into their folders, cut into passages, so their vectors
lie as those of users' texts do. The limit of searching is the same plan over the same rows by the bare driver, without
row-level security, cursor or choice; that of filling is the embedder alone. Recall is against a comparison of
everything by numpy, in half precision as the rows have it.
"""

from __future__ import annotations

import gzip
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from uuid_utils.compat import uuid7

from benchmarks.corpus import SEED
from benchmarks.measure import LIMIT, OURS, Contestant, Result, Row, compete
from octavo import Octavo
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.statements import load
from octavo.projections.vectors import VectorProjection
from octavo.roles.state import Cursor
from octavo.roles.vectors import NearestQuery
from octavo.text.passages import split

PASSAGES, FILLED, QUERIES, BATCH = 50_000, 2_000, 200, 1_000
TYPES = 100
# How widely an index is searched by octavo.vector_candidates, and so by the limit.
WIDTH = 60
FOLDERS = (Path("/usr/share/doc"), Path(sys.prefix) / "lib", Path(__file__).parents[1] / "docs")
ENDINGS = (".md", ".rst", ".txt", ".html", ".gz", ".py", "README", "copyright")
FILLING_GOAL, NEAREST_GOAL, FILTERED_GOAL = 0.85, 0.85, 0.8
RECALL_GOAL, FILTERED_RECALL_GOAL = 0.95, 0.99

_sql = load("benchmarks", "vectors.sql")


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about vectors."""
    texts = passages(PASSAGES + QUERIES)
    asked, kept = texts[:QUERIES], texts[QUERIES:]
    embedder = WordLlamaEmbedder()
    engine = PostgresVectors(db.record, embedder.model)
    feed = Feed(db.record.system, Wakeup(), shard=db.record.shard)
    projection = VectorProjection(db.record.system, feed, engine, embedder)
    # What other benchmarks put there is not embedded.
    cursor = await engine.position()
    await engine.apply([], cursor, Cursor(cursor.generation, await feed.position()))
    filling = await _filling(db, projection, embedder, kept, rounds)
    organization = await _put(db, kept)
    while await projection.step():
        pass
    raw = await asyncpg.connect(**admin)
    try:
        await raw.execute("VACUUM ANALYZE", timeout=600)
        await raw.execute(f"SET plan_cache_mode = force_generic_plan; SET hnsw.ef_search = {WIDTH}")
        vectors = await embedder.embed(asked, "query")
        return [filling, *await _searching(engine, raw, organization, vectors, rounds)]
    finally:
        await raw.close()


def passages(number: int) -> list[str]:
    """Different passages of documentation, in an order that a seed says."""
    files = [path for folder in FOLDERS for path in sorted(folder.rglob("*")) if path.name.endswith(ENDINGS)]
    random.Random(SEED).shuffle(files)
    found: dict[str, None] = {}
    for path in files:
        for text in _texts(path):
            found.setdefault(text)
        if len(found) >= number:
            break
    return list(found)[:number]


def _texts(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, ValueError, EOFError):
        return
    for passage in split(text, target_characters=1_000)[:60]:
        if len(passage.text) >= 200 and "\0" not in passage.text:
            yield passage.text


async def _put(db: Octavo, texts: Sequence[str]) -> UUID:
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    documents = db.organization(organization.name).documents
    for start in range(0, len(texts), BATCH):
        await documents.put_many(
            [
                {"type": f"type{number % TYPES}", "body": {"text": text}}
                for number, text in enumerate(texts[start : start + BATCH], start)
            ]
        )
    return organization.id


async def _filling(
    db: Octavo, projection: VectorProjection, embedder: WordLlamaEmbedder, texts: Sequence[str], rounds: int
) -> Row:
    """New documents to their vectors, and the model alone on the same texts."""
    limit, ours = Result(LIMIT), Result(OURS)
    for number in range(rounds + 1):
        some = texts[number * FILLED % len(texts) :][:FILLED]
        await _put(db, some)
        begun = time.perf_counter()
        await embedder.embed(some, "passage")
        embedded = time.perf_counter()
        while await projection.step():
            pass
        if number:  # the first round warms up
            limit.per_second.append(len(some) / (embedded - begun))
            ours.per_second.append(len(some) / (time.perf_counter() - embedded))
    return Row("embed documents, the model alone as the limit", "/s", [limit, ours], FILLING_GOAL)


async def _searching(
    engine: PostgresVectors,
    raw: asyncpg.Connection,
    organization: UUID,
    asked: Sequence[Any],
    rounds: int,
) -> list[Row]:
    """The nearest of all, and of a hundredth."""
    named = {"shelf": await raw.fetchval(_sql.shelf_of, organization), "dimensions": engine.model.dimensions}
    rows = await raw.fetch(_sql.documents_of, organization, timeout=300)
    ids = [row["document_id"] for row in rows]
    types = np.array([int(row["type"].removeprefix("type")) for row in rows])
    held = np.array([row["vector"] for row in rows], dtype=np.float32)
    held /= np.linalg.norm(held, axis=1, keepdims=True)

    async def near(number: int, **narrowed: Any) -> Any:
        return await engine.nearest(
            NearestQuery(organization=organization, vector=asked[number], limit=10, **narrowed)
        )

    async def filtered(number: int) -> Any:
        return await near(number, types=[f"type{number % TYPES}"])

    async def recall(ask: Callable[[int], Awaitable[Any]], narrow: bool) -> float:
        hits = 0
        for number, vector in enumerate(asked):
            alike = held @ vector
            if narrow:
                alike[types != number % TYPES] = -2
            best = {ids[place] for place in np.argsort(-alike)[:10]}
            hits += len(best & {match.id for match in (await ask(number)).matches})
        return hits / (10 * len(asked))

    async def raw_near(number: int) -> None:
        await raw.fetch(_sql.raw_nearest.format(**named), asked[number].tolist(), organization)

    async def raw_filtered(number: int) -> None:
        statement = _sql.raw_filtered.format(**named)
        await raw.fetch(statement, asked[number].tolist(), organization, f"type{number % TYPES}")

    title = f"the 10 nearest of {len(ids):,} passages"
    both = await _compete(title, raw_near, near, NEAREST_GOAL, rounds)
    few = await _compete(f"{title}, 1 % of them filtered", raw_filtered, filtered, FILTERED_GOAL, rounds)
    return [
        replace(both, remark=f"recall {await recall(near, False):.3f} (goal: {RECALL_GOAL})"),
        replace(few, remark=f"recall {await recall(filtered, True):.3f} (goal: {FILTERED_RECALL_GOAL})"),
    ]


async def _compete(title: str, raw: Any, ours: Any, goal: float, rounds: int) -> Row:
    contestants = [Contestant(LIMIT, _times(raw)), Contestant(OURS, _times(ours))]
    return await compete(title, contestants, operations=QUERIES, rounds=rounds, goal=goal)


def _times(ask: Callable[[int], Awaitable[Any]]) -> Callable[[int], Awaitable[None]]:
    async def work(times: int) -> None:
        for number in range(times):
            await ask(number % QUERIES)

    return work
