"""Misspelt words: which words of a vocabulary were meant.

Distance: insertions, deletions, changes of a letter and swaps of neighbours (optimal string alignment; Damerau, "A
technique for computer detection and correction of spelling errors", 1964). The first letter is taken to be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SHORTEST = 3
_TWO_ERRORS_FROM = 6
CANDIDATES = 3

_WORD = re.compile(r"(?<![\w-])[^\W\d_]{3,40}(?![\w*])")
_OPERATOR = "OR"


def words_of(query: str) -> list[str]:
    """The words of a query that may be misspelt, in lower case: of letters only, neither excluded nor cut short."""
    return list({word.lower(): None for word in _WORD.findall(query) if word != _OPERATOR})


def replaced(query: str, meant: Mapping[str, str]) -> str:
    """The query with words in the place of others; everything else of it stays."""
    return _WORD.sub(
        lambda found: found[0] if found[0] == _OPERATOR else meant.get(found[0].lower(), found[0]), query
    )


def nearest(word: str, vocabulary: Mapping[str, int]) -> list[str]:
    """The words that are most likely meant, at most three: the nearest first, of equals the most used.

    Args:
        vocabulary: words and how often they are used. A word that is in it is not misspelt.
    """
    if word in vocabulary or len(word) < SHORTEST:
        return []
    errors = 2 if len(word) >= _TWO_ERRORS_FROM else 1
    near = [
        (away, -used, other)
        for other, used in vocabulary.items()
        if abs(len(other) - len(word)) <= errors and (away := distance(word, other, errors)) <= errors
    ]
    return [other for _, _, other in sorted(near)[:CANDIDATES]]


def distance(one: str, other: str, most: int) -> int:
    """How many errors make one word of the other; `most + 1` when they are more than `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, last, row = row, before, [at]
        for place, different in enumerate(other, 1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != different))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == different:
                cost = min(cost, last[place - 2] + 1)
            row.append(cost)
        if min(row) > most and (not before or min(before) > most):
            return most + 1
    return min(row[-1], most + 1)
