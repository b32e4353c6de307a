r"""What a filter is once it was checked: a tree of conditions on fields and attributes.

Names: a bare name is a field of the body, with dots between the keys of a path (`address.city`); `@name` is
an attribute of the document, `@metadata.PATH` a place in its metadata. A backslash takes the next character
as it is: `a\.b` is one key, `\@id` a field of the body. Digits in a path are keys of objects, not places in
arrays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from octavo.errors import InvalidFilter, InvalidInput
from octavo.values.json import encode

MAX_NAME_LENGTH = 1_000

Operator = Literal[
    "eq",
    "in",
    "gt",
    "gte",
    "lt",
    "lte",
    "exists",
    "contains",
    "prefix",
    "regex",
    "size",
    "type",
    "mod",
    "element",
]
Kind = Literal["id", "text", "integer", "moment", "labels"]
ATTRIBUTES: Mapping[str, Kind] = {
    "@id": "id",
    "@name": "text",
    "@namespace": "text",
    "@type": "text",
    "@version": "integer",
    "@created_at": "moment",
    "@created_by": "text",
    "@updated_at": "moment",
    "@updated_by": "text",
    "@labels": "labels",
}
METADATA = "@metadata"


class Field(msgspec.Struct, frozen=True, tag=True):
    """A place in the body or in the metadata: its keys from the outside in, and its name as written."""

    source: Literal["body", "metadata"]
    path: tuple[str, ...]
    name: str


class Attribute(msgspec.Struct, frozen=True, tag=True):
    """An attribute of the document, such as `@created_at`."""

    name: str

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return ATTRIBUTES[self.name]


class Condition(msgspec.Struct, frozen=True, tag=True):
    """One operator on one subject.

    The operand is JSON for a field and of the attribute's kind for an attribute; `in` has a list of operands,
    `regex` a pattern and its flags, `mod` a divisor and its remainder, `exists` none. That of `element` is a
    node again, whose fields begin at the element.
    """

    subject: Field | Attribute
    operator: Operator
    operand: Any


class Every(msgspec.Struct, frozen=True, tag=True):
    """Holds when all parts hold, so also when there are none."""

    parts: tuple[Node, ...]


class Either(msgspec.Struct, frozen=True, tag=True):
    """Holds when at least one part holds."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """Holds exactly when the part does not."""

    part: Node


Node = Condition | Every | Either | Not


class Filter(msgspec.Struct, frozen=True):
    """A checked filter. Made by `octavo.values.filter.parse`."""

    root: Node = Every(())

    @property
    def fingerprint(self) -> str:
        """Sixteen letters that tell this filter from any other."""
        return hashlib.sha256(msgspec.json.encode(self.root)).hexdigest()[:16]

    @property
    def conditions(self) -> list[Condition]:
        """Its single conditions, in the order they were written."""
        return _conditions(self.root)


def every(parts: Sequence[Node]) -> Node:
    """All parts together; one part stands for itself."""
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def parse_subject(name: str) -> Field | Attribute:
    """What a name in a filter or an order means.

    Raises:
        InvalidFilter: an unknown attribute, or no path; names the nearest known one.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidFilter(
            f"the name {name[:60]!r}… has {len(name)} characters", remedy=f"the limit is {MAX_NAME_LENGTH}"
        )
    if not name.startswith("@"):
        return Field("body", _path(name, name), name)
    if name in ATTRIBUTES:
        return Attribute(name)
    if name == METADATA:
        return Field("metadata", (), name)
    if name.startswith(f"{METADATA}."):
        return Field("metadata", _path(name.removeprefix(f"{METADATA}."), name), name)
    raise InvalidFilter(f"{name!r} is not an attribute of a document", remedy=_meant(name))


def _path(text: str, name: str) -> tuple[str, ...]:
    """Split at the dots that no backslash takes as they are."""
    keys, current, characters = [], "", iter(text)
    for character in characters:
        if character == ".":
            keys.append(current)
            current = ""
        else:
            current += next(characters, "") if character == "\\" else character
    keys.append(current)
    if not all(keys):
        raise InvalidFilter(f"{name!r} is not the path of a field", remedy="write field or field.inner")
    try:
        encode(keys, what=f"path {name!r}")
    except InvalidInput as error:
        raise InvalidFilter(error.message, remedy=error.remedy) from error
    return tuple(keys)


def _meant(name: str) -> str:
    known = (*ATTRIBUTES, METADATA)
    near = get_close_matches(name, known, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"attributes are {' '.join(known)}.PATH; a field of the body with this name is written \\{name}"


def _conditions(node: Node) -> list[Condition]:
    match node:
        case Condition(operator="element"):
            return [node, *_conditions(node.operand)]
        case Condition():
            return [node]
        case Not(part=part):
            return _conditions(part)
        case Every(parts=parts) | Either(parts=parts):
            return [condition for part in parts for condition in _conditions(part)]
