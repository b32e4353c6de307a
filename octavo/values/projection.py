"""Which fields of a body are read: `title`, `author.name`; lists on the way give these fields of their objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from octavo.errors import InvalidFilter
from octavo.values.condition import Field, parse_subject
from octavo.values.json import encode
from octavo.values.operand import is_list, shown

MAX_FIELDS = 100


def parse_projection(fields: Sequence[str]) -> bytes:
    """The fields as a tree of JSON, `[["title", []], ["author", [["name", []]]]]`: an empty list stands for all of it.

    Raises:
        InvalidFilter: no list of names, an attribute, or more than 100 fields.
    """
    if not is_list(fields) or not fields:
        raise InvalidFilter(
            f"fields is {shown(fields)}", remedy='give a list of names, as ["title", "author.name"]'
        )
    if len(fields) > MAX_FIELDS:
        raise InvalidFilter(f"{len(fields)} fields", remedy=f"the limit is {MAX_FIELDS}")
    tree: dict[str, Any] = {}
    for path in sorted({_path(name) for name in fields}):
        _plant(tree, path)
    return encode(_listed(tree), what="fields")


def _path(name: object) -> tuple[str, ...]:
    subject = parse_subject(name) if isinstance(name, str) else None
    if not isinstance(subject, Field) or subject.source != "body":
        raise InvalidFilter(
            f"{shown(name)} is no field of the body",
            remedy="attributes and metadata are there without being named",
        )
    return subject.path


def _listed(tree: dict[str, Any]) -> list[Any]:
    return [[key, _listed(inner)] for key, inner in tree.items()]


def _plant(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    """Add a path; paths come sorted, so that what is wanted whole comes before what is in it."""
    for key in path[:-1]:
        if tree.get(key) == {}:
            return
        tree = tree.setdefault(key, {})
    tree[path[-1]] = {}
