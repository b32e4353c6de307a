"""What becomes of runs that ended: their figures are added up, and those of old batches go.

An organization under legal hold keeps everything. A batch keeps its sums, and the figures keep what its runs added; so
nothing is removed before all that ended is added up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.operations.task import Bounds, Done
from octavo.pipelines import figures
from octavo.pipelines.starting import batches
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Origin

_sql = load("octavo.operations", "maintenance.sql")
_ORGANIZATIONS = 100


async def add_up_figures(system: Pool, to: Bounds) -> Done:
    """Add up what has ended, as far as so many events of the log tell it; with `dry_run` nothing is looked at.

    Where it stopped stands in the record: `after` only tells that there is more.
    """
    examined = added = 0
    more = not to.dry_run
    while more and examined < to.limit:
        done = await figures.add_up(system, events=min(figures.EVENTS, to.limit - examined))
        examined, added, more = examined + done.events, added + done.runs, done.more
        to.progress(added, examined)
    return Done(
        task="figures", dry_run=to.dry_run, examined=examined, changed=added, after="cursor" if more else None
    )


async def drop_old_batches(system: Pool, to: Bounds, *, days: int) -> Done:
    """Remove the runs of batches that have been over for longer than so many days, and keep their sums.

    Left alone are batches with runs that can still be retried.

    Args:
        to: runs and batches at most; the rest is left to the next run. Where an earlier one stopped.
        days: 0 removes nothing.
    """
    done = Done(task="batches", dry_run=to.dry_run, examined=0, changed=0)
    if not days:
        return done
    if not to.dry_run and (await add_up_figures(system, to)).after is not None:
        return Done(task="batches", dry_run=False, examined=0, changed=0, waits="figures are being added up")
    return await _drop(system, to, datetime.now(UTC) - timedelta(days=days))


async def _drop(system: Pool, to: Bounds, before: datetime) -> Done:
    organization = _place(to.after)
    examined = purged = spent = 0
    while rows := await system.fetch(
        _sql.organizations_with_old_batches, organization, before, _ORGANIZATIONS
    ):
        for row in rows:
            organization = row["organization_id"]
            piece = await batches.purge_some(
                _scope(system, organization), before, most=to.limit - spent, dry_run=to.dry_run
            )
            examined, purged = examined + piece.looked, purged + piece.purged
            spent += piece.looked + piece.runs
            to.progress(purged, examined)
            if spent >= to.limit:
                place = str(organization)
                return Done(
                    task="batches", dry_run=to.dry_run, examined=examined, changed=purged, after=place
                )
        organization = UUID(int=organization.int + 1)
    return Done(task="batches", dry_run=to.dry_run, examined=examined, changed=purged)


def _place(after: str | None) -> UUID:
    if after is None:
        return UUID(int=0)
    try:
        return UUID(after)
    except ValueError as error:
        raise InvalidInput(
            f"{after!r} is no place where a run stopped", remedy="use the `after` of its result"
        ) from error


def _scope(system: Pool, organization: UUID) -> Scope:
    return Scope(
        runner=system,
        organization=organization,
        namespace="default",
        origin=Origin(),
        limits=Limits(),
        committed=unheard,
    )
