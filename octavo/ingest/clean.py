"""Text and times as they may be stored, and titles where a file has none."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePath

TITLE_CHARACTERS = 500

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|\u2028")
_BLANK_LINES = re.compile(r"\n{3,}")
# Spaces of typesetting are spaces, page breaks are line ends; soft hyphens and byte order marks are nothing.
_TYPESETTING = {"\u00a0": " ", "\u202f": " ", "\u00ad": "", "\ufeff": "", "\f": "\n", "\v": "\n"}


def storable(text: str) -> tuple[str, int]:
    """The text without NUL and lone surrogates, with line feeds as line ends, and how many characters had to go."""
    stripped = 0
    if "\x00" in text or not _is_unicode(text):
        text, stripped = _UNSTORABLE.subn("", text)
    return (_LINE_END.sub("\n", text) if "\r" in text or "\u2028" in text else text), stripped


def prose(text: str) -> str:
    """Text taken out of a formatted file: plain spaces, paragraphs one blank line apart, nothing at the edges."""
    for mark, plain in _TYPESETTING.items():
        text = text.replace(mark, plain)
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip()
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def title(*candidates: str | None, name: str) -> str:
    """The first candidate that says something, else the file's name: one line of at most 500 characters."""
    for candidate in (*candidates, PurePath(name).stem, name):
        line = " ".join(_UNSTORABLE.sub("", candidate or "").split())
        if line:
            return line if len(line) <= TITLE_CHARACTERS else _shortened(line)
    return "untitled"


def first_line(text: str) -> str:
    """The first line of a text that is not blank."""
    return text[: 4 * TITLE_CHARACTERS].lstrip().partition("\n")[0]


def utc(moment: datetime) -> datetime:
    """A moment in UTC; one without a zone is taken to be in it already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _shortened(line: str) -> str:
    words = line[: TITLE_CHARACTERS - 1].rpartition(" ")[0]
    return (words or line[: TITLE_CHARACTERS - 1]).rstrip() + "\u2026"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
