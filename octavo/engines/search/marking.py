"""Marks in a passage, around the words of it that match."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from octavo.roles.search import MATCH_END, MATCH_START


def marked(text: str, words: Collection[str], beginnings: Sequence[str] = ()) -> str:
    """A text with some of its words between marks.

    Args:
        words: in lower case, to be marked where they stand as whole words.
        beginnings: in lower case; words that begin so are marked to their end.
    """
    pieces: list[str] = []
    at = 0
    for start, end in sorted(_spans(_lower(text), words, beginnings), key=lambda span: (span[0], -span[1])):
        if start >= at:
            pieces += (text[at:start], MATCH_START, text[start:end], MATCH_END)
            at = end
    return "".join([*pieces, text[at:]])


def _spans(text: str, words: Collection[str], beginnings: Sequence[str]) -> Iterator[tuple[int, int]]:
    for word in words:
        yield from ((start, end) for start, end in _beginning(text, word) if _ends(text, end))
    for beginning in beginnings:
        yield from ((start, _word_end(text, end)) for start, end in _beginning(text, beginning))


def _beginning(text: str, word: str) -> Iterator[tuple[int, int]]:
    """Where a word begins so. A search for each is faster than one pattern of all, which must be made first."""
    start = text.find(word) if word else -1
    while start >= 0:
        end = start + len(word)
        if start == 0 or not text[start - 1].isalnum():
            yield start, end
        start = text.find(word, start + 1)


def _ends(text: str, end: int) -> bool:
    return end == len(text) or not text[end].isalnum()


def _word_end(text: str, end: int) -> int:
    while not _ends(text, end):
        end += 1
    return end


def _lower(text: str) -> str:
    """In lower case, each character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one.lower()) != 1 else one.lower() for one in text)
