"""Headings of a text, and the text by its headings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import BaseModel

_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Heading(BaseModel):
    """A heading: its depth from 1 to 6, what it says, and the `id` it has in HTML."""

    level: int
    title: str
    anchor: str


class Part(BaseModel):
    """A heading with the Markdown under it, and the parts inside of it; the first may have no heading."""

    title: str
    level: int
    anchor: str
    text: str
    sections: list[Part] = []


def anchored(titles: Iterable[tuple[int, str]]) -> list[Heading]:
    """Headings with an anchor each: words in small letters with hyphens between them, numbered where they repeat."""
    seen: dict[str, int] = {}
    found = []
    for level, title in titles:
        words = _NOT_IN_ANCHORS.sub("", title.casefold()).strip().replace(" ", "-") or "section"
        anchor = words
        while anchor in seen:
            seen[words] += 1
            anchor = f"{words}-{seen[words]}"
        seen[anchor] = 0
        found.append(Heading(level=level, title=title, anchor=anchor))
    return found


def nested(parts: Iterable[Part]) -> list[Part]:
    """Parts in the order of a text as a tree: each inside the one before it whose heading is less deep."""
    roots: list[Part] = []
    open_parts: list[Part] = []
    for part in parts:
        while open_parts and open_parts[-1].level >= part.level:
            open_parts.pop()
        (open_parts[-1].sections if open_parts else roots).append(part)
        if part.level:
            open_parts.append(part)
    return roots
