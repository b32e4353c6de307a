"""Failed results: what a run that died or was cancelled was to find out, kept where results are read, with the reason.

The record notes the run in the transaction that ends it; which results were expected of it, a process tells that has
the components. A failure replaces no value, and is replaced by the value when the run is retried and completes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import InvalidPipeline, NotFound
from octavo.pipelines.defining.definitions import Bound, Plans
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.json import encode
from octavo.values.result import processing_type_of

_sql = load("octavo.pipelines", "failures.sql")

LOOK_SECONDS = 0.5
# How long a run is left alone whose components this process has not.
LEFT_SECONDS = 60.0
KEPT_DAYS = 7
_PIECE = 200
_FORGET_SECONDS = 3_600.0
_FIRST = (UUID(int=0), UUID(int=0))
_OVER = frozenset({"dead", "failed", "cancelled"})


async def settle(scope: Scope, plans: Plans, runs: Sequence[UUID]) -> list[UUID]:
    """Keep the failed results of runs of one organization; nothing of those that are under way again.

    Returns:
        The runs whose components this process has not: another one must tell.
    """
    settled: list[UUID] = []
    failed: list[dict[str, Any]] = []
    left: list[UUID] = []
    for row in await scope.runner.fetch(_sql.find_due, scope.organization, list(runs)):
        try:
            failed += await _failures(scope, plans, row)
        except InvalidPipeline:
            left.append(row["run_id"])
        else:
            settled.append(row["run_id"])
    if settled:
        await scope.runner.fetch(_sql.keep_failures, scope.organization, settled, encode(failed))
    return left


class FailureUpkeep:
    """Keeps the failed results of whatever died or was cancelled, a few hundred runs at a time; called by who leads.

    Args:
        system: connections of a member of octavo_system.
        scope: the view of an organization.
        plans: the plans of this process.
    """

    def __init__(self, system: Pool, scope: Callable[[UUID], Scope], plans: Plans) -> None:
        self._system = system
        self._scope = scope
        self._plans = plans
        self._after = _FIRST
        self._not_before: dict[UUID, float] = {}
        self._looked_at = self._forgot_at = float("-inf")

    async def step(self) -> bool:
        """One bounded piece, twice a second if nothing is due; True when there may be more."""
        now = time.monotonic()
        if self._after == _FIRST and now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        rows = await self._system.fetch(_sql.due, *self._after, _PIECE)
        is_full = len(rows) == _PIECE
        self._after = (rows[-1]["organization_id"], rows[-1]["run_id"]) if is_full else _FIRST
        self._not_before = {run: until for run, until in self._not_before.items() if until > now}
        fresh = [row for row in rows if row["run_id"] not in self._not_before]
        for organization, some in groupby(fresh, key=lambda row: row["organization_id"]):
            left = await settle(self._scope(organization), self._plans, [row["run_id"] for row in some])
            self._not_before |= dict.fromkeys(left, now + LEFT_SECONDS)
        if now - self._forgot_at >= _FORGET_SECONDS:
            await self._system.execute(_sql.forget_due, KEPT_DAYS, 100 * _PIECE)
            self._forgot_at = now
        return is_full


async def _failures(scope: Scope, plans: Plans, row: Row) -> list[dict[str, Any]]:
    """The results that were expected of a run and are not there, each with why; raises `InvalidPipeline`."""
    if row["state"] not in _OVER or row["document_id"] is None:
        return []
    try:
        plan = await plans.known(scope, row["pipeline_id"], row["pipeline_version"])
    except NotFound:
        return []  # it was purged
    error = {} if row["error"] is None else msgspec.json.decode(row["error"], type=dict[str, Any])
    done = set(row["done"])
    return [
        {**_failure(bound), **_of_run(row, error)}
        for bound in plan.steps.values()
        if bound.name not in done and _was_expected(bound, error.get("step"))
    ]


def _was_expected(bound: Bound, failing: str | None) -> bool:
    """Whether a step makes a result of the document, and would have been called for certain."""
    makes_result = bound.each is None and processing_type_of(bound.component.result) is not None
    return makes_result and (bound.when is None or bound.name == failing)


def _failure(bound: Bound) -> dict[str, Any]:
    name, separator, wanted = (bound.model or "").partition("@")
    is_version = separator and wanted.isdigit()
    return {
        "id": uuid7(),
        "type": processing_type_of(bound.component.result),
        "model": name or None,
        "model_version": wanted if is_version else None,
        "environment": wanted if separator and not is_version else None,
        "component_name": bound.component.name,
        "component_version": str(bound.component.version),
        "options": msgspec.Raw(bound.config),
        "step": bound.name,
        "component": bound.told,
    }


def _of_run(row: Row, error: dict[str, Any]) -> dict[str, Any]:
    code = error.get("code", str(row["state"]))
    details = {"code": code, "step": error.get("step"), "state": row["state"], "attempt": row["attempt"]}
    return {
        "run_id": row["run_id"],
        "document_id": row["document_id"],
        "version": row["document_version"],
        "error": {
            "message": error.get("message", f"the run was {row['state']}"),
            "details": {name: value for name, value in details.items() if value is not None},
        },
        "started_at": row["begun_at"],
        "ended_at": row["over_at"],
    }
