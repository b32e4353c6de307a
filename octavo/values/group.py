"""Groups of documents: what they are grouped by, what is added up in each, and what came out.

Grouped by fields (`status`, `@metadata.source`), by attributes (`@type`, `@created_by` …) and by the hour, day,
month or year of `@created_at` and `@updated_at`, in UTC: `@created_at.day` is `"2026-01-31"`. A document without
the field is in the group of null; one with several values at the path is in the group of their list. Numbers are
equal by value.

Sums, averages, least and greatest values are of numbers, exact to the last digit. What is no number (a string,
nothing, several values at the path, a number of more than a thousand digits) is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, get_args

import msgspec

from octavo.errors import InvalidFilter
from octavo.values.condition import Attribute, Field, parse_subject
from octavo.values.operand import shown

Calculation = Literal["sum", "min", "max", "avg"]
Period = Literal["hour", "day", "month", "year"]
CALCULATIONS: tuple[Calculation, ...] = get_args(Calculation)
PERIODS: tuple[Period, ...] = get_args(Period)
MAX_KEYS = 8
MAX_FIELDS = 16
BY_COUNT = "-count"
_MOMENTS = ("@created_at", "@updated_at")
_ATTRIBUTES = ("@type", "@namespace", "@name", "@version", "@created_by", "@updated_by")


class Key(msgspec.Struct, frozen=True):
    """One thing to group by: a field, an attribute, or the period a moment is in."""

    name: str
    subject: Field | Attribute
    period: Period | None = None


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """A checked question: by what, of which fields which calculations, and in which order."""

    keys: tuple[Key, ...]
    fields: tuple[Field, ...]
    wanted: dict[Calculation, tuple[str, ...]]
    order: str
    descending: bool


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The documents that are equal in what they were grouped by.

    Attributes:
        by: the value of each key.
        count: documents in it.
        sum, min, max, avg: by field; None when no document has a number there.
        left_out: by field, how many documents have no number there.
    """

    by: dict[str, Any]
    count: int
    sum: dict[str, Decimal | None] = {}
    min: dict[str, Decimal | None] = {}
    max: dict[str, Decimal | None] = {}
    avg: dict[str, Decimal | None] = {}
    left_out: dict[str, int] = {}

    def as_dict(self) -> dict[str, Any]:
        """The group as plain data, without what was not asked."""
        told = {name: getattr(self, name) for name in (*CALCULATIONS, "left_out")}
        return {"by": self.by, "count": self.count} | {name: value for name, value in told.items() if value}


class Groups(msgspec.Struct, frozen=True):
    """The first groups in order, and how many there are; iterating gives the groups."""

    rows: list[Group]
    total: int

    def __iter__(self) -> Iterator[Group]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def parse_grouping(by: str | Sequence[str], order: str, **wanted: str | Sequence[str] | None) -> Grouping:
    """Check a question for groups.

    Args:
        by: names to group by; none for one group of all.
        order: `count` or a name of `by`, with a minus in front from the greatest to the least.
        wanted: for each calculation the fields it is made of.

    Raises:
        InvalidFilter: a name that cannot be grouped by or added up, or nothing to do at all.
    """
    keys = tuple(_key(name) for name in _names(by))
    named = {kind: _names(wanted.get(kind) or ()) for kind in CALCULATIONS}
    fields = tuple(_field(name) for name in dict.fromkeys(name for names in named.values() for name in names))
    _refuse_too_many(keys, fields)
    ordered = order.removeprefix("-")
    if ordered != "count" and ordered not in {key.name for key in keys}:
        raise InvalidFilter(
            f"groups cannot be ordered by {shown(ordered)}", remedy="order by count, or by a name of by="
        )
    return Grouping(keys=keys, fields=fields, wanted=named, order=ordered, descending=order.startswith("-"))


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if not isinstance(name, str):
            raise InvalidFilter(f"{shown(name)} is not the name of a field", remedy="names are strings")
    return tuple(dict.fromkeys(given))


def _key(name: str) -> Key:
    moment, _, period = name.partition(".")
    if moment in _MOMENTS:
        if period not in PERIODS:
            raise InvalidFilter(
                f"{name} is hardly ever equal in two documents",
                remedy=f"group by {' or '.join(f'{moment}.{each}' for each in PERIODS)}",
            )
        return Key(name, Attribute(moment), period)
    subject = parse_subject(name)
    if isinstance(subject, Attribute) and name not in _ATTRIBUTES:
        raise InvalidFilter(f"{name} is nothing to group by", remedy=_meant(name))
    if isinstance(subject, Field) and not subject.path:
        raise InvalidFilter(f"{name} is nothing to group by", remedy="group by a field in it")
    return Key(name, subject)


def _field(name: str) -> Field:
    subject = parse_subject(name)
    if not isinstance(subject, Field) or not subject.path:
        raise InvalidFilter(f"{name} is no number", remedy="add up fields of the body or of @metadata")
    return subject


def _refuse_too_many(keys: tuple[Key, ...], fields: tuple[Field, ...]) -> None:
    if not keys and not fields:
        raise InvalidFilter(
            "nothing to group by and nothing to add up", remedy="give by= or sum=, or count()"
        )
    if len(keys) > MAX_KEYS or len(fields) > MAX_FIELDS:
        raise InvalidFilter(
            f"{len(keys)} names to group by and {len(fields)} fields to add up",
            remedy=f"the limits are {MAX_KEYS} and {MAX_FIELDS}",
        )


def _meant(name: str) -> str:
    near = get_close_matches(name, _ATTRIBUTES, 1)
    return f"did you mean {near[0]}?" if near else f"attributes are {' '.join(_ATTRIBUTES)}"
