"""What of a document a component looks at."""

from __future__ import annotations

from typing import Any

from octavo.errors import StepFailed
from octavo.values.component import Given


def content(given: Given, field: str | None) -> Any:
    """The body of the run's document, or what is in one of its fields, as `article.text`.

    Raises:
        StepFailed: the run has no document, or the document has no such field.
    """
    if given.document is None:
        raise StepFailed(f"the step {given.step!r} needs a document", remedy="start the run with one")
    value: Any = given.document.body
    for part in () if field is None else field.split("."):
        if not isinstance(value, dict) or part not in value:
            raise StepFailed(f"document {given.document.id} has no field {field!r}")
        value = value[part]
    return value


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
