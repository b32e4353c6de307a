"""How runs and their steps went: from what is added up of the ended, and from the rows of all others, in one snapshot.

Sums and counts are exact; a quantile is the smallest duration that so many do not exceed, within 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.classes import quantile
from octavo.values.run import PipelineStats
from octavo.values.statistics import StepStats

_sql = load("octavo.pipelines", "statistics.sql")
_LAST = UUID(int=2**128 - 1)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
# The end of a time that has none, in milliseconds: the year 9999.
_NEVER_MS = 253_402_214_400_000
_GRAINS_MS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000))
By = Literal["pipeline", "organization", "component", "model"]
_Range = tuple[int, int]


class Cut(msgspec.Struct, frozen=True):
    """A time in pieces: whole days, hours and minutes, and what is less than a minute at its ends.

    Attributes:
        spans: grain, begin and end, in milliseconds since 1970; each begins and ends where a piece of its grain does.
        rest: begin and end.
    """

    spans: Sequence[tuple[str, int, int]]
    rest: Sequence[_Range]


def cut(begin: int, end: int) -> Cut:
    """Cut a time, in milliseconds since 1970, into the largest pieces there are figures of; nothing is left out."""
    spans: list[tuple[str, int, int]] = []
    rest = [(begin, end)] if begin < end else []
    for grain, unit in _GRAINS_MS:
        beside: list[_Range] = []
        for low, high in rest:
            first, last = -(-low // unit) * unit, high // unit * unit
            if first < last:
                spans.append((grain, first, last))
                beside += [(low, first), (last, high)]
            else:
                beside.append((low, high))
        rest = [(low, high) for low, high in beside if low < high]
    return Cut(spans, rest)


async def of_runs(
    scope: Scope, by: By, *, pipeline: str | None, since: datetime, until: datetime | None
) -> list[PipelineStats]:
    """How the runs that were started between two moments went, by pipeline and version, or all together."""
    asked = _asked(scope, pipeline, since, until)
    rows = await scope.runner.fetch(_sql.of_pipelines, *asked, by == "pipeline")
    return [_of_runs(row) for row in rows]


async def of_steps(
    scope: Scope, by: By, *, pipeline: str | None, since: datetime, until: datetime | None
) -> list[StepStats]:
    """How the steps of these runs went, by component and version, or by model."""
    asked = _asked(scope, pipeline, since, until)
    rows = await scope.runner.fetch(_sql.of_steps, *asked, by)
    if by == "model":
        return [_of_steps(row, None) for row in rows]
    dead = {row["name"]: row["failed"] for row in await scope.runner.fetch(_sql.dead_components, *asked[:4])}
    told = [_of_steps(row, row["failed"] + dead.pop(row["name"], 0)) for row in rows]
    # A component that has only failed has no step that ended.
    told.extend(StepStats(name=name, failed=runs) for name, runs in dead.items())
    return sorted(told, key=lambda one: one.name)


def checked_by(by: str) -> By:
    """What figures are told by; raises `InvalidInput`."""
    match by:
        case "pipeline" | "organization" | "component" | "model":
            return by
    raise InvalidInput(
        f"figures are not told by {by!r}", remedy="choose pipeline, component, model or organization"
    )


def _asked(scope: Scope, pipeline: str | None, since: datetime, until: datetime | None) -> tuple[object, ...]:
    """What a question gives its statements."""
    begin, end = _ms(since), _NEVER_MS if until is None else _ms(until)
    pieces = cut(begin, end)
    return (
        scope.organization,
        _id_at(begin),
        _LAST if until is None else _id_at(end),
        pipeline,
        [grain for grain, _, _ in pieces.spans],
        [_moment(first) for _, first, _ in pieces.spans],
        [_moment(last) for _, _, last in pieces.spans],
        [_id_at(low) for low, _ in pieces.rest],
        [_id_at(high) for _, high in pieces.rest],
    )


def _ms(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))


def _moment(ms: int) -> datetime:
    return _BEGIN + timedelta(milliseconds=ms)


def _id_at(ms: int) -> UUID:
    """The least id that is made at a moment: ids begin with milliseconds (UUIDv7, RFC 9562)."""
    return UUID(int=ms << 80)


def _of_runs(row: Row) -> PipelineStats:
    took, waited = _sizes(row, "took"), _sizes(row, "waited")
    counts = {name: row[name] for name in PipelineStats.__struct_fields__ if name in row}
    return PipelineStats(
        **counts,
        took_p50_seconds=quantile(took, 0.5),
        took_p95_seconds=quantile(took, 0.95),
        waited_p50_seconds=quantile(waited, 0.5),
        waited_p95_seconds=quantile(waited, 0.95),
    )


def _of_steps(row: Row, failed: int | None) -> StepStats:
    took = _sizes(row, "took")
    counts = {name: row[name] for name in StepStats.__struct_fields__ if name in row}
    return StepStats(
        **{**counts, "failed": failed, "cpu_seconds": float(row["cpu_seconds"])},
        took_p50_seconds=quantile(took, 0.5),
        took_p95_seconds=quantile(took, 0.95),
    )


def _sizes(row: Row, what: str) -> dict[int, int]:
    """How many durations each class of size has."""
    return dict(zip(row[f"{what}_classes"] or (), row[f"{what}_counts"] or (), strict=True))
