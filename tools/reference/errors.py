"""Every error: its code, its place in the tree, its meaning."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from octavo.errors import OctavoError
from tools.reference.markdown import document, literal, table

_LEAD = (
    "Every error Octavo raises is an `OctavoError`. `code` is stable and meant for programs, `message` names "
    "the value, `remedy` the way out, `fields` holds details, and the cause is kept as `__cause__`. To catch "
    "a group, catch the error it stands under."
)


def page() -> str:
    """The page."""
    return document("Errors", _LEAD, [table(("Error", "Code", "Meaning"), _rows(OctavoError, 0))])


def _rows(error: type[OctavoError], depth: int) -> Iterator[tuple[str, ...]]:
    indent = "&nbsp;&nbsp;&nbsp;" * depth
    yield (
        f"{indent}{literal(error.__name__)}",
        literal(error.code),
        (inspect.getdoc(error) or "").partition("\n")[0],
    )
    for child in error.__subclasses__():
        if child.__module__ == OctavoError.__module__:
            yield from _rows(child, depth + 1)
