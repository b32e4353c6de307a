"""What batches need beside their workers: interrupted ones are filled and cancelled to the end, and ends are noted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from uuid import UUID

from octavo.errors import InvalidInput, NotFound, QuotaExceeded
from octavo.pipelines.starting import batches, filling
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.pipelines.starting", "batches.sql")
log = logging.getLogger("octavo.pipelines")

LOOK_SECONDS = 1.0
# Since when nobody has filled a batch that is not full, so that its filling is gone on with.
INTERRUPTED_SECONDS = 10.0
# How long a batch is left alone whose organization has had its runs of the day.
_QUOTA_SECONDS = 60.0
_LOOKED, _PIECES = 100, 10
_FIRST = UUID(int=0)


class BatchUpkeep:
    """Looks after batches that are not over, a hundred at a time; called by whoever leads.

    Args:
        system: connections of a member of octavo_system.
        scope: the view of an organization.
        look_seconds: how often it looks when nothing is under way.
        interrupted_seconds: how long nobody must have filled a batch.
    """

    def __init__(
        self,
        system: Pool,
        scope: Callable[[UUID], Scope],
        *,
        look_seconds: float = LOOK_SECONDS,
        interrupted_seconds: float = INTERRUPTED_SECONDS,
    ) -> None:
        self._system = system
        self._scope = scope
        self._look_seconds = look_seconds
        self._interrupted_seconds = interrupted_seconds
        self._after = _FIRST
        self._looked_at = float("-inf")
        self._filling: set[UUID] = set()
        self._not_before: dict[UUID, float] = {}

    async def step(self) -> bool:
        """One bounded piece, once a second if nothing is under way; True when there may be more."""
        is_busy = bool(self._filling) or self._after != _FIRST
        if not is_busy and time.monotonic() - self._looked_at < self._look_seconds:
            return False
        self._looked_at = time.monotonic()
        rows = await self._system.fetch(_sql.open_batches, self._after, _LOOKED, self._interrupted_seconds)
        if self._after == _FIRST and len(rows) < _LOOKED:
            # Those are all there are: what is full by now, or was cancelled, is nothing to go on with.
            self._filling &= {row["id"] for row in rows if not row["is_filled"]}
        self._after = rows[-1]["id"] if len(rows) == _LOOKED else _FIRST
        for row in rows:
            await self._tend(row)
        return bool(self._filling) or self._after != _FIRST

    async def _tend(self, row: Row) -> None:
        scope, id = self._scope(row["organization_id"]), row["id"]
        if row["is_over"]:
            await batches.settle(scope, id)
        elif row["is_cancelled"]:
            await batches.cancel_runs(scope, id, pieces=_PIECES)
        elif row["is_filled"]:
            self._filling.discard(id)
        elif id in self._filling or (row["is_interrupted"] and self._may_fill(id)):
            await self._fill(scope, id)

    def _may_fill(self, id: UUID) -> bool:
        if time.monotonic() < self._not_before.get(id, float("-inf")):
            return False
        self._not_before.pop(id, None)
        return True

    async def _fill(self, scope: Scope, id: UUID) -> None:
        """One piece; from the first one on it is ours to the end."""
        self._filling.add(id)
        try:
            more = await filling.fill_piece(scope, id)
        except QuotaExceeded:
            more = None
            self._not_before[id] = time.monotonic() + _QUOTA_SECONDS
        except (InvalidInput, NotFound) as error:
            log.warning("batch %s cannot be filled to its end: %s", id, error)
            more = None
        except BaseException:
            self._filling.discard(id)
            raise
        if more is None:
            self._filling.discard(id)
