"""How what was found looks on a terminal: documents, groups of them, and the plan of a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from octavo.values.condition import parse_subject
from octavo.values.document import Document
from octavo.values.group import CALCULATIONS, Group, Groups
from octavo.values.plan import Plan, Step

# Where ids, names and times of a document go into one line.
WIDE_COLUMNS = 100
_TITLES = ("title", "name", "subject", "label")
_CELL_LENGTH = 200


def documents(found: Sequence[Document], width: int) -> RenderableType:
    """A list of documents: a line each, or two where the terminal is narrow. What all of them share is told once."""
    types, authors = {doc.type for doc in found}, {str(doc.updated_by) for doc in found}
    shared = " ".join(
        [*(types if len(types) == 1 else ()), *(f"by {a}" for a in authors if len(authors) == 1)]
    )
    layout = _wide if width >= WIDE_COLUMNS else _narrow
    table = layout(found, len(types) > 1, len(authors) > 1)
    return Lines(f"[dim]{len(found)} documents{f': {escape(shared)}' if shared else ''}[/]", table)


def with_fields(found: Sequence[Document], fields: Sequence[str]) -> Table:
    """A list of documents with the asked fields of their bodies."""
    table = _table()
    table.add_column("id", no_wrap=True, style="dim", min_width=36)
    for field in fields:
        table.add_column(escape(field), no_wrap=True, overflow="ellipsis", ratio=1)
    for doc in found:
        table.add_row(str(doc.id), *(escape(_cell(_at(doc.body, field))) for field in fields))
    return table


def groups(found: Groups) -> Table:
    """A line a group: what it is by, how many documents, what was calculated."""
    rows = list(found)
    names = list(rows[0].by) if rows else []
    made = [(kind, field) for kind in CALCULATIONS for field in (getattr(rows[0], kind) if rows else ())]
    left_out = [
        field for field in (rows[0].left_out if rows else ()) if any(row.left_out[field] for row in rows)
    ]
    table = _table()
    for name in names:
        table.add_column(escape(name), overflow="ellipsis", no_wrap=True)
    for heading in (
        "count",
        *(f"{kind} {field}" for kind, field in made),
        *(f"no {field}" for field in left_out),
    ):
        table.add_column(escape(heading), justify="right")
    for row in rows:
        table.add_row(*_group_cells(row, made, left_out))
    return table


def plan(told: Plan) -> RenderableType:
    """The sums of a plan and the steps that read or sort; wrong estimates are marked. JSON has all steps."""
    sums = [
        f"{told.scanned} looked at",
        f"{told.rows} found",
        f"{told.blocks} blocks",
        f"{told.execution_ms:.1f} ms",
    ]
    head = f"[bold]{told.index or 'no index'}[/] leads: {' · '.join(sums)} [dim]({told.planning_ms:.1f} ms to plan)[/]"
    table = _table()
    table.add_column("step", no_wrap=True, overflow="ellipsis", ratio=1)
    for heading in ("rows", "expected", "cost", "blocks", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in told.steps:
        if step.table or step.index or "Sort" in step.kind:
            table.add_row(*_step_cells(step))
    marks = (
        ["[yellow]expected[/] [dim]marks an estimate that is more than ten times off[/]"]
        if told.far_off
        else []
    )
    return Lines(head, Padding(table, (1, 0, 0, 0)), *marks)


def _wide(found: Sequence[Document], with_type: bool, with_author: bool) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    _column(table, "id", [str(doc.id) for doc in found], style="dim")
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    kinds = [[escape(doc.type)] if with_type else [] for doc in found]
    if with_type:
        _column(table, "type", [doc.type for doc in found])
    _column(table, "version", [f"v{doc.version}" for doc in found])
    _column(table, "updated", [_minute(doc) for doc in found])
    authors = [[escape(str(doc.updated_by))] if with_author else [] for doc in found]
    if with_author:
        _column(table, "by", [str(doc.updated_by) for doc in found])
    for doc, kind, author in zip(found, kinds, authors, strict=True):
        table.add_row(str(doc.id), _title(doc), *kind, f"v{doc.version}", _minute(doc), *author)
    return table


def _column(table: Table, heading: str, cells: Sequence[str], *, style: str | None = None) -> None:
    """A column as wide as its cells, up to 36 characters, that gives nothing of it away."""
    width = min(max(len(cell) for cell in (heading, *cells)), 36)
    table.add_column(
        heading, no_wrap=True, overflow="ellipsis", min_width=width, max_width=width, style=style
    )


def _narrow(found: Sequence[Document], with_type: bool, with_author: bool) -> Table:
    table = Table.grid(expand=True, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for doc in found:
        kind = f"{doc.type} " if with_type else ""
        author = f" · {escape(str(doc.updated_by))}" if with_author else ""
        table.add_row(_title(doc), f"{kind}[cyan]v{doc.version}[/] {_minute(doc)}")
        table.add_row(f"[dim]{doc.id}{author}[/]", "")
    return table


def _title(doc: Document) -> str:
    """Its name, of a path the last part first; without one what its body calls it."""
    if doc.name is None:
        body = doc.body if doc.raw_body else {}
        told = next((body[key] for key in _TITLES if isinstance(body.get(key), str)), "")
        return f"[dim italic]{escape(' '.join(told.split())[:_CELL_LENGTH]) or 'no name'}[/]"
    path = PurePath(doc.name)
    if not path.is_absolute() or not path.name:
        return f"[bold]{escape(doc.name)}[/]"
    return f"[bold]{escape(path.name)}[/] [dim]{escape(str(path.parent))}[/]"


def _minute(doc: Document) -> str:
    return doc.updated_at.astimezone().strftime("%Y-%m-%d %H:%M")


def _group_cells(row: Group, made: Sequence[tuple[str, str]], left_out: Sequence[str]) -> list[str]:
    return [
        *(escape(_cell(value)) for value in row.by.values()),
        str(row.count),
        *(_number(getattr(row, kind)[field]) for kind, field in made),
        *(str(row.left_out[field]) for field in left_out),
    ]


def _step_cells(step: Step) -> list[str]:
    of = step.index or step.table or ""
    expected = f"[yellow]{step.estimated:.0f}[/]" if step.is_far_off else f"{step.estimated:.0f}"
    return [
        f"{escape(step.kind)} [dim]{escape(of)}[/]",
        f"{step.rows:.0f}",
        expected,
        f"{step.cost:.0f}",
        str(step.blocks),
        f"{step.milliseconds:.2f}",
    ]


def _table() -> Table:
    return Table(box=None, header_style="dim", pad_edge=False)


def _at(body: Any, field: str) -> Any:
    """What a projected body has at a field: a value, or the list of those in a list."""
    for key in getattr(parse_subject(field), "path", ()):
        if isinstance(body, list):
            body = [element.get(key) for element in body if isinstance(element, dict)]
        else:
            body = body.get(key) if isinstance(body, dict) else None
    return body


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())[:_CELL_LENGTH]


def _number(value: Decimal | None) -> str:
    """A number to four places; JSON has all of them."""
    if value is None:
        return "–"
    return f"{value:.4f}".rstrip("0").rstrip(".")
