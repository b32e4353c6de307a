"""What of a document a component looks at."""

from __future__ import annotations

from typing import Any

from octavo.errors import StepFailed
from octavo.values.component import Given

_NOTHING = object()


def content(given: Given, field: str | None) -> Any:
    """The body of the run's document, or what is in one of its fields, as `article.text`.

    Raises:
        StepFailed: the run has no document, or the document has no such field.
    """
    if given.document is None:
        raise StepFailed(f"the step {given.step!r} needs a document", remedy="start the run with one")
    value = inside(given.document.body, field, otherwise=_NOTHING)
    if value is _NOTHING:
        raise StepFailed(f"document {given.document.id} has no field {field!r}")
    return value


def inside(body: Any, field: str | None, *, otherwise: Any = None) -> Any:
    """What is in a field of a body, as `article.text`: all of it without a field, `otherwise` when it has none such."""
    for part in () if field is None else field.split("."):
        if not isinstance(body, dict) or part not in body:
            return otherwise
        body = body[part]
    return body


def texts(value: Any) -> str:
    """Every text in a value, in its order, each a paragraph."""
    match value:
        case str():
            return value
        case dict():
            return "\n\n".join(filter(None, map(texts, value.values())))
        case list():
            return "\n\n".join(filter(None, map(texts, value)))
        case _:
            return ""
