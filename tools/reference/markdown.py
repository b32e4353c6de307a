"""The few forms of Markdown that the generated pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def document(title: str, lead: str, parts: Iterable[str], made_by: str = "make docs") -> str:
    """A page: its title, what made it, a first sentence, and its parts."""
    note = f"<!-- Written by `{made_by}`. Change what it tells of, not this page. -->"
    return "\n\n".join([f"# {title}", note, lead, *(part for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or nothing if it would have no rows."""
    body = [_row(row) for row in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *body]) if body else ""


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def literal(value: object) -> str:
    """A value as code, or nothing for an empty one."""
    text = str(value)
    return f"`{text}`" if text else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
