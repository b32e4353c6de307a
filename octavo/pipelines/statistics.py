"""How runs and their steps went: counted from the runs themselves, in one or two statements."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.run import PipelineStats
from octavo.values.statistics import StepStats

_sql = load("octavo.pipelines", "statistics.sql")
_LAST = UUID(int=2**128 - 1)
By = Literal["pipeline", "organization", "component", "model"]


async def of_runs(
    scope: Scope, by: By, *, pipeline: str | None, since: datetime, until: datetime | None
) -> list[PipelineStats]:
    """How the runs that were started between two moments went, by pipeline and version, or all together."""
    rows = await scope.runner.fetch(
        _sql.of_pipelines, scope.organization, *_between(since, until), pipeline, by == "pipeline"
    )
    return [_of_runs(row) for row in rows]


async def of_steps(
    scope: Scope, by: By, *, pipeline: str | None, since: datetime, until: datetime | None
) -> list[StepStats]:
    """How the steps of these runs went, by component and version, or by model."""
    asked = (scope.organization, *_between(since, until), pipeline)
    rows = await scope.runner.fetch(_sql.of_steps, *asked, by)
    if by == "model":
        return [_of_steps(row, None) for row in rows]
    failed = {row["name"]: row["failed"] for row in await scope.runner.fetch(_sql.failed_components, *asked)}
    told = [_of_steps(row, failed.pop(row["name"], 0)) for row in rows]
    # A component that has only failed has no step that ended.
    told.extend(StepStats(name=name, failed=runs) for name, runs in failed.items())
    return sorted(told, key=lambda one: one.name)


def checked_by(by: str) -> By:
    """What figures are told by; raises `InvalidInput`."""
    match by:
        case "pipeline" | "organization" | "component" | "model":
            return by
    raise InvalidInput(
        f"figures are not told by {by!r}", remedy="choose pipeline, component, model or organization"
    )


def _between(since: datetime, until: datetime | None) -> tuple[UUID, UUID]:
    return _id_at(since), _LAST if until is None else _id_at(until)


def _id_at(moment: datetime) -> UUID:
    """The least id that is made at a moment: ids begin with milliseconds (UUIDv7, RFC 9562)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _of_runs(row: Row) -> PipelineStats:
    took, waited = row["took"] or (None, None), row["waited"] or (None, None)
    counts = {name: row[name] for name in PipelineStats.__struct_fields__ if name in row}
    return PipelineStats(
        **counts,
        took_p50_seconds=took[0],
        took_p95_seconds=took[1],
        waited_p50_seconds=waited[0],
        waited_p95_seconds=waited[1],
    )


def _of_steps(row: Row, failed: int | None) -> StepStats:
    took = row["took"] or (None, None)
    counts = {name: row[name] for name in StepStats.__struct_fields__ if name in row}
    return StepStats(**counts, failed=failed, took_p50_seconds=took[0], took_p95_seconds=took[1])
