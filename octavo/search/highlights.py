"""How the piece of a hit that matched is shown: HTML, or plain text between marks of the caller's choice."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from octavo.roles.search import MATCH_END, MATCH_START, Match, Words

Style = Literal["html"] | tuple[str, str]
Span = tuple[int, int]

CHARACTERS = 240
# What is shown before the first match, in code points.
_BEFORE = 60
_SHORTEST_STEM = 3
# By meaning, shorter words say little.
_SHORTEST_MARKED = 4

_WORD = re.compile(r"\w+")


def highlight(match: Match, words: Words, style: Style) -> str:
    """The piece of a match that has the most of what was asked, at most 240 code points without the marks.

    An engine marks word forms of the languages it knows. Where it could not, words are looked for as they are
    written, then by their beginnings; where the text has none of them, in the title and the description. Text
    is escaped in HTML, and is as it stands between marks of the caller.
    """
    text, spans = _unmarked(match.highlight)
    if not spans:
        text, spans = _found_literally([text, match.title, match.description], words)
    return _shown(text, spans, style)


def highlight_near(text: str, asked: str, style: Style) -> str:
    """The piece of a passage with the most words of what was asked, else its beginning; shown as by `highlight`."""
    words = {word.lower() for word in _WORD.findall(asked) if len(word) >= _SHORTEST_MARKED}
    lowered = _lowered(text)
    return _shown(text, sorted({span for word in words for span in _standing(lowered, word)}), style)


def _standing(text: str, word: str) -> Iterator[Span]:
    """Where words begin so. A search for each word is faster than one pattern of all, which must be made first."""
    is_apart = not _is_unspaced(word)
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not is_apart:
            yield start, end
        elif start == 0 or not _WORD.match(text[start - 1]):
            end = _WORD.match(text, start).end()  # type: ignore[union-attr]  # a word begins here
            yield start, end
        start = text.find(word, end)


def _lowered(text: str) -> str:
    """In lower case, each character in its place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(one if len(one.lower()) != 1 else one.lower() for one in text)


def _shown(text: str, spans: Sequence[Span], style: Style) -> str:
    window = _window(text, spans)
    if style == "html":
        return _render(text, spans, window, ("<mark>", "</mark>"), html.escape)
    return _render(text, spans, window, style, str)


def _unmarked(marked: str) -> tuple[str, list[Span]]:
    before, *others = marked.split(MATCH_START)
    pieces, spans, at = [before], [], len(before)
    for other in others:
        match, _, behind = other.partition(MATCH_END)
        pieces += (match, behind)
        spans.append((at, at + len(match)))
        at += len(match) + len(behind)
    return "".join(pieces), spans


def _found_literally(texts: Sequence[str | None], words: Words) -> tuple[str, list[Span]]:
    """The first text that has a word of the query, or the beginning of one, and where; else the first."""
    wanted = {word for terms in words.alternatives for term in terms for word in _WORD.findall(term.text)}
    stems = {word[: max(_SHORTEST_STEM, len(word) * 2 // 3)] for word in wanted}
    for forms in (wanted, stems):
        pattern = re.compile("|".join(map(_form, sorted(forms, key=len, reverse=True))), re.IGNORECASE)
        for text in texts:
            if text and (spans := [found.span() for found in pattern.finditer(text)]):
                return text, spans
    return next((text for text in texts if text), ""), []


def _form(form: str) -> str:
    return re.escape(form) if _is_unspaced(form) else rf"\b{re.escape(form)}\w*"


def _is_unspaced(form: str) -> bool:
    """Whether the form is of letters without case: but for a few, those of scripts whose words are not set apart."""
    return form.lower() == form.upper()


def _window(text: str, spans: Sequence[Span]) -> Span:
    """Where to look: at the most different matches, then the most, then the first."""
    if len(text) <= CHARACTERS:
        return 0, len(text)
    around = _best_start(text, spans)
    start = _word_begins(text, max(0, min(around - _BEFORE, len(text) - CHARACTERS)), around)
    return start, _word_ends(text, min(len(text), start + CHARACTERS), around)


def _best_start(text: str, spans: Sequence[Span]) -> int:
    """Where the match begins behind which most follow before the window ends."""
    said = [text[start:end].lower() for start, end in spans]
    ends = [end for _, end in spans]
    best, around = (-1, -1), 0
    for first, (start, _) in enumerate(spans):
        within = said[first : bisect_right(ends, start + CHARACTERS - _BEFORE)]
        if (worth := (len(set(within)), len(within))) > best:
            best, around = worth, start
    return around


def _word_begins(text: str, start: int, latest: int) -> int:
    space = text.find(" ", start - 1, latest) if start else -1
    return start if space == -1 else space + 1


def _word_ends(text: str, end: int, earliest: int) -> int:
    space = text.rfind(" ", earliest + 1, end + 1) if end < len(text) else -1
    return end if space == -1 else space


def _render(
    text: str, spans: Sequence[Span], window: Span, marks: tuple[str, str], escape: Callable[[str], str]
) -> str:
    start, end = window

    def pieces() -> Iterator[str]:
        at = start
        for begins, ends in spans:
            if begins >= at and ends <= end:
                yield escape(text[at:begins])
                yield f"{marks[0]}{escape(text[begins:ends])}{marks[1]}"
                at = ends
        yield escape(text[at:end])

    return "".join(pieces()).strip()
