"""A query with synonyms: each alternative once more with other words in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from octavo.roles.search import Term, Words
from octavo.values.synonyms import plain

# Alternatives of the whole query; what would be more is left out, the words as they were asked never.
MAX_ALTERNATIVES = 32
_LONGEST_PHRASE = 4


def names(words: Words) -> list[str]:
    """All words and runs of words of a query that may have synonyms."""
    return list({name: None for terms in words.alternatives for _, _, name in _runs(terms)})


def expanded(words: Words, sets: Sequence[Sequence[str]]) -> Words:
    """The query with what its words may be called as well; exclusions stay as they are.

    Args:
        sets: words that stand for each other, in lower case.
    """
    every = [list(islice(_readings(terms, sets), MAX_ALTERNATIVES)) for terms in words.alternatives]
    others = [reading for readings in every for reading in readings[1:]]
    alternatives = [readings[0] for readings in every] + others
    return Words(tuple(dict.fromkeys(alternatives[: max(MAX_ALTERNATIVES, len(every))])), words.excluded)


def _readings(terms: tuple[Term, ...], sets: Sequence[Sequence[str]]) -> Iterator[tuple[Term, ...]]:
    """The terms as they are, and with synonyms in the place of words, the longest run first."""
    choices: list[list[tuple[Term, ...]]] = []
    at = 0
    while at < len(terms):
        length, others = _longest(terms, at, sets)
        choices.append([terms[at : at + length], *((_term(other),) for other in others)])
        at += length
    for chosen in product(*choices):
        yield tuple(term for part in chosen for term in part)


def _longest(terms: tuple[Term, ...], at: int, sets: Sequence[Sequence[str]]) -> tuple[int, list[str]]:
    runs = [(length, name) for start, length, name in _runs(terms) if start == at]
    for length, name in sorted(runs, reverse=True):
        others = list({word: None for one in sets if name in one for word in one if word != name})
        if others:
            return length, others
    return 1, []


def _runs(terms: Sequence[Term]) -> Iterator[tuple[int, int, str]]:
    """Where words begin that may be one name, how many terms they are, and the name."""
    for start, first in enumerate(terms):
        if first.kind == "phrase":
            yield start, 1, plain(first.text)
        for length in range(1, _LONGEST_PHRASE + 1):
            run = terms[start : start + length]
            if len(run) < length or any(term.kind != "word" for term in run):
                break
            yield start, length, plain(" ".join(term.text for term in run))


def _term(text: str) -> Term:
    return Term(text, "phrase" if " " in text else "word")
