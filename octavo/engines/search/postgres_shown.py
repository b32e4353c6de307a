"""What is shown of a page of matches: their passages with marks, and why they have their scores.

PostgreSQL's own highlighting takes more time than finding and ranking together, because it asks the dictionaries for
each word of each passage anew. The forms of words are remembered here instead: they are asked for once a process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from octavo.engines.search import lexemes
from octavo.engines.search.marking import marked
from octavo.engines.search.word_forms import Forms, WordForms, words_of
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner
from octavo.roles.search import Explanation, Query, Standing

_sql = load("octavo.engines.search", "postgres_shown.sql")

_LEXEME = re.compile(r"'((?:[^'\\]|''|\\.)*)'(:[A-D]*\*)?")
# The classes of a tsvector's places; a place without a class is of the text.
_PARTS = {"A": "title", "B": "preview", "C": "description", "D": "text"}
_APART = 0.01


class Lexemes(msgspec.Struct, frozen=True):
    """What a query looks for, as PostgreSQL has it."""

    whole: frozenset[str]
    beginnings: tuple[str, ...]

    def among(self, forms: Forms) -> set[str]:
        """Those of some words whose forms are looked for."""
        found = {word for word, form in forms.items() if form in self.whole}
        if self.beginnings:
            found |= {word for word, form in forms.items() if form and form.startswith(self.beginnings)}
        return found


async def marked_texts(rows: Sequence[Row], forms: WordForms) -> list[str]:
    """The passages of matches with what matched between marks."""
    asked = _lexemes({row["words"] for row in rows if row["words"]})
    words: dict[str, set[str]] = {}
    for row in rows:
        words.setdefault(row["configuration"], set()).update(words_of(row["text"]))
    matching: dict[str, set[str]] = {}
    for configuration, used in words.items():
        known = await forms.of(configuration, used)
        matching[configuration] = asked.among(known)
    # Addresses, file names and numbers with a point are one word to PostgreSQL.
    joined = {form for form in asked.whole if not form.isalnum()}
    return [marked(row["text"], matching[row["configuration"]] | joined) for row in rows]


async def explanations(
    runner: Runner, query: Query, rows: Sequence[Row], ranked: bool
) -> Mapping[UUID, Explanation]:
    """Why the matches of a page have their scores."""
    asked = _lexemes({row["words"] for row in rows if row["words"]})
    columns = ([row[name] for row in rows] for name in ("document_id", "ordinal", "words"))
    of = {row["document_id"]: row for row in rows}
    told = await runner.fetch(
        _sql.explain,
        query.organization,
        *columns,
        list(asked.whole),
        list(asked.beginnings),
        lexemes.weight_classes(query.weights),
    )
    return {
        row["document_id"]: Explanation(
            found=_standing(row),
            factors=_factors(of[row["document_id"]], row["rank"], query),
            ranked=ranked,
        )
        for row in told
    }


def _lexemes(queries: set[str]) -> Lexemes:
    """The words of tsqueries, of their texts."""
    found = [
        (re.sub(r"''|\\(.)", lambda one: one[1] or "'", text), begins)
        for query in queries
        for text, begins in _LEXEME.findall(query)
    ]
    whole = frozenset(text for text, begins in found if not begins)
    return Lexemes(whole, tuple({text for text, begins in found if begins}))


def _standing(row: Row) -> list[Standing]:
    return [
        Standing(word, [part for letter, part in _PARTS.items() if letter in classes])
        for word, classes in zip(row["found"], row["classes"], strict=True)
    ]


def _factors(match: Row, rank: float, query: Query) -> dict[str, float]:
    """What the score is the product of."""
    boost = query.boosts.get(match["type"], 1.0)
    rest = match["score"] / boost
    factors = {"boost": boost} if boost != 1.0 else {}
    if match["is_apart"]:
        return {"words": rest / _APART, "apart": _APART, **factors}
    if rank == 0:
        return {"resemblance": rest, **factors}
    return {"words": rank, "rarity": rest / rank, **factors}
