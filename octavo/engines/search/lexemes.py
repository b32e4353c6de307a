"""Words as PostgreSQL's text search takes them: query texts, and text in scripts that are written without spaces.

PostgreSQL's parser takes a run of such letters for one word, so nothing inside it would be found. They are
therefore indexed as overlapping pairs, as Lucene's CJK analyser does, and the last letter: 全文検索 becomes
全文 文検 検索 索. A query is pairs too, as a phrase, and a single letter is the beginning of a pair. Hangul has
spaces but joins particles to words; pairs find the words without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from octavo.roles.search import Term, Weights

SHORTEST_RESEMBLING = 3

_UNSPACED = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u109f\u1780-\u17d3\u3005-\u3007\u3041-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003fffd]+"
)
_JOINED = re.compile(r"(?<=\w)[_./\\-]+(?=\w)")
_DIGIT = re.compile(r"\d")
_SPECIAL = str.maketrans({"'": "''", "\\": "\\\\"})


def paired(text: str) -> str | None:
    """The text with every unspaced run as pairs and its last letter; None when it has no such run."""
    made, count = _UNSPACED.subn(lambda run: f" {_pairs(run[0])} {run[0][-1]} ", text)
    return made if count else None


def name_words(name: str) -> str | None:
    """A name's words as they are indexed, None for as they stand.

    PostgreSQL takes `annual_report-2024.pdf` for the name of a host or a file, which is one word; its parts are
    added, so that `report` finds it.
    """
    apart = _JOINED.sub(" ", name)
    words = name if apart == name else f"{name} {apart}"
    return paired(words) or (None if words is name else words)


def alternative_query(terms: Sequence[Term]) -> str:
    """Text for `to_tsquery` that demands every term."""
    return " & ".join(term_query(term) for term in terms)


def excluded_query(terms: Sequence[Term]) -> str | None:
    """Text for `to_tsquery` that any of the terms satisfies; None for no terms."""
    return " | ".join(term_query(term) for term in terms) or None


def term_query(term: Term) -> str:
    """Text for `to_tsquery` of one term; quoted, so that no character in it is an operator."""
    return f"'{asked_pairs(term.text).translate(_SPECIAL)}'" + (":*" if is_beginning(term) else "")


def asked_pairs(text: str) -> str:
    """The text of a term with its unspaced runs as pairs."""
    return _UNSPACED.sub(lambda run: f" {_pairs(run[0])} ", text)


def is_beginning(term: Term) -> bool:
    """Whether the last word of a term may go on: asked so, or a single letter, which begins a pair."""
    return term.kind == "prefix" or any(len(run) == 1 for run in _UNSPACED.findall(term.text))


def resembling_words(terms: Iterable[Term]) -> list[str]:
    """The words that trigrams can compare, longest first; none if one has a digit: numbers do not resemble."""
    words = {word for term in terms for word in term.text.split() if len(word) >= SHORTEST_RESEMBLING}
    if any(_DIGIT.search(word) for word in words):
        return []
    return sorted(words, key=lambda word: (-len(word), word))


def weight_classes(weights: Weights) -> list[float]:
    """Weights as PostgreSQL takes them: of text, description, preview and title, 1 at most."""
    given = (weights.text, weights.description, weights.preview, weights.title)
    most = max(given) or 1.0
    return [weight / most for weight in given]


def _pairs(letters: str) -> str:
    return " ".join(letters[at : at + 2] for at in range(max(1, len(letters) - 1)))
