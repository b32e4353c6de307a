"""Catching up with what a quota held back: runs that triggers owe are started as soon as the day allows them.

A change that a quota leaves without its run notes so in its own transaction. Whoever leads starts these runs, those
owed longest first, about the documents as they are then: after midnight (UTC), or when the quota was raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.pipelines.starting", "owed.sql")

LOOK_SECONDS = 5.0
# How long an organization is left alone whose quota is full.
QUOTA_SECONDS = 60.0
_ORGANIZATIONS, _PIECE = 1_000, 100


class OwedUpkeep:
    """Starts what organizations are owed, a hundred runs of each at a time; called by whoever leads.

    Args:
        system: connections of a member of octavo_system.
        scope: the view of an organization.
    """

    def __init__(self, system: Pool, scope: Callable[[UUID], Scope]) -> None:
        self._system = system
        self._scope = scope
        self._looked_at = float("-inf")
        self._not_before: dict[UUID, float] = {}

    async def step(self) -> bool:
        """One bounded piece, once in five seconds if nothing is owed; True when there may be more."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._not_before = {id: until for id, until in self._not_before.items() if until > now}
        rows = await self._system.fetch(_sql.owing, _ORGANIZATIONS)
        owing = [row["organization_id"] for row in rows if row["organization_id"] not in self._not_before]
        more = [await self._start(organization) for organization in owing]
        self._looked_at = float("-inf") if any(more) else now
        return any(more)

    async def _start(self, organization: UUID) -> bool:
        scope = self._scope(organization)
        row = await scope.runner.fetchrow(_sql.start_owed, organization, _PIECE)
        assert row is not None
        if row["is_refused"]:
            self._not_before[organization] = time.monotonic() + QUOTA_SECONDS
        if row["started"]:
            scope.committed(runs=True)
        return row["settled"] == _PIECE and not row["is_refused"]
