"""A text of any size as passages: small enough to index, large enough to mean something."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from octavo.errors import InvalidInput

TARGET_CHARACTERS = 1_500

_VISIBLE = re.compile(r"\S")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_END = re.compile(r"\n\s*")
# A full stop, then white space; the ideographic ones need none. Quotes and brackets close with the sentence.
# Runs are taken whole and from their beginning only, or a megabyte of dots would take quadratic time.
_ENDS, _CLOSES = r".!?\u2026\u061f\u0964", r"\"'\u2019\u201d\u00bb)\]"
_WIDE_ENDS, _WIDE_CLOSES = r"\u3002\uff01\uff1f", r"\u300d\u300f\uff09\u201d\u2019"
_SENTENCE_END = re.compile(
    rf"(?<![{_ENDS}])[{_ENDS}]++[{_CLOSES}]*+\s+|(?<![{_WIDE_ENDS}])[{_WIDE_ENDS}]++[{_WIDE_CLOSES}]*+\s*"
)
_SPACE = re.compile(r"\s+")
_BOUNDARIES = (_BLANK_LINE, _LINE_END, _SENTENCE_END, _SPACE)
# What must not be parted from the code point before it: marks, selectors, joiners, skin tones.
_ATTACHED = re.compile(r"[\u0300-\u036f\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


class Passage(msgspec.Struct, frozen=True):
    """A piece of a text: `text` is exactly `whole[start:end]`, in code points."""

    ordinal: int
    start: int
    end: int
    text: str


def split(
    text: str, *, target_characters: int = TARGET_CHARACTERS, overlap_characters: int = 0
) -> list[Passage]:
    """Split a text into passages of at most `target_characters` code points.

    A passage ends at the last blank line in its second half, else at the last line end, sentence end or white
    space there, else in the middle of a word, but not between a letter and its mark. Everything but white
    space at the edges of passages is in one passage, and with an overlap the end of one is repeated at the
    start of the next, from a word's beginning where there is one. Time is linear in the length of the text.

    Args:
        text: of any size, also one line of megabytes; empty or blank text has no passages.
        target_characters: longest passage, in code points, at least 16.
        overlap_characters: how much of a passage its successor repeats at most, in code points; at most half.

    Raises:
        InvalidInput: a length out of its range.
    """
    if target_characters < 16:
        raise InvalidInput(f"target_characters = {target_characters}", remedy="give at least 16")
    if not 0 <= overlap_characters <= target_characters // 2:
        raise InvalidInput(
            f"overlap_characters = {overlap_characters}", remedy="give 0 to half of target_characters"
        )
    return [
        Passage(ordinal, start, end, text[start:end])
        for ordinal, (start, end) in enumerate(_spans(text, target_characters, overlap_characters))
    ]


def _spans(text: str, target: int, overlap: int) -> Iterator[tuple[int, int]]:
    start = following = _skip_space(text, 0)
    while following < len(text):
        cut = _cut(text, max(start + target // 2, following + 1), start + target)
        end = start + len(text[start:cut].rstrip())
        yield start, end
        following = _skip_space(text, cut)
        start = _step_back(text, start, end, following, overlap)


def _skip_space(text: str, position: int) -> int:
    visible = _VISIBLE.search(text, position)
    return visible.start() if visible else len(text)


def _cut(text: str, low: int, limit: int) -> int:
    """Where a passage ends that may be no longer than to `limit`, white space behind it included."""
    if limit >= len(text):
        return len(text)
    for boundary in _BOUNDARIES:
        last = _last_end(boundary, text, low, limit)
        if last is not None:
            return last
    return _whole_character(text, limit, low)


def _last_end(boundary: re.Pattern[str], text: str, low: int, limit: int) -> int | None:
    last = None
    for match in boundary.finditer(text, low, limit):
        last = match.end()
    return last


def _whole_character(text: str, cut: int, low: int) -> int:
    """The cut, moved back to the beginning of a character."""
    for position in range(cut, low, -1):
        if not _parts_a_character(text, position):
            return position
    return cut


def _next_character(text: str, position: int, end: int, otherwise: int) -> int:
    starts = (at for at in range(position, end) if not _parts_a_character(text, at))
    return next(starts, otherwise)


def _parts_a_character(text: str, position: int) -> bool:
    return _ATTACHED.match(text, position) is not None or text[position - 1] == "\u200d"


def _step_back(text: str, start: int, end: int, following: int, overlap: int) -> int:
    """Where the next passage begins: up to `overlap` before `following`, with a word if it can."""
    earliest = max(following - overlap, start + 1)
    if earliest >= end:
        return following
    space = _SPACE.search(text, earliest, end)
    return space.end() if space else _next_character(text, earliest, end, following)
