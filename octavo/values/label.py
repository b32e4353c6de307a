"""Labels: categories of documents, and how a filter asks for them.

    {"@labels": "legal"}                                       has the label
    {"@labels": {"$in": ["legal", "tax"]}}                     has one of them
    {"@labels": {"$all": ["legal", "tax"]}}                    has each of them
    {"@labels": {"$eq": "legal", "$min_confidence": 0.8}}      has it, and no model was less sure
    {"@labels": {"$ne": "legal"}}, {"@labels": {"$nin": […]}}  has it not, has none of them
    {"@labels": {"$exists": True}}                             has any label

Names of labels do not differ by case. A label without a confidence is a person's and satisfies every minimum.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter, InvalidInput
from octavo.values.actor import Actor
from octavo.values.condition import Attribute, Condition, Node, Not, every
from octavo.values.operand import choices_of, shown
from octavo.values.position import Position

MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 1_000
MAX_LABELS = 1_000  # of one document
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A category of an organization; names are unique without regard to case."""

    name: str
    colour: str | None
    description: str | None
    created_at: datetime
    created_by: Actor

    def as_dict(self) -> dict[str, Any]:
        """The label as plain data."""
        return {
            "name": self.name,
            "colour": self.colour,
            "description": self.description,
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
        }


class AssignedLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label on a document.

    Attributes:
        confidence: how sure a model was, 0 to 1; None when a person assigned it.
        position: a place in the log at which it is included.
        changed: False when it was assigned so already.
    """

    document_id: UUID
    name: str
    colour: str | None
    confidence: float | None
    assigned_at: datetime
    assigned_by: Actor
    position: Position
    changed: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The label as plain data."""
        return {
            "id": str(self.document_id),
            "label": self.name,
            "colour": self.colour,
            "confidence": self.confidence,
            "assigned_at": self.assigned_at.isoformat(),
            "assigned_by": str(self.assigned_by),
            "position": str(self.position),
            "changed": self.changed,
        }


class LabelChoice(msgspec.Struct, frozen=True):
    """What a condition on @labels compares with: one of these labels, with at least this confidence."""

    names: tuple[str, ...]
    min_confidence: float | None = None


def label_name(text: object) -> str:
    """A label's name in Unicode's composed form.

    Raises:
        InvalidInput: no text, empty, longer than 100 characters, with spaces around it or control characters.
    """
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_NAME_LENGTH:
        raise InvalidInput(
            f"{shown(text)} is not the name of a label", remedy=f"use 1 to {MAX_NAME_LENGTH} characters"
        )
    name = unicodedata.normalize("NFC", text)
    if name != name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(
            f"{text!r} is not the name of a label",
            remedy="leave out spaces around it and characters that cannot be printed",
        )
    return name


def label_colour(text: object) -> str:
    """A colour as `#aa3300`; raises `InvalidInput` for another form."""
    if not isinstance(text, str) or not _COLOUR.fullmatch(text.lower()):
        raise InvalidInput(
            f"{shown(text)} is not a colour", remedy="write # and six hexadecimal digits: #aa3300"
        )
    return text.lower()


def description_of(text: object) -> str:
    """A description of at most 1,000 characters; raises `InvalidInput` for another one."""
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_DESCRIPTION_LENGTH or "\x00" in text:
        raise InvalidInput(
            f"{shown(text)} is not a description", remedy=f"use 1 to {MAX_DESCRIPTION_LENGTH} characters"
        )
    return text


def confidence_of(value: object) -> float | None:
    """How sure a model is, 0 to 1, or None; raises `InvalidInput` for anything else."""
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or math.isnan(value)
        or not 0 <= value <= 1
    ):
        raise InvalidInput(
            f"the confidence {shown(value)} is not between 0 and 1",
            remedy="leave it out for a person's choice",
        )
    return float(value)


def label_condition(value: object) -> Node:
    """What `{"@labels": value}` asks for.

    Raises:
        InvalidFilter: an operator that labels do not know, or an operand that names no label.
    """
    if value is None:
        return Not(_exists())
    if not isinstance(value, Mapping):
        return _one_of((_name("$eq", value),), None)
    asked = dict(value)
    least = _least(asked.pop("$min_confidence", None))
    if not asked or (least is not None and set(asked) <= {"$exists"}):
        raise InvalidFilter(
            f"@labels has {shown(value)}", remedy='name a label: {"$eq": "legal", "$min_confidence": 0.8}'
        )
    return every([_operation(str(operator), operand, least) for operator, operand in asked.items()])


def _operation(operator: str, operand: object, least: float | None) -> Node:
    if operator == "$exists":
        if not isinstance(operand, bool):
            raise InvalidFilter(f"@labels: $exists has {shown(operand)}", remedy="give true or false")
        return _exists() if operand else Not(_exists())
    if operator not in _OPERATORS:
        raise InvalidFilter(
            f"{operator!r} is not an operator of @labels",
            remedy=f"operators are {' '.join([*_OPERATORS, '$exists', '$min_confidence'])}",
        )
    return _OPERATORS[operator](operator, operand, least)


def _exists() -> Condition:
    return Condition(Attribute("@labels"), "exists", None)


def _one_of(names: tuple[str, ...], least: float | None) -> Condition:
    return Condition(Attribute("@labels"), "in", LabelChoice(names, least))


def _eq(operator: str, operand: object, least: float | None) -> Node:
    return _one_of((_name(operator, operand),), least)


def _in(operator: str, operand: object, least: float | None) -> Node:
    return _one_of(_names(operator, operand), least)


def _all(operator: str, operand: object, least: float | None) -> Node:
    return every([_one_of((name,), least) for name in _names(operator, operand)])


def _negated(
    operation: Callable[[str, object, float | None], Node],
) -> Callable[[str, object, float | None], Node]:
    return lambda operator, operand, least: Not(operation(operator, operand, least))


_OPERATORS: Mapping[str, Callable[[str, object, float | None], Node]] = {
    "$eq": _eq,
    "$ne": _negated(_eq),
    "$in": _in,
    "$nin": _negated(_in),
    "$all": _all,
}


def _names(operator: str, operand: object) -> tuple[str, ...]:
    names = tuple(_name(operator, name) for name in choices_of(Attribute("@labels"), operator, operand))
    if operator == "$all" and not names:
        raise InvalidFilter("@labels: $all has no operand", remedy="give at least one label")
    return names


def _name(operator: str, operand: object) -> str:
    try:
        return label_name(operand)
    except InvalidInput as error:
        raise InvalidFilter(f"@labels: {operator} has {shown(operand)}", remedy=error.remedy) from error


def _least(operand: object) -> float | None:
    try:
        return confidence_of(operand)
    except InvalidInput as error:
        raise InvalidFilter(
            f"@labels: $min_confidence has {shown(operand)}", remedy="give a number from 0 to 1"
        ) from error
