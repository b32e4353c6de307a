"""The words of an organization, read from its newest passages when they are asked for.

Kept as a table they would cost every write, and a word would have to be taken out again with the last document that
had it. A question for them is rare: somebody has misspelt a word, and nothing was found.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from octavo.engines.search.word_forms import words_of
from octavo.postgres.statements import load
from octavo.postgres.transaction import Row, Runner

_sql = load("octavo.engines.search", "postgres_words.sql")

NEWEST_PASSAGES = 4_000


async def vocabulary(runner: Runner, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
    """Words with these beginnings, with the number of passages that have them, of the newest 4,000 passages."""
    rows = await runner.fetch(_sql.newest_texts, organization, NEWEST_PASSAGES)
    return await asyncio.to_thread(_counted, rows, tuple(beginnings))


def _counted(rows: Sequence[Row], beginnings: tuple[str, ...]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        words = set(words_of(f"{row['title'] or ''} {row['text']}"))
        found.update(word for word in words if word.startswith(beginnings))
    return found
