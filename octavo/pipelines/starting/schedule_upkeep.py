"""What fires schedules: whoever leads looks what is due, and starts its runs in the statement that moves it on.

The times are those of the server's clock. A schedule is moved on only from the time that was seen, so each time is
seen to once, however many look and wherever one is killed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput
from octavo.pipelines.starting.cron import calendar, missed
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Committed
from octavo.values.pipeline import NAMESPACE, TYPE

_sql = load("octavo.pipelines.starting", "schedules.sql")
log = logging.getLogger("octavo.pipelines")

LOOK_SECONDS = 0.5
KEPT_DAYS = 90
_PIECE = 100
_FORGET_SECONDS = 3_600.0
# Where a time zone is not known it may be an hour later, on another machine.
_UNKNOWN = timedelta(hours=1)


class _Move(msgspec.Struct, frozen=True):
    """A schedule that is due: the times to start runs for, when it is due next, and why nothing is started."""

    organization: UUID
    name: str
    was: datetime
    due: list[datetime]
    later: datetime
    skipped: str | None


class ScheduleUpkeep:
    """Fires what is due, a hundred schedules at a time; called by whoever leads.

    Args:
        system: connections of a member of octavo_system.
        committed: told when runs were started, to wake the workers.
    """

    def __init__(self, system: Pool, committed: Committed) -> None:
        self._system = system
        self._committed = committed
        self._looked_at = self._forgot_at = float("-inf")

    async def step(self) -> bool:
        """One bounded piece, twice a second if nothing is due; True when there may be more."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        rows = await self._system.fetch(_sql.due_schedules, _PIECE)
        if rows:
            await self._fire([_move(row) for row in rows])
        more = len(rows) == _PIECE
        self._looked_at = float("-inf") if more else now
        if now - self._forgot_at >= _FORGET_SECONDS:
            await self._system.execute(_sql.forget_firings, KEPT_DAYS, 100 * _PIECE)
            self._forgot_at = now
        return more

    async def _fire(self, moves: Sequence[_Move]) -> None:
        due = [(move, at) for move in moves for at in move.due]
        rows = await self._system.fetch(
            _sql.fire,
            [move.organization for move in moves],
            [move.name for move in moves],
            [move.was for move in moves],
            [move.later for move in moves],
            [move.skipped for move in moves],
            [move.organization for move, _ in due],
            [move.name for move, _ in due],
            [at for _, at in due],
            [uuid7() for _ in due],
            NAMESPACE,
            TYPE,
        )
        if rows and rows[0]["runs"]:
            self._committed(runs=True)


def _move(row: Row) -> _Move:
    organization, name, was, now = row["organization_id"], row["name"], row["next_at"], row["moment"]
    try:
        known = calendar(row["cron"], row["timezone"])
        due = missed(known, was, now, row["catch_up"])
        later = known.next_after(now)
    except InvalidInput as error:
        log.warning("the schedule %s cannot be read here: %s", name, error)
        return _Move(organization, name, was, [], now + _UNKNOWN, "unknown_calendar")
    return _Move(organization, name, was, due, later, None if due else "missed")
