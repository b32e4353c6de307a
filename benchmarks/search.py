"""Keyword search over 50,000 short documents, and filling its index.

The limit of searching is PostgreSQL's text search as it is usually written, without organizations: one tsvector a
document, one GIN index, every match ranked, the page highlighted; that of the embedded index is its library. The
limit of filling is a loop that reads the same bodies and inserts what that search needs. Queries are made of words that
stand in the documents.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.corpus import SEED, documents, words_of
from benchmarks.measure import LIMIT, OURS, Contestant, Result, Row, compete
from benchmarks.search_embedded import Alone, Ask, Embedded, folders
from octavo import Octavo
from octavo.postgres.statements import load

DOCUMENTS = 50_000
FILLED = 6_000
NEIGHBOURS, OF_NEIGHBOURS = 20, 500
QUERIES = 60
BATCH = 1_000
PROJECTION_GOAL = 0.7
MEDIAN_GOAL_MS, P95_GOAL_MS = 5.0, 20.0
# What an embedded search may take beyond twice the library's time.
EMBEDDED_MORE_MS = 0.3
# The library, and one statement that asks which of its hits are live.
FLOOR = "library and heads"

_sql = load("benchmarks", "search.sql")
_NOBODY = UUID(int=0)


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about keyword search."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    view = db.organization(organization.name)
    await put(view, documents(DOCUMENTS))
    for number in range(NEIGHBOURS):
        neighbour = await db.organizations.create(f"bench-{number}-{uuid7().hex[:16]}")
        await put(db.organization(neighbour.name), documents(OF_NEIGHBOURS))
    raw = await asyncpg.connect(**admin)
    try:
        await raw.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        await db.drain(timeout_seconds=600)
        filling = await _filling(db, raw, rounds)
        await _fill_raw(raw, organization.id, DOCUMENTS)
        await raw.execute("VACUUM ANALYZE", timeout=300)
        searching = [await _searching(kind, view, raw, rounds) for kind in _KINDS]
        embedded = await _embedded(db, raw, organization.id, rounds)
        return [filling, await _freshness(db, view), *searching, *embedded]
    finally:
        await raw.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        await raw.close()


async def put(view: Any, texts: Sequence[tuple[str, str]]) -> None:
    for start in range(0, len(texts), BATCH):
        await view.documents.put_many(
            [
                {"type": "article", "body": {"title": title, "text": text}}
                for title, text in texts[start : start + BATCH]
            ]
        )


async def _fill_raw(raw: asyncpg.Connection, organization: UUID, number: int) -> None:
    """The shortest program that fills a text index from the record's bodies."""
    await raw.execute("DROP TABLE IF EXISTS bench.text_index")
    await raw.execute(_sql.raw_table)
    await raw.execute(_sql.raw_words)
    last, done = _NOBODY, 0
    while done < number:
        rows = await raw.fetch(_sql.raw_read, organization, last, min(BATCH, number - done))
        bodies = [json.loads(row["value"]) for row in rows]
        await raw.execute(
            _sql.raw_add,
            [row["id"] for row in rows],
            [body["title"] for body in bodies],
            [body["text"] for body in bodies],
        )
        last, done = rows[-1]["id"], done + len(rows)


async def _filling(db: Octavo, raw: asyncpg.Connection, rounds: int) -> Row:
    """New documents to the index: by the projection, which follows the log, and by the loop."""
    limit, ours = Result(LIMIT), Result(OURS)
    for number in range(rounds + 1):
        organization = await db.organizations.create(f"bench-fill-{uuid7().hex[:20]}")
        await put(db.organization(organization.name), documents(FILLED))
        begun = time.perf_counter()
        await _fill_raw(raw, organization.id, FILLED)
        filled = time.perf_counter()
        await db.drain(timeout_seconds=600, roles=("search",))
        if number:  # the first round warms up
            limit.per_second.append(FILLED / (filled - begun))
            ours.per_second.append(FILLED / (time.perf_counter() - filled))
    return Row("index short documents for search", "/s", [limit, ours], PROJECTION_GOAL)


async def _freshness(db: Octavo, view: Any) -> Row:
    """How long after its commit a document is found, one at a time."""
    db.projections.start()
    waits: list[float] = []
    for number in range(200):
        document = await view.documents.put(
            "article", {"text": f"This is the new and fresh document fresh{number}q."}
        )
        begun = time.perf_counter()
        hits = await view.search(f"fresh{number}q", after=document.position)
        waits.append(1000 * (time.perf_counter() - begun))
        assert [hit.id for hit in hits.hits] == [document.id]
    await db.projections.stop()
    ours = Result(OURS, [1000 / wait for wait in waits[10:]])
    remark = f"committed until found: {spread(waits[10:], 99)} (goal: 20 ms and 100 ms)"
    return Row("find what was just committed", "/s", [ours], None, remark=remark)


async def _searching(kind: str, view: Any, raw: asyncpg.Connection, rounds: int) -> Row:
    """One kind of query, in turns."""
    asked = _KINDS[kind](random.Random(SEED))
    took: dict[str, list[float]] = {LIMIT: [], OURS: []}

    async def find_raw(query: tuple[str, str]) -> None:
        await raw.fetch(_sql.raw_search, query[1], 10)

    async def find_ours(query: tuple[str, str]) -> None:
        await view.search(query[0], limit=10)

    row = await compete(
        f"search {DOCUMENTS:,} documents for {kind}",
        [
            Contestant(LIMIT, timed(find_raw, asked, took[LIMIT])),
            Contestant(OURS, timed(find_ours, asked, took[OURS])),
        ],
        operations=QUERIES,
        rounds=rounds,
    )
    remark = (
        f"Octavo {spread(took[OURS], 95)}, text search as usual {spread(took[LIMIT], 95)} "
        f"(goal: {MEDIAN_GOAL_MS:g} ms and {P95_GOAL_MS:g} ms)"
    )
    return replace(row, remark=remark)


async def _embedded(db: Octavo, raw: asyncpg.Connection, organization: UUID, rounds: int) -> list[Row]:
    """The same questions to an index in a folder, and to the library it is made with, alone."""
    with folders() as (one, other):
        embedded, alone = Embedded(db, one), Alone(other)
        seconds = await embedded.fill()
        # An index in a folder takes all organizations of the record, those of other benchmarks too.
        (there,) = await db.record.system.fetch("SELECT count(*) AS documents FROM octavo.document_filter")
        filling = Row(
            "fill an embedded index with the record's documents",
            "/s",
            [
                Result(LIMIT, [DOCUMENTS / alone.fill(documents(DOCUMENTS))]),
                Result(OURS, [there["documents"] / seconds]),
            ],
            None,
            remark="the limit reads nothing from a database and asks no dictionary",
        )
        ids = [row["id"] for row in await raw.fetch(_sql.raw_ids, organization)]
        floor = alone.asking_with_heads(raw, organization, ids)
        asking = alone.asking(), floor, embedded.asking(organization)
        return [filling, *[await _asked(kind, *asking, rounds) for kind in _KINDS]]


async def _asked(kind: str, alone: Ask, floor: Ask, embedded: Ask, rounds: int) -> Row:
    asked = _KINDS[kind](random.Random(SEED))
    took: dict[str, list[float]] = {LIMIT: [], FLOOR: [], OURS: []}

    def work(name: str, ask: Ask) -> Contestant:
        return Contestant(name, timed(lambda query: ask(query[0]), asked, took[name]))

    row = await compete(
        f"search {DOCUMENTS:,} documents in the embedded index for {kind}",
        [work(LIMIT, alone), work(FLOOR, floor), work(OURS, embedded)],
        operations=QUERIES,
        rounds=rounds,
    )
    goal = 2 * statistics.median(took[LIMIT]) + EMBEDDED_MORE_MS
    remark = (
        f"Octavo {spread(took[OURS], 95)}, tantivy alone {spread(took[LIMIT], 95)}, with a look at the heads "
        f"{spread(took[FLOOR], 95)} (goal: p50 {goal:.1f} ms)"
    )
    return replace(row, remark=remark)


def timed(
    find: Callable[[tuple[str, str]], Awaitable[None]], asked: Sequence[tuple[str, str]], took: list[float]
) -> Callable[[int], Awaitable[None]]:
    async def work(times: int) -> None:
        for number in range(times):
            begun = time.perf_counter()
            await find(asked[number % len(asked)])
            took.append(1000 * (time.perf_counter() - begun))

    return work


def spread(took: Sequence[float], percent: int) -> str:
    return f"p50 {statistics.median(took):.1f} ms, p{percent} {statistics.quantiles(took, n=100)[percent - 1]:.1f} ms"


def two_words(chance: random.Random) -> list[tuple[str, str]]:
    return [(f"{one} {other}", f"'{one}' & '{other}'") for one, other in _together(chance, 2)]


def _any_of_three(chance: random.Random) -> list[tuple[str, str]]:
    return [(" OR ".join(words), " | ".join(f"'{word}'" for word in words)) for words in _together(chance, 3)]


def _phrase(chance: random.Random) -> list[tuple[str, str]]:
    pairs = re.compile(r"\b([a-z]{3,}) ([a-z]{3,})\b")
    found: list[tuple[str, str]] = []
    while len(found) < QUERIES:
        neighbours = [pair for pair in pairs.findall(_some_text(chance)) if all(map(words_of, pair))]
        found += [(f'"{one} {other}"', f"'{one}' <-> '{other}'") for one, other in neighbours[:1]]
    return found


def _common_word(_: random.Random) -> list[tuple[str, str]]:
    counts = Counter(word for _, text in documents(DOCUMENTS) for word in set(words_of(text)))
    return [(word, f"'{word}'") for word, _ in counts.most_common(QUERIES)]


def _together(chance: random.Random, number: int) -> list[list[str]]:
    """Different words of one document, as many times as there are queries."""
    texts = (sorted(set(words_of(_some_text(chance)))) for _ in range(10 * QUERIES))
    return [chance.sample(words, number) for words in texts if len(words) > number][:QUERIES]


def _some_text(chance: random.Random) -> str:
    return chance.choice(documents(DOCUMENTS))[1]


_KINDS: dict[str, Callable[[random.Random], list[tuple[str, str]]]] = {
    "two words": two_words,
    "any of three words": _any_of_three,
    "a phrase": _phrase,
    "one common word": _common_word,
}
