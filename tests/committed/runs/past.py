"""Runs of a past that never was: made up by chance, put into the record as workers would have left it, and counted."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.pool import Pool
from octavo.values.run import PipelineStats
from octavo.values.statistics import StepStats
from octavo.workspace import Workspace

# What ended: rows of the history, and the events of their ends. A run that died is told to have failed.
PUT = """
WITH given AS (
    SELECT
        given.*, (SELECT max(number) FROM octavo.epoch) AS epoch, pg_current_xact_id() AS xid,
        nextval('octavo.event_position') AS place
    FROM jsonb_to_recordset($1::jsonb) AS given (
        organization uuid, id uuid, pipeline text, pipeline_id uuid, version integer, state octavo.run_state,
        attempt integer, created timestamptz, started timestamptz, ended timestamptz, error jsonb, steps jsonb
    )
),
ended AS (
    INSERT INTO octavo.run_history (
        organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, output, error, steps,
        attempt, max_attempts, created_at, started_at, ended_at, actor, actor_kind, epoch, position_xid, position_id
    )
    SELECT
        organization, id, pipeline, pipeline_id, version, 5, state, '{}',
        CASE WHEN state = 'completed' THEN '{}'::jsonb END, error, steps, attempt, 5, created, started, ended, 'ann',
        'user', epoch, xid, place
    FROM given
    WHERE state IN ('completed', 'failed', 'cancelled')
),
open AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, error, ticket, fence,
        attempt, max_attempts, created_at, started_at, actor, actor_kind, event_sequence, epoch, position_xid,
        position_id
    )
    SELECT
        organization, id, pipeline, pipeline_id, version, 5, state, '{}', error, nextval('octavo.run_ticket'), 1,
        attempt, 5, created, started, 'ann', 'user', 1, epoch, xid, place
    FROM given
    WHERE state NOT IN ('completed', 'failed', 'cancelled')
),
died AS (
    INSERT INTO octavo.run_dead (organization_id, run_id) SELECT organization, id FROM given WHERE state = 'dead'
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind
)
SELECT
    coalesce(ended, started, created), epoch, xid, place, organization, 'run-' || id, 1,
    CASE state WHEN 'dead' THEN 'run.failed' ELSE 'run.' || state END, '{}', 'octavo', 'system'
FROM given
"""
COMPONENTS = ("kind", "square", "spend")
STATES = ("completed",) * 12 + ("failed", "failed", "cancelled", "dead", "queued", "delayed", "running")
NOW = datetime(2026, 5, 17, 13, 37, 42, 123_000, tzinfo=UTC)
Made = dict[str, Any]


async def pipelines(view: Workspace) -> dict[tuple[str, int], UUID]:
    """Two pipelines, one with two versions: their ids."""
    steps = [{"component": name, "config": {}} for name in COMPONENTS]
    made = {}
    for name, versions in (("p", 2), ("q", 1)):
        for version in range(1, versions + 1):
            document = await view.pipelines.put(name, {"steps": steps, "timeout_seconds": 60 + version})
            made[name, version] = document.id
    return made


def invent(
    chance: random.Random, organization: UUID, known: dict[tuple[str, int], UUID], runs: int
) -> list[Made]:
    """So many runs that were started within three days before NOW, some of them many in one minute."""
    return [_run(chance, organization, known, place) for place in range(runs)]


def _run(chance: random.Random, organization: UUID, known: dict[tuple[str, int], UUID], place: int) -> Made:
    back = chance.choice((60, 3_600, 86_400, 3 * 86_400)) * chance.random()
    created = NOW - timedelta(milliseconds=int(back * 1000))
    state = chance.choice(STATES)
    has_started = state not in {"queued", "delayed"} and (state != "cancelled" or chance.random() < 0.5)
    started = (
        created + timedelta(microseconds=int(chance.lognormvariate(0, 2) * 10**6)) if has_started else None
    )
    took = 0.0 if chance.random() < 0.05 else chance.lognormvariate(-1, 3)
    (pipeline, version), document = chance.choice(list(known.items()))
    failed = chance.choice((None, *COMPONENTS)) if state in {"failed", "dead"} else None
    return {
        "organization": organization,
        "id": UUID(int=(int(created.timestamp() * 1000) << 80) | (place << 8) | chance.randrange(256)),
        "pipeline": pipeline,
        "pipeline_id": document,
        "version": version,
        "state": state,
        "attempt": chance.choice((1, 1, 1, 2, 5)) if started else 0,
        "created": created,
        "started": started,
        "ended": (started or created) + timedelta(microseconds=int(took * 10**6)),
        "error": {"code": "odd", **({} if failed is None else {"step": failed})}
        if state in {"failed", "dead"}
        else None,
        "steps": [_step(chance, name, created) for name in chance.sample(COMPONENTS, chance.randrange(4))]
        if state in {"completed", "failed", "cancelled"}
        else [],
    }


def _step(chance: random.Random, name: str, begun: datetime) -> Made:
    if chance.random() < 0.2:
        return {"name": name, "component": f"{name} 1", "state": "skipped"}
    took = timedelta(microseconds=int(chance.lognormvariate(-3, 2) * 10**6))
    metrics = {
        "tokens_in": chance.randrange(5_000),
        "tokens_out": chance.randrange(500),
        "cost_usd": str(Decimal(chance.randrange(10**6)) / 10**6),
        "cpu_seconds": chance.random(),
        "memory_mb": chance.random() * 100,
        "tries": chance.choice((1, 1, 4)),
    }
    return {
        "name": name,
        "component": f"{name} 1",
        "started_at": begun,
        "ended_at": begun + took,
        "items": chance.choice((None, 3)),
        "items_failed": chance.choice((None, 1)),
        **({"model": chance.choice(("small@1", "large@2"))} if chance.random() < 0.5 else {}),
        **({"metrics": metrics} if chance.random() < 0.7 else {}),
    }


async def put(system: Pool, runs: Sequence[Made]) -> None:
    """Put runs into the record, in a transaction."""
    await system.execute(PUT, msgspec.json.encode(runs))


def within(runs: Iterable[Made], since: datetime, until: datetime | None, pipeline: str | None) -> list[Made]:
    """The runs that were started in a time."""
    return [
        run
        for run in runs
        if run["created"] >= since
        and (until is None or run["created"] < until)
        and pipeline in {None, run["pipeline"]}
    ]


def agree_on_runs(told: Sequence[PipelineStats], runs: Sequence[Made], by: str) -> None:
    """Assert that figures are what is counted from runs."""
    groups: dict[tuple[str, int], list[Made]] = {}
    for run in runs:
        key = (run["pipeline"], run["version"]) if by == "pipeline" else ("", 0)
        groups.setdefault(key, []).append(run)
    assert [(one.pipeline, one.version) for one in told] == sorted(groups)
    for one in told:
        group = groups[one.pipeline, one.version]
        counts = {state: sum(run["state"] == state for run in group) for state in set(STATES)}
        used = [step["metrics"] for run in group for step in run["steps"] if "metrics" in step]
        assert {state: getattr(one, state) for state in counts} == counts
        assert one.runs == len(group)
        assert one.retries == sum(max(run["attempt"] - 1, 0) for run in group)
        assert one.tokens_in == sum(metrics["tokens_in"] for metrics in used)
        assert one.tokens_out == sum(metrics["tokens_out"] for metrics in used)
        assert one.cost_usd == sum(Decimal(metrics["cost_usd"]) for metrics in used)
        took = [_between(run, "started", "ended") for run in group if run["state"] == "completed"]
        waited = [_between(run, "created", "started") for run in group if run["started"] is not None]
        _agree_on_quantiles((one.took_p50_seconds, one.took_p95_seconds), took)
        _agree_on_quantiles((one.waited_p50_seconds, one.waited_p95_seconds), waited)


def agree_on_steps(told: Sequence[StepStats], runs: Sequence[Made], by: str) -> None:
    """Assert that figures of steps are what is counted from those of runs that ended."""
    steps: dict[str, list[Made]] = {}
    for step in (step for run in runs for step in run["steps"]):
        if by in step:
            steps.setdefault(step[by], []).append(step)
    failed = [f"{run['error']['step']} 1" for run in runs if run["error"] and "step" in run["error"]]
    names = set(steps) | (set(failed) if by == "component" else set())
    assert [one.name for one in told] == sorted(names)
    for one in told:
        group = steps.get(one.name, [])
        done = [step for step in group if step.get("state") is None]
        used = [step["metrics"] for step in group if "metrics" in step]
        assert (one.completed, one.skipped) == (len(done), len(group) - len(done))
        assert one.failed == (failed.count(one.name) if by == "component" else None)
        assert one.items == sum(step.get("items") or 0 for step in group)
        assert one.items_failed == sum(step.get("items_failed") or 0 for step in group)
        assert one.retries == sum(
            step["metrics"]["tries"] - max(step["items"] or 1, 1) for step in group if "metrics" in step
        )
        assert one.tokens_in == sum(metrics["tokens_in"] for metrics in used)
        assert one.cost_usd == sum(Decimal(metrics["cost_usd"]) for metrics in used)
        assert one.cpu_seconds == pytest.approx(
            math.fsum(metrics["cpu_seconds"] for metrics in used), rel=1e-12
        )
        assert one.memory_mb == max((metrics["memory_mb"] for metrics in used), default=None)
        took = [_between(step, "started_at", "ended_at") for step in done]
        _agree_on_quantiles((one.took_p50_seconds, one.took_p95_seconds), took)


def _between(one: Made, begin: str, end: str) -> float:
    return (one[end] - one[begin]) / timedelta(seconds=1)


def _agree_on_quantiles(told: tuple[float | None, float | None], durations: list[float]) -> None:
    """Within 1 % of the smallest duration that so many do not exceed."""
    if not durations:
        assert told == (None, None)
        return
    ordered = sorted(durations)
    for figure, level in zip(told, (0.5, 0.95), strict=True):
        exact = ordered[max(1, math.ceil(level * len(ordered) - 1e-9)) - 1]
        assert figure is not None
        assert abs(figure - exact) <= 0.010001 * exact
