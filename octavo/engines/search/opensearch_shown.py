"""What is shown of a document that an OpenSearch index found: its best passage, and why it has its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.meaning import Meaning, marked
from octavo.engines.search.opensearch_documents import Shown, ShownPassage
from octavo.engines.search.opensearch_query import APART, WEIGHED
from octavo.engines.search.word_forms import words_of
from octavo.postgres.pool import Row
from octavo.roles.search import MATCH_START, Explanation, Match, Place, Query, Standing

_ABOUT_AS_GOOD = 0.75


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A document that matches by its best passage."""

    id: UUID
    score: float


class Best(msgspec.Struct, frozen=True):
    """What is shown of a document: its best passage for a query, with what matches between marks.

    Attributes:
        standing: `part:word` of words in title, preview and description, if an explanation is asked for.
        apart: no passage matches by itself.
    """

    shown: Shown
    passage: ShownPassage
    highlight: str
    standing: Sequence[str]
    apart: bool = False


def match(
    query: Query, meaning: Meaning, one: Candidate, row: Row, *, value: float | bytes, best: Best
) -> Match:
    """What is told of a document that matches; `value` is what it is sorted by."""
    passage = best.passage
    return Match(
        id=one.id,
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        title=best.shown.title,
        description=best.shown.description,
        version=best.shown.version,
        current_version=row["version"],
        score=one.score,
        start=passage.start,
        end=passage.end,
        highlight=best.highlight,
        place=Place(0, value, one.id),
        explanation=_explanation(query, meaning, one, row["type"], best) if query.explain else None,
    )


def _explanation(query: Query, meaning: Meaning, one: Candidate, type: str, best: Best) -> Explanation:
    """Why a document has its score: the words that stand in it, and the factors."""
    forms = {best.passage.forms.get(word, word) for word in words_of(best.passage.text)}
    words = {word: word in forms for word in sorted(meaning.whole_forms)}
    words |= {f"{start}*": any(form.startswith(start) for form in forms) for start in meaning.beginnings}
    found = [
        Standing(word, [part for part in WEIGHED if f"{part}:{word}" in best.standing] + ["text"] * in_text)
        for word, in_text in words.items()
    ]
    boost, apart = query.boosts.get(type, 1.0), APART if best.apart else 1.0
    factors = {"words": one.score / boost / apart, "apart": apart, "boost": boost}
    return Explanation(
        found=[one for one in found if one.parts],
        factors={name: factor for name, factor in factors.items() if name == "words" or factor != 1.0},
    )


def best_of(hit: Mapping[str, Any], asked: Meaning) -> Best:
    """Of the passages that score about as well as the best one, the one with most matches."""
    found = hit["inner_hits"]["passages"]["hits"]["hits"]
    enough = found[0]["_score"] * _ABOUT_AS_GOOD
    passages = [
        msgspec.convert(one["_source"]["shown"], ShownPassage) for one in found if one["_score"] >= enough
    ]
    highlights = [marked(one.text, one.forms, asked) for one in passages]
    best = max(range(len(passages)), key=lambda at: highlights[at].count(MATCH_START))
    shown = msgspec.convert(hit["_source"]["shown"], Shown)
    return Best(shown, passages[best], highlights[best], hit.get("matched_queries", ()))
