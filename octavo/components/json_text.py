"""JSON as text: fields become headings by their depth, lists become lists, texts paragraphs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")
# What begins a list, a line or a title where a line begins with it; white space there would begin code.
_LINE_START = re.compile(r"^[^\S\n]*(?:(?=[-+=])|(\d{1,9})(?=[.)])|)", re.MULTILINE)
_DEEPEST = 6
# A kind of block (a heading's depth, or text, or an item of a list) and what it says.
Block = tuple[int | Literal["text", "item"], str]


def blocks(value: Any, depth: int = 1) -> Iterator[Block]:
    """A value's blocks in their order; what is deeper than six headings has the sixth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield min(depth, _DEEPEST), name
            yield from blocks(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from blocks(inner, depth)
            else:
                yield "item", _told(inner)
    else:
        yield "text", _told(value)


def _told(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def escaped(text: str) -> str:
    """A text as Markdown that shows it as it is."""
    return escaped_starts(escaped_signs(text))


def escaped_signs(text: str) -> str:
    """A part of a line without what would be markup wherever it stands."""
    return escaped_inside(text).replace("~", r"\~").replace("&", "&amp;")


def escaped_starts(text: str) -> str:
    """Lines without what would be markup where it begins one, white space included."""
    return _LINE_START.sub(_begun, text)


def escaped_inside(text: str) -> str:
    """A text as version 1 of `transform` escapes it."""
    return _SPECIAL.sub(r"\\\1", text)


def _begun(match: re.Match[str]) -> str:
    number = match[1]
    if number:
        return f"{number}\\"
    return "\\" if match.string[match.end() : match.end() + 1] in {"-", "+", "="} else ""


def as_markdown(blocks: list[Block], escape: Callable[[str], str] = escaped) -> str:
    """Blocks as Markdown; what would be markup in a text is escaped."""
    lines = []
    for place, (kind, text) in enumerate(blocks):
        told = escape(text)
        if kind == "item":
            last = place + 1 == len(blocks) or blocks[place + 1][0] != "item"
            lines.append(f"- {' '.join(told.split())}\n" + ("\n" if last else ""))
        elif kind == "text":
            lines.append(f"{told}\n\n")
        else:
            lines.append(f"{'#' * kind} {' '.join(told.split())}\n\n")
    return "".join(lines)


def as_html(blocks: list[Block]) -> str:
    """Blocks as HTML; texts are escaped."""
    parts: list[str] = []
    for place, (kind, text) in enumerate(blocks):
        told = html.escape(text)
        if kind == "item":
            opens = place == 0 or blocks[place - 1][0] != "item"
            closes = place + 1 == len(blocks) or blocks[place + 1][0] != "item"
            parts.append(("<ul>" if opens else "") + f"<li>{told}</li>" + ("</ul>" if closes else ""))
        elif kind == "text":
            parts.extend(f"<p>{paragraph}</p>" for paragraph in told.split("\n\n"))
        else:
            parts.append(f"<h{kind}>{told}</h{kind}>")
    return "\n".join(parts)
