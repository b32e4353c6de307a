"""The sweep of expired documents: bounded, and safe beside writers."""

from __future__ import annotations

from itertools import groupby
from uuid import UUID

from octavo.operations.task import Bounds, Done
from octavo.postgres.pool import Pool
from octavo.store import expiry
from octavo.store.scope import Committed, Limits, Scope, unheard

_CHUNK = 100
LIMIT = 10_000


async def sweep_expired(system: Pool, to: Bounds | None = None, committed: Committed = unheard) -> Done:
    """Delete, softly, documents whose moment has come, the longest due first; the rest is left to the next run.

    Args:
        to: how many at most; by default 10,000.
        committed: told after each chunk, to wake the readers of the log.
    """
    to = to or Bounds(limit=LIMIT)
    if to.dry_run:
        found = len(await expiry.due(system, to.limit))
        return Done(task="expiry", dry_run=True, examined=found, changed=found)
    examined = deleted = 0
    while examined < to.limit:
        size = min(_CHUNK, to.limit - examined)
        chunk = await expiry.due(system, size)
        gone = await _delete(system, chunk, committed)
        examined, deleted = examined + len(chunk), deleted + gone
        to.progress(deleted, examined)
        # A chunk of which nothing could be deleted is being changed by others: the next run finds it again.
        if len(chunk) < size or not gone:
            break
    return Done(task="expiry", dry_run=False, examined=examined, changed=deleted)


async def _delete(system: Pool, chunk: list[tuple[UUID, UUID]], committed: Committed) -> int:
    by_organization = groupby(sorted(chunk), key=lambda one: one[0])
    return sum(
        [
            await expiry.delete_due(system, _scope(system, organization, committed), [id for _, id in group])
            for organization, group in by_organization
        ]
    )


def _scope(system: Pool, organization: UUID, committed: Committed) -> Scope:
    return Scope(
        runner=system,
        organization=organization,
        namespace="default",
        origin=expiry.SWEEPER,
        limits=Limits(),
        committed=committed,
    )
