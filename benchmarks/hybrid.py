"""Hybrid search beside its two legs, each alone, over passages of documentation.

The limit is the slower leg: the same search by words or by meaning as a hybrid search runs it, for as many hits, of
which ten are made ready to be shown. Both legs run at the same time. Queries are two words that stand together in a
passage, so that both find something. Figures are medians of a round's questions, and the goal says how much of the
slower leg's speed a hybrid search must keep: p50 ≤ 1.2 × the slower leg + 1 ms.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from benchmarks.corpus import SEED, words_of
from benchmarks.measure import LIMIT, OURS, Result, Row
from benchmarks.passages import PASSAGES, holder, passages
from benchmarks.search import spread
from octavo import Octavo
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.projections.search import SearchProjection
from octavo.search.hybrid import FEWEST, Asked, Hybrid
from octavo.search.query import Ranking, Search
from octavo.search.semantic import Alone, Semantic

SIZES = (10_000, PASSAGES)
ASKED, LIMIT_OF_PAGE = 100, 10
TIMES, MORE_MS = 1.2, 1.0
WORDS, MEANING = "by words", "by meaning"

Ask = Callable[[str], Awaitable[None]]


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """The rows about hybrid search."""
    del admin
    embedder = WordLlamaEmbedder()
    organizations = [await holder(db, embedder, number) for number in SIZES]
    projection = SearchProjection(
        db.record.system, Feed(db.record.system, Wakeup()), PostgresSearch(db.record)
    )
    while await projection.step():
        pass
    await db.record.system.execute("ANALYZE")
    words = Search(PostgresSearch(db.record), db.record.app)
    meaning = Semantic(Alone(PostgresVectors(db.record, embedder.model), embedder))
    return [
        await _row(number, _asking(organization, words, meaning), rounds)
        for number, organization in zip(SIZES, organizations, strict=True)
    ]


def _asking(organization: UUID, words: Search, meaning: Semantic) -> dict[str, Ask]:
    """The same question to each leg and to both."""
    hybrid = Hybrid(words, meaning)

    async def by_words(text: str) -> None:
        found = await words.matches(
            organization,
            text,
            namespace="default",
            type=None,
            where=None,
            limit=FEWEST,
            synonyms=False,
            ranking=Ranking(),
            wanted=None,
            deadline=0.0,
            fallback="error",
        )
        await found.shown({match.id for match in found.found.matches[:LIMIT_OF_PAGE]})

    async def by_meaning(text: str) -> None:
        await meaning.search(organization, text, namespace="default", limit=FEWEST)

    async def by_both(text: str) -> None:
        asked = Asked(organization=organization, text=text, namespace="default", limit=LIMIT_OF_PAGE)
        await hybrid.search("hybrid", asked)

    return {WORDS: by_words, MEANING: by_meaning, OURS: by_both}


async def _row(number: int, asking: Mapping[str, Ask], rounds: int) -> Row:
    questions = _questions(passages()[1][:number])
    took: dict[str, list[list[float]]] = {name: [] for name in asking}
    for turn in range(rounds + 1):
        for name, ask in asking.items():
            milliseconds = await _timed(ask, questions)
            if turn:  # the first round warms up
                took[name].append(milliseconds)
    return _judged(f"hybrid search of {number:,} passages, p50", took)


async def _timed(ask: Ask, questions: Sequence[str]) -> list[float]:
    took = []
    for question in questions:
        begun = time.perf_counter()
        await ask(question)
        took.append(1000 * (time.perf_counter() - begun))
    return took


def _questions(texts: Sequence[str]) -> list[str]:
    """Two different words of a passage each."""
    chance = random.Random(SEED)
    found = list[str]()
    while len(found) < ASKED:
        words = sorted(set(words_of(chance.choice(texts))))
        if len(words) > 1:
            found.append(" ".join(chance.sample(words, 2)))
    return found


def _judged(title: str, took: Mapping[str, Sequence[Sequence[float]]]) -> Row:
    """The slower leg as the limit, and what its goal comes to."""
    median = {name: statistics.median(map(statistics.median, rounds)) for name, rounds in took.items()}
    slower = max((WORDS, MEANING), key=lambda name: median[name])
    goal = TIMES * median[slower] + MORE_MS
    told = ", ".join(f"{name} {spread([*chain(*took[name])], 95)}" for name in (OURS, WORDS, MEANING))
    results = [
        Result(LIMIT if name == slower else name, [1000 / statistics.median(one) for one in rounds])
        for name, rounds in took.items()
    ]
    return Row(
        title,
        "/s",
        results,
        round(median[slower] / goal, 2),
        remark=f"{told}; the limit is the search {slower} (goal: p50 {goal:.1f} ms)",
    )
