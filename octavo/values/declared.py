"""What a type declares, as data: its name, version, JSON Schema and indexes; and what may change under a version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from octavo.errors import InvalidInput
from octavo.values.condition import Condition, Every, Field, Filter, Node, parse_subject
from octavo.values.difference import difference
from octavo.values.document import Difference
from octavo.values.filter import parse
from octavo.values.json import encode

MAX_FIELDS = 3
MAX_INDEXES = 20
MAX_VERSION = 2**15 - 1
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_WORDS = frozenset({"title", "description", "default", "examples", "$comment"})
_NAMED = frozenset({"properties", "$defs"})


class DeclaredIndex(msgspec.Struct, frozen=True):
    """An index of a type: `index` finds ranges and orders of its last field, `unique` refuses a second value.

    Attributes:
        fields: names as in filters.
        where: a filter on fields of the body; None: all documents of the type.
    """

    kind: Literal["index", "unique"]
    fields: tuple[str, ...]
    where: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        kind: Literal["index", "unique"],
        fields: Sequence[str],
        where: Mapping[str, Any] | None = None,
    ) -> DeclaredIndex:
        """Check an index; raises `InvalidInput` or `InvalidFilter`."""
        if not 1 <= len(fields) <= MAX_FIELDS or len(set(fields)) < len(fields):
            raise InvalidInput(
                f"an index on the fields {', '.join(fields) or 'none'}",
                remedy=f"name 1 to {MAX_FIELDS} fields, each once",
            )
        made = cls(kind, tuple(fields), None if not where else dict(where))
        for subject in (*made.subjects, *(condition.subject for condition in made.filter.conditions)):
            if not isinstance(subject, Field) or subject.source != "body":
                raise InvalidInput(
                    f"{subject.name} is no field of the body", remedy="attributes have indexes"
                )
        return made

    @property
    def subjects(self) -> list[Field]:
        """The fields."""
        return [subject for name in self.fields if isinstance(subject := parse_subject(name), Field)]

    @property
    def filter(self) -> Filter:
        """What documents of the type must satisfy to be in the index."""
        return Filter() if self.where is None else parse(self.where)

    @property
    def conditions(self) -> list[Node]:
        """The parts of the filter, all of which must hold."""
        root = self.filter.root
        return list(root.parts) if isinstance(root, Every) else [root]

    def __str__(self) -> str:
        where = f" where {msgspec.json.encode(self.where).decode()}" if self.where else ""
        return f"{self.kind} on {', '.join(self.fields)}{where}"


class Declaration(msgspec.Struct, frozen=True):
    """What a type declares; equal ones have equal digests."""

    name: str
    version: int
    schema: dict[str, Any]
    indexes: tuple[DeclaredIndex, ...] = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 of schema and indexes."""
        content = msgspec.json.encode([self.schema, self.indexes], order="sorted")
        return hashlib.sha256(content).digest()


def check_type_name(name: str, version: int) -> None:
    """Raise `InvalidInput` for what is no name or no version of a type."""
    if not _TYPE.fullmatch(name):
        raise InvalidInput(
            f"{name[:120]!r} is not a name for a type",
            remedy="a letter, then letters, digits, _ . and -, at most 100",
        )
    if not 1 <= version <= MAX_VERSION:
        raise InvalidInput(f"{name} has the version {version}", remedy=f"count 1 to {MAX_VERSION}")


def incompatible(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Differences between two JSON Schemas that bodies of the first may not survive.

    Compatible are other words (titles, descriptions, defaults), new fields that may be missing, and fields that
    may be missing from now on.
    """
    return [one for one in difference(_shape(before), _shape(after)) if not _is_loosening(one)]


def _shape(schema: Any) -> Any:
    """The schema without its words, and with the list of required fields as an object."""
    if isinstance(schema, list):
        return [_shape(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    shape: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            shape[key] = {name: _shape(inner) for name, inner in value.items()}
        elif key == "required" and isinstance(value, list):
            shape[key] = dict.fromkeys(value, True)
        elif key not in _WORDS:
            shape[key] = _shape(value)
    # A field that may be missing and a list of none that must be there are the same.
    return {"required": {}, **shape} if "properties" in shape else shape


def _is_loosening(one: Difference) -> bool:
    keys = one.path.split("/")
    kind = keys[-2] if len(keys) > 1 else ""
    if kind == "required":
        return one.kind == "removed"
    return one.kind == "added" and (kind in _NAMED or keys[-1] == "$defs")


def is_equality(node: Node) -> bool:
    """Whether a condition asks for one scalar that is there."""
    return (
        isinstance(node, Condition)
        and node.operator == "eq"
        and isinstance(node.operand, str | int | float)
        and len(encode(node.operand)) <= 500
    )
