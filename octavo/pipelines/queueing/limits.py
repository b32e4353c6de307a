"""Limits: how many runs of an organization may be started a day and be under way, and why a start was refused.

How many are under way is counted from their leases, by whoever claims, alone for the moment of the claim. A run that a
limit holds back leaves the queue and comes back when there is room, so nobody waits behind it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound, OctavoError, QuotaExceeded
from octavo.postgres.pool import Row, Runner
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.json import encode
from octavo.values.limit import MAX_AFTER, MAX_WAITS, RunLimits

_sql = load("octavo.pipelines.queueing", "limits.sql")
_MOST = 2**31 - 1
_MOST_SHARE = 1_000.0
MAX_MODELS = 1_000


async def find(system: Runner, organization: str) -> RunLimits:
    """What an organization has set, and how far it is; raises `NotFound`."""
    row = await system.fetchrow(_sql.find_limits, organization)
    if row is None:
        raise NotFound(f"there is no organization {organization!r}", remedy="see `octavo org list`")
    return _limits(row)


async def configure(
    system: Runner,
    organization: str,
    *,
    run_share: float | UnsetType = UNSET,
    max_running: int | UnsetType | None = UNSET,
    runs_per_day: int | UnsetType | None = UNSET,
    allowed_models: Collection[str] | UnsetType | None = UNSET,
    max_batch_size: int | UnsetType | None = UNSET,
) -> RunLimits:
    """Set limits of an organization; see `Organizations.configure`."""
    if run_share is not UNSET and not 0.001 <= run_share <= _MOST_SHARE:
        raise InvalidInput(f"a share of {run_share} is none", remedy="give 0.001 to 1,000; 1 is usual")
    numbers = {"max_running": max_running, "runs_per_day": runs_per_day, "max_batch_size": max_batch_size}
    for name, number in numbers.items():
        least = 1 if name == "max_batch_size" else 0
        if isinstance(number, int) and not least <= number <= _MOST:
            raise InvalidInput(
                f"{name} = {number} is no limit", remedy=f"give {least} or more, or None for no limit"
            )
    wanted = {**numbers, "run_share": run_share, "allowed_models": _models(allowed_models)}
    given = {name: value for name, value in wanted.items() if value is not UNSET and value is not None}
    gone = [name for name, value in wanted.items() if value is None]
    if await system.fetchrow(_sql.set_limits, organization, encode(given), gone) is None:
        raise NotFound(f"there is no organization {organization!r}", remedy="see `octavo org list`")
    return await find(system, organization)


def _models(names: Collection[str] | UnsetType | None) -> list[str] | UnsetType | None:
    """Names of models, each once and in order; raises `InvalidInput` and `LimitExceeded`."""
    if names is None or isinstance(names, UnsetType):
        return names
    if isinstance(names, str):
        raise InvalidInput(
            f"allowed_models = {names[:200]!r} is no list", remedy="give names, as ['small', 'large']"
        )
    wrong = [name for name in names if not 1 <= len(name) <= 500 or "@" in name or "\x00" in name]
    if wrong:
        raise InvalidInput(
            f"{wrong[0][:200]!r} is not the name of a model", remedy="give names, without @ and a version"
        )
    if len(names) > MAX_MODELS:
        raise LimitExceeded(
            f"{len(names)} models that an organization allows",
            remedy=f"the limit is {MAX_MODELS}; None allows all",
            limit=MAX_MODELS,
            actual=len(names),
        )
    return sorted(set(names))


def check_wait(runs: int, after: Collection[UUID], delay_seconds: float, concurrency: str | None) -> None:
    """Check what runs are to wait for; raises `InvalidInput` and `LimitExceeded`."""
    if runs * len(after) > MAX_WAITS:
        raise LimitExceeded(
            f"{runs} runs that wait for {len(after)} others each",
            remedy="let them wait for one that waits for the others",
            limit=MAX_WAITS,
            actual=runs * len(after),
        )
    if len(after) > MAX_AFTER:
        raise LimitExceeded(
            f"a run that waits for {len(after)} others",
            remedy=f"let it wait for {MAX_AFTER} at most, or for one that waits for them",
            limit=MAX_AFTER,
            actual=len(after),
        )
    if after and delay_seconds:
        raise InvalidInput(
            "a run waits for others or for its time, not for both",
            remedy="leave out after or delay_seconds",
        )
    if concurrency is not None and (not 1 <= len(concurrency) <= 200 or "\x00" in concurrency):
        raise InvalidInput(f"a concurrency key has 1 to 200 characters, this one {len(concurrency)}")


async def refusal(scope: Scope, after: Collection[UUID], *, any_end: bool, runs: int) -> OctavoError | None:
    """Why runs were not started: the quota, or a run they were to wait for; None: neither."""
    row = await scope.runner.fetchrow(_sql.look_for_limits, scope.organization, list(after), any_end, runs)
    if row is None:
        return None
    if row["refused"] is not None:
        return _of_dependency(row["refused"], row["refused_state"])
    if row["quota"] is not None and row["started"] + runs > row["quota"]:
        return exceeded(row["quota"], row["started"], runs, row["resets_at"])
    return None


def exceeded(quota: int, started: int, runs: int, resets_at: datetime) -> QuotaExceeded:
    """The error of an organization that has had its runs of the day."""
    return QuotaExceeded(
        f"{runs} more runs today would be more than the {quota} of this organization's quota: {started} were started",
        remedy=f"start them after {resets_at:%Y-%m-%d %H:%M} UTC, or raise runs_per_day: `octavo org configure`",
        limit=quota,
        actual=started + runs,
        resets_at=resets_at.isoformat(),
    )


def _of_dependency(run: UUID, state: str | None) -> OctavoError:
    if state is None:
        return NotFound(f"there is no run {run} to wait for", remedy="no run was started")
    return Conflict(
        f"run {run}, which is to end before, is {state}",
        remedy="no run was started; give after_any_end=True if its end is enough",
    )


def _limits(row: Row) -> RunLimits:
    share = row["run_share"]
    return RunLimits(
        organization=row["name"],
        run_share=1.0 if share is None else float(msgspec.json.decode(share)),
        max_running=row["max_running"],
        runs_per_day=row["runs_per_day"],
        running=row["running"],
        held=row["held"],
        started_today=row["started_today"] or 0,
        allowed_models=None
        if row["allowed_models"] is None
        else msgspec.json.decode(row["allowed_models"], type=tuple[str, ...]),
        max_batch_size=row["max_batch_size"],
    )
