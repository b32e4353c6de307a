"""Synonyms: words that an organization takes for the same when it searches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.values.actor import Actor

MAX_WORDS = 20
MAX_SETS = 1_000
MAX_CHARACTERS = 100
MAX_LANGUAGE = 35


class Synonyms(msgspec.Struct, frozen=True, kw_only=True):
    """A set of words, each of which stands for every other.

    Attributes:
        language: BCP 47 tag of the language they are of; None: of every one.
        words: single words and phrases, in lower case.
    """

    id: UUID
    language: str | None
    words: Sequence[str]
    created_at: datetime
    created_by: Actor

    def as_dict(self) -> dict[str, Any]:
        """The set as plain data."""
        return {
            "id": str(self.id),
            "language": self.language,
            "words": list(self.words),
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
        }


def words_of(words: Sequence[str]) -> list[str]:
    """The words of a set as they are kept.

    Raises:
        InvalidInput: fewer than two different words, or one that is empty or holds a quote.
        LimitExceeded: more than 20 words, or one of more than 100 characters.
    """
    kept = list({plain(word): None for word in words})
    if isinstance(words, str) or len(kept) < 2:
        raise InvalidInput(f"{words!r} are not synonyms", remedy="give two different words or more")
    if len(kept) > MAX_WORDS:
        raise LimitExceeded(
            f"{len(kept)} synonyms in one set",
            remedy=f"the limit is {MAX_WORDS}",
            limit=MAX_WORDS,
            actual=len(kept),
        )
    for word in kept:
        _check(word)
    return kept


def plain(word: str) -> str:
    """A word or phrase without regard to case and white space."""
    return " ".join(word.lower().split())


def language_of(language: str | None) -> str:
    """The language as it is kept: empty for every one; raises `InvalidInput`."""
    if language is not None and not 1 <= len(language) <= MAX_LANGUAGE:
        raise InvalidInput(f"language = {language!r}", remedy="give a tag such as de, or none")
    return (language or "").lower()


def _check(word: str) -> None:
    if len(word) > MAX_CHARACTERS:
        raise LimitExceeded(
            f"the synonym {word[:40]!r}… has {len(word)} characters",
            remedy=f"the limit is {MAX_CHARACTERS}",
            limit=MAX_CHARACTERS,
            actual=len(word),
        )
    if '"' in word or "\x00" in word or not any(letter.isalnum() for letter in word):
        raise InvalidInput(f"{word!r} is not a synonym", remedy="give words of letters or digits")
