"""transform: a document's JSON as Markdown or HTML, headings by depth."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel

from octavo.components.fields import content
from octavo.values.component import Given, component

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")
_DEEPEST = 6
# A kind of block (a heading's depth, or text, or an item of a list) and what it says.
_Block = tuple[int | Literal["text", "item"], str]


class TransformConfig(BaseModel):
    """What is made, and of what: one field, as `article`; without it the whole body."""

    to: Literal["markdown", "html"] = "markdown"
    field: str | None = None


class Transformed(BaseModel):
    """The text that was made."""

    text: str


@component("transform", version=1)
def transform(given: Given, config: TransformConfig) -> Transformed:
    """A document's JSON as Markdown or HTML: fields become headings, lists lists, texts paragraphs."""
    written = _markdown if config.to == "markdown" else _html
    return Transformed(text=written(list(_blocks(content(given, config.field), 1))))


def _blocks(value: Any, depth: int) -> Iterator[_Block]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield min(depth, _DEEPEST), name
            yield from _blocks(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from _blocks(inner, depth)
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


def _markdown(blocks: list[_Block]) -> str:
    lines = []
    for place, (kind, text) in enumerate(blocks):
        told = _SPECIAL.sub(r"\\\1", text)
        if kind == "item":
            last = place + 1 == len(blocks) or blocks[place + 1][0] != "item"
            lines.append(f"- {' '.join(told.split())}\n" + ("\n" if last else ""))
        elif kind == "text":
            lines.append(f"{told}\n\n")
        else:
            lines.append(f"{'#' * kind} {' '.join(told.split())}\n\n")
    return "".join(lines)


def _html(blocks: list[_Block]) -> str:
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
