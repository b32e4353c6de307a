"""In which order documents are listed: `-@created_at` is newest first, `price` by a field of the body."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from octavo.errors import InvalidFilter
from octavo.values.condition import Attribute, Field, Kind, parse_subject

SORTABLE: Mapping[str, Kind] = {
    "@created_at": "moment",
    "@updated_at": "moment",
    "@name": "text",
    "@id": "id",
    "@version": "integer",
}


class Order(msgspec.Struct, frozen=True):
    """What documents are ordered by; documents that are equal in it are ordered by id, in the same direction."""

    subject: Field | Attribute
    descending: bool

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.subject.name}"


def parse_order(text: str) -> Order:
    """Read `@created_at`, `-@name`, `price` …; a minus in front means from the greatest to the least.

    A field of the body orders by its value, or the first one in a list: missing first, then null and objects, strings
    by the database's collation, numbers, false and true.

    Raises:
        InvalidFilter: an attribute that does not exist or has no order.
    """
    descending = text.startswith("-")
    subject = parse_subject(text.removeprefix("-"))
    if isinstance(subject, Attribute) and subject.name not in SORTABLE:
        near = get_close_matches(subject.name, SORTABLE, 1)
        raise InvalidFilter(
            f"{subject.name} is nothing to order by",
            remedy=f"did you mean {near[0]}?" if near else f"order by {' '.join(SORTABLE)} or a field",
        )
    if isinstance(subject, Field) and not subject.path:
        raise InvalidFilter(f"{subject.name} is nothing to order by", remedy="order by a field in it")
    return Order(subject, descending)
