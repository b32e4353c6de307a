"""What can be measured of facts: `count()`, `sum_of("amount")`, `quantile("duration_ms", 0.95)` …

As text, for a command line or a URL: `count`, `sum:amount`, `average:amount`, `min:amount`, `max:amount`,
`p95:duration_ms`, `p99.9:duration_ms`, `unique:actor`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

import msgspec

from octavo.errors import InvalidInput
from octavo.roles.analytics import COUNTED_ONCE
from octavo.values.fields import NAME_CHARACTERS

Kind = Literal["count", "sum", "average", "min", "max", "quantile", "unique"]

_OF_A_FIELD = ("sum", "average", "min", "max")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?|100)")


class Measure(msgspec.Struct, frozen=True):
    """What is measured, and of which field, or of `actor` or `session`; `level` is that of a quantile."""

    kind: Kind
    of: str = ""
    level: float = 0.0


def count() -> Measure:
    """How many facts."""
    return Measure("count")


def sum_of(field: str) -> Measure:
    """The sum of a field's numbers, an exact decimal."""
    return Measure("sum", _field(field))


def average(field: str) -> Measure:
    """The sum of a field's numbers by how many there are, over the whole group; 28 digits."""
    return Measure("average", _field(field))


def least(field: str) -> Measure:
    """The smallest number of a field."""
    return Measure("min", _field(field))


def greatest(field: str) -> Measure:
    """The greatest number of a field."""
    return Measure("max", _field(field))


def quantile(field: str, level: float) -> Measure:
    """The number of a field that this part of all, 0 to 1, does not exceed; within 1 % of the exact one."""
    if not 0 <= level <= 1:
        raise InvalidInput(f"the level of a quantile is {level}", remedy="give 0 to 1; 0.5 is the median")
    return Measure("quantile", _field(field), level)


def unique(what: str) -> Measure:
    """How many different actors or sessions, exactly."""
    if what not in COUNTED_ONCE:
        raise InvalidInput(f"{what!r} cannot be counted once", remedy="count actor or session once")
    return Measure("unique", what)


def measure_of(text: str) -> Measure:
    """A measure from its text; raises `InvalidInput`."""
    kind, _, of = text.partition(":")
    if text == "count":
        return count()
    if kind in _OF_A_FIELD:
        return Measure(kind, _field(of))  # type: ignore[arg-type]  # membership was checked just above
    if match := _PERCENTILE.fullmatch(kind):
        return quantile(of, float(Decimal(match[1]) / 100))
    if kind == "unique":
        return unique(of)
    raise InvalidInput(
        f"{text!r} is no measure",
        remedy="write count, sum:FIELD, average:FIELD, min:FIELD, max:FIELD, p95:FIELD or unique:actor",
    )


def _field(name: str) -> str:
    """The path of a field, with or without `data.` before it."""
    path = name.removeprefix("data.")
    if not 1 <= len(path) <= NAME_CHARACTERS or "\x00" in path:
        raise InvalidInput(
            f"{name[:NAME_CHARACTERS]!r} is no field", remedy="give the path of a number, as amount"
        )
    return path
