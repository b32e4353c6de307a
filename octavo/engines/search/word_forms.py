"""Words as an index outside PostgreSQL takes them, in the forms PostgreSQL's dictionaries give.

The dictionaries stay where they are: a word's form is asked of the record once, and remembered. So a document
matches the same words in every engine, and a dictionary that an operator adds holds for all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from octavo.engines.search import lexemes
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner

# What is indexed of words; None of one too common to be.
Forms = Mapping[str, str | None]

_sql = load("octavo.engines.search", "candidates.sql")

PLAIN = "simple"
# Words remembered for each configuration; what is longer than 60 characters is no word of a dictionary.
REMEMBERED = 200_000
LONGEST = 60

# Behind it are ideographs, and variation selectors for them.
_LAST_MARK = 0x20000
# What becomes of the bytes of a text in ASCII: small letters and digits stay, all else divides words.
_PLAIN_LETTERS = bytes(ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128))
_PLAIN = _PLAIN_LETTERS.ljust(256, b" ")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case and in order, scripts without spaces as pairs of letters."""
    if text.isascii():
        return text.encode().translate(_PLAIN).decode().split()
    return _word().findall((lexemes.paired(text) or text).lower())


def asked_words_of(text: str) -> list[str]:
    """The words of a term of a query: as `words_of`, but that a run of unspaced letters has no loose last one."""
    return _word().findall(lexemes.asked_pairs(text).lower())


@cache
def _word() -> re.Pattern[str]:
    # Marks belong to their letters; the pattern language has no name for them.
    marks = [chr(code) for code in range(_LAST_MARK) if unicodedata.category(chr(code))[0] == "M"]
    return re.compile(f"(?:[^\\W_]|[{_ranges(marks)}])+")


def _ranges(characters: Sequence[str]) -> str:
    ranges: list[list[str]] = []
    for character in characters:
        if ranges and ord(character) == ord(ranges[-1][1]) + 1:
            ranges[-1][1] = character
        else:
            ranges.append([character, character])
    return "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in ranges)


class WordForms:
    """What dictionaries make of words: the form that is indexed, None for a word too common to be.

    Args:
        runner: asks the record.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._known: dict[str, dict[str, str | None]] = {}

    async def of(self, configuration: str | None, words: Iterable[str]) -> Mapping[str, str | None]:
        """The forms of words in a text search configuration; a word that has none is its own form."""
        if configuration in (None, PLAIN):
            return {word: word for word in words}
        wanted = set(words)
        known = self._known.setdefault(configuration, {})
        if unknown := [word for word in wanted if word not in known and len(word) <= LONGEST]:
            if len(known) + len(unknown) > REMEMBERED:
                known.clear()
                unknown = [word for word in wanted if len(word) <= LONGEST]
            rows = await self._runner.fetch(_sql.lexemes, configuration, unknown)
            known.update((row["word"], min(row["lexemes"], default=None)) for row in rows)
        return {word: known.get(word, word) for word in wanted}
