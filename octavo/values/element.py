"""What $elemMatch asks of one element of an array: a filter whose fields begin at the element."""

from __future__ import annotations

import msgspec

from octavo.errors import InvalidFilter
from octavo.values.condition import Condition, Either, Every, Field, Node, Not


def within_element(about: Field, node: Node) -> Node:
    """A checked filter as one of the elements of a field.

    Args:
        about: the field that holds the array.
        node: the filter; its fields are those of the element, or have no path for the element itself.

    Raises:
        InvalidFilter: it asks for an attribute of the document, or compares with an object or an array.
    """
    match node:
        case Condition():
            return _condition(about, node)
        case Not(part=part):
            return Not(within_element(about, part))
        case Every(parts=parts):
            return Every(tuple(within_element(about, part) for part in parts))
        case Either(parts=parts):
            return Either(tuple(within_element(about, part) for part in parts))


def _condition(about: Field, condition: Condition) -> Condition:
    subject, operand = condition.subject, condition.operand
    if not isinstance(subject, Field) or subject.source == "metadata":
        raise InvalidFilter(
            f"{about.name}: $elemMatch asks for {subject.name}", remedy="an element has fields only"
        )
    if condition.operator in {"eq", "in", "contains"}:
        choices = operand if condition.operator == "in" else [operand]
        if any(isinstance(choice, dict | list) for choice in choices):
            raise InvalidFilter(
                f"{about.name}: $elemMatch compares {subject.name} with an object or an array",
                remedy=f'compare its fields, or write {{"{about.name}": {{"$contains": …}}}}',
            )
    name = f"{about.name}.{subject.name}" if subject.path else about.name
    inner = within_element(about, operand) if condition.operator == "element" else operand
    return msgspec.structs.replace(condition, subject=Field(about.source, subject.path, name), operand=inner)
