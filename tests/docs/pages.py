"""The pages of the documentation and the blocks of code in them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words behind it, its text and the line it begins on."""

    page: Path
    line: int
    language: str
    words: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page a reader may come upon."""
    return [*sorted(Path().glob("*.md")), *sorted(Path("docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    return [_block(page, token) for token in _tokens(page) if token.type == "fence"]


def links(page: Path) -> list[str]:
    """The targets of the links and pictures of a page."""
    return [
        str(child.attrs.get("href") or child.attrs.get("src"))
        for token in _tokens(page)
        for child in token.children or ()
        if child.type in {"link_open", "image"}
    ]


def anchors(page: Path) -> set[str]:
    """What `#…` can point to on a page: its headings, as code hosts spell them."""
    return {_anchor(title) for title in _headings(_tokens(page))}


def _tokens(page: Path) -> list[Token]:
    return _MARKDOWN.parse(page.read_text("utf-8"))


def _block(page: Path, token: Token) -> Block:
    language, _, words = token.info.strip().partition(" ")
    assert token.map is not None
    return Block(page, token.map[0] + 2, language, words.strip(), token.content)


def _headings(tokens: list[Token]) -> Iterator[str]:
    for opening, title in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            yield "".join(
                child.content for child in title.children or () if child.type in {"text", "code_inline"}
            )


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
