"""A text as sentences, each with its place: by the rules of some 300 languages (sentencex, of Wikimedia)."""

from __future__ import annotations

import re
from importlib import import_module

import msgspec

from octavo.components.extra import needed
from octavo.text.language import UNDETERMINED, detect

_LINES = re.compile(r"\n\s*\n")


class Sentence(msgspec.Struct, frozen=True):
    """A sentence: `text` is exactly `whole[start:end]`, in code points."""

    start: int
    end: int
    text: str


def sentences(text: str, language: str | None = None) -> list[Sentence]:
    """The sentences of a text in their order, without the white space around them; a paragraph's end ends one.

    Args:
        language: a tag as `de`; None to find it out.

    Raises:
        MissingExtra: the extra `ml` is not installed.
    """
    needed("ml", "sentencex", "sentences")
    segment = import_module("sentencex").segment
    tag = (language or detect(text)).partition("-")[0]
    code = "en" if tag == UNDETERMINED else tag
    found = []
    start = 0
    for end in [*(match.end() for match in _LINES.finditer(text)), len(text)]:
        # Piece by piece from where the last one ended: what is cut out is what stands there.
        for piece in segment(code, text[start:end]):
            found += _trimmed(text, start, start + len(piece))
            start += len(piece)
        start = end
    return found


def _trimmed(text: str, start: int, end: int) -> list[Sentence]:
    whole = text[start:end]
    inner = whole.strip()
    if not inner:
        return []
    first = start + len(whole) - len(whole.lstrip())
    return [Sentence(first, first + len(inner), inner)]
