"""The answer to a question about facts: points made of the parts an engine found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from octavo.analytics.measures import Measure
from octavo.errors import LimitExceeded
from octavo.roles.analytics import Counted, Key, Query, Total
from octavo.values.classes import quantile
from octavo.values.position import Position

Value = int | float | Decimal | None
_NOTHING = Total(0)


class Point(msgspec.Struct, frozen=True):
    """One step and group, and what was measured in it.

    Attributes:
        begins: when the step begins, in UTC; None when all is one step.
        group: what it was grouped by; None stands for facts without that field.
        values: by the names of the measures. Sums and extremes are exact decimals; what has no number is None.
    """

    begins: datetime | None
    group: dict[str, str | None]
    values: dict[str, Value]

    def as_dict(self) -> dict[str, Any]:
        """The point as plain data; decimals are texts with every digit."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


class Series(msgspec.Struct, frozen=True):
    """Points by time and group; a step without facts has none.

    Attributes:
        since, until: the time they are of.
        source: whether rollups answered or the facts themselves; the answer is the same.
        position: every event up to here is counted.
        stale: a position was asked for that was not reached in time.
    """

    points: list[Point]
    since: datetime
    until: datetime
    source: Literal["rollups", "facts"]
    position: Position
    stale: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The series as plain data."""
        return {
            "points": [point.as_dict() for point in self.points],
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "source": self.source,
            "position": str(self.position),
            "stale": self.stale,
        }


def series_of(
    query: Query, counted: Counted, by: Sequence[str], measures: Mapping[str, Measure], *, stale: bool
) -> Series:
    """The series of what an engine found.

    Raises:
        LimitExceeded: more facts would have to be read, or more groups told, than a call may.
    """
    _check(query, counted)
    keys = sorted({key for key, field in counted.totals if field == ""}, key=_order)
    return Series(
        [
            Point(
                key.begins,
                dict(zip(by, key.values, strict=True)),
                {name: value(measure, key, counted) for name, measure in measures.items()},
            )
            for key in keys
        ],
        query.since,
        query.until,
        "rollups" if query.grain else "facts",
        counted.cursor.position,
        stale,
    )


def value(measure: Measure, key: Key, counted: Counted) -> Value:
    """A measure of one group. An average is made here, of a sum and a count, and nowhere before."""
    if measure.kind == "quantile":
        return quantile(counted.classes.get((key, measure.of), {}), measure.level)
    if measure.kind == "unique":
        return counted.uniques.get((key, measure.of), 0)
    total = counted.totals.get((key, measure.of), _NOTHING)
    if measure.kind == "count":
        return total.facts
    if measure.kind == "average":
        return total.total / total.facts if total.total is not None and total.facts else None
    return {"sum": total.total, "min": total.least, "max": total.greatest}[measure.kind]


def _order(key: Key) -> tuple[Any, ...]:
    return (key.begins is not None, key.begins, [(value is not None, value or "") for value in key.values])


def _check(query: Query, counted: Counted) -> None:
    if counted.looked_at > query.most_facts:
        raise LimitExceeded(
            f"this reads more than {query.most_facts} facts",
            remedy="ask for a shorter time or for fewer types; whole hours or days by type, kind and document type "
            "are answered by rollups, whatever their number",
            limit=query.most_facts,
        )
    if len(counted.totals) > query.most_rows:
        raise LimitExceeded(
            f"this has more than {query.most_rows // len(query.fields)} points",
            remedy="ask for a shorter time, longer steps, or group by less",
            limit=query.most_rows // len(query.fields),
        )
