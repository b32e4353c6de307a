"""The query language.

    refund policy        documents with both words, in any order, in any form the language knows
    "refund policy"      the words next to each other, in this order
    refund OR return     either; words without OR between them belong together: `a b OR c` is (a and b) or c
    refund -draft        without documents that have `draft` anywhere
    refund -"on hold"    … or the phrase
    refun*               words that begin so

Letter case means nothing but for OR. Everything else is text: punctuation separates words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.search import Term, Words

MAX_CHARACTERS = 1_000
MAX_TERMS = 32
# What PostgreSQL takes for one word, in bytes.
MAX_TERM_BYTES = 2_000

_TOKEN = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_SPOKEN = re.compile(r"[^\W_]")


class _Token(msgspec.Struct, frozen=True):
    term: Term
    excluded: bool


def parse(text: str) -> Words:
    """What a query asks for.

    Raises:
        InvalidInput: no word to look for, or text that no document can hold.
        LimitExceeded: more than 1,000 characters, 32 terms, or a word of more than 2,000 bytes.
    """
    _check(text)
    alternatives: list[list[Term]] = [[]]
    excluded: list[Term] = []
    for token in _tokens(text):
        if token is None:
            alternatives.append([])
        elif token.excluded:
            excluded.append(token.term)
        else:
            alternatives[-1].append(token.term)
    wanted = tuple(tuple(terms) for terms in alternatives if terms)
    if not wanted:
        raise InvalidInput(
            f"the query {text[:80]!r} has no word to look for", remedy="write a word that documents may have"
        )
    _check_terms([*(term for terms in wanted for term in terms), *excluded])
    return Words(wanted, tuple(excluded))


def spoken(words: Words) -> str:
    """The words that are wanted, as one would say them: without OR, and without what is excluded."""
    return " ".join(term.text for terms in words.alternatives for term in terms)


def _check(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise LimitExceeded(
            f"the query has {len(text)} characters",
            remedy=f"the limit is {MAX_CHARACTERS}",
            limit=MAX_CHARACTERS,
            actual=len(text),
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the query holds half a surrogate pair", remedy="send whole characters") from error
    if "\x00" in text:
        raise InvalidInput("the query holds the character U+0000", remedy="remove it")


def _check_terms(terms: list[Term]) -> None:
    if len(terms) > MAX_TERMS:
        raise LimitExceeded(
            f"the query has {len(terms)} terms",
            remedy=f"the limit is {MAX_TERMS}",
            limit=MAX_TERMS,
            actual=len(terms),
        )
    for term in terms:
        if len(term.text.encode()) > MAX_TERM_BYTES:
            raise LimitExceeded(
                f"the query has a term of {len(term.text)} characters, {term.text[:40]!r}…",
                remedy=f"the limit is {MAX_TERM_BYTES} bytes",
                limit=MAX_TERM_BYTES,
                actual=len(term.text.encode()),
            )


def _tokens(text: str) -> Iterator[_Token | None]:
    """Terms in order; None stands for OR."""
    for match in _TOKEN.finditer(text):
        if match["word"] == "OR" and not match["minus"]:
            yield None
        elif term := _term(match["phrase"], match["word"]):
            yield _Token(term, bool(match["minus"]))


def _term(phrase: str | None, word: str | None) -> Term | None:
    text = phrase if word is None else word
    if text is None or not _SPOKEN.search(text):
        return None
    if word is None:
        return Term(" ".join(text.split()), "phrase" if len(text.split()) > 1 else "word")
    if word.endswith("*"):
        return Term(word.rstrip("*"), "prefix")
    return Term(word)
