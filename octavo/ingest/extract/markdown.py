"""Markdown, with the block of fields that some tools put before it."""

from __future__ import annotations

import re
from datetime import datetime

from octavo.ingest.clean import first_line, utc
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.text import decoded
from octavo.ingest.extracted import Extracted

_FRONT = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(\S.*?)[ \t]*\r?$", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.*\S)|^(\S.*)\r?\n(?:=+|-{3,})[ \t]*$", re.MULTILINE)
_LOOKED_AT = 20_000
_MARKS = re.compile(r"[*_`]{1,3}|[ \t]#+$|!?\[([^\]]*)\]\([^)]*\)")


def extract(original: Original) -> Extracted:
    """The Markdown as it stands, without its front matter, whose simple fields become title, author and dates."""
    text, encoding, metadata = decoded(original)
    fields, body = _front_matter(text)
    created, modified = fields.pop("date", None), fields.pop("updated", fields.pop("modified", None))
    return original.extracted(
        "markdown",
        body,
        titles=(fields.pop("title", None), _heading(body), first_line(body)),
        author=fields.pop("author", None),
        declared_language=fields.pop("lang", fields.pop("language", None)),
        created=_time(created),
        modified=_time(modified),
        encoding=encoding,
        metadata={**fields, **metadata},
    )


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """Fields of one line each, and the text behind them. Nested fields stay unread."""
    front = _FRONT.match(text)
    if front is None:
        return {}, text
    fields = {name.lower(): value.strip("\"'") for name, value in _FIELD.findall(front[1])}
    return fields, text[front.end() :].lstrip("\r\n")


def _heading(text: str) -> str | None:
    """The first heading outside of code."""
    found = _HEADING.search(_FENCE.sub("", text[:_LOOKED_AT]))
    return _MARKS.sub(r"\1", found[1] or found[2]) if found else None


def _time(value: str | None) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(value or ""))
    except (ValueError, OverflowError):
        return None
