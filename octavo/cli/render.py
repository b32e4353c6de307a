"""How values look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from html import unescape
from typing import Any

from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from octavo.values.document import Difference, Document, Version

_MARKS = {
    "added": ("[green]+[/]", "green"),
    "removed": ("[red]−[/]", "red"),
    "changed": ("[yellow]~[/]", "yellow"),
}


def moment(when: datetime) -> str:
    """A moment in the reader's own time zone, to the second."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def document(doc: Document) -> Panel:
    """One document with its body."""
    body = json.dumps(_shortened(doc.body), indent=2, ensure_ascii=False)
    title = f"[bold]{escape(doc.type)}[/] {escape(doc.name or '')} [dim]v{doc.version}[/]"
    foot = f"[dim]{doc.id} · {moment(doc.updated_at)} · {escape(str(doc.updated_by))}[/]"
    return Panel(Syntax(body, "json", background_color="default", word_wrap=True), title=title, subtitle=foot)


def history(versions: Sequence[Version]) -> Table:
    """Versions, newest first."""
    table = _table("version", "change", "when", "by", "tags", "session")
    for version in versions:
        change = version.change + (f" to {version.source}" if version.source else "")
        tags = " ".join(f"[green]{escape(tag)}[/]" for tag in version.tags)
        table.add_row(
            str(version.number),
            change,
            moment(version.created_at),
            escape(str(version.created_by)),
            tags,
            escape(version.session or ""),
        )
    return table


def differences(found: Sequence[Difference]) -> Table:
    """What changed, a line a path."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for difference in found:
        mark, colour = _MARKS[difference.kind]
        before, after = _value(difference.before), _value(difference.after)
        told = {"added": after, "removed": before, "changed": f"{before} → {after}"}[difference.kind]
        table.add_row(mark, f"[{colour}]{escape(difference.path)}[/]", escape(told))
    return table


def marked(text: str) -> str:
    """A highlight in one paragraph: marks become bold, HTML's escapes become characters again."""
    pieces = " ".join(text.split()).replace("</mark>", "<mark>").split("<mark>")
    shown = (escape(unescape(piece)) for piece in pieces)
    # Every second piece stood between marks.
    return "".join(f"[bold yellow]{piece}[/]" if place % 2 else piece for place, piece in enumerate(shown))


def bytes_of(size: int) -> str:
    """A size in bytes, as people say it."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in {"id", "version", "when", "updated"}, overflow="fold")
    return table


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:110]}… ({len(text)} characters)"


def _shortened(body: Any) -> Any:
    """The body with long texts cut, as a terminal is no place for a book; `--json` prints all of it."""
    if isinstance(body, dict):
        return {key: _shortened(value) for key, value in body.items()}
    if isinstance(body, list):
        return [_shortened(value) for value in body[:50]] + (
            [f"… {len(body) - 50} more"] if len(body) > 50 else []
        )
    if isinstance(body, str) and len(body) > 600:
        return f"{body[:600]}… ({len(body)} characters)"
    return body
