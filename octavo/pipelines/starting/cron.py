"""When a schedule is due: pure functions of a cron expression, a time zone and a moment.

As Debian's cron has it: a time of the day that the clock leaves out in spring is due at the moment after the gap, one
that comes twice in autumn is due once, the first time; what is due every hour or every few minutes (a minute or an hour
that begins with `*`) goes by the hours that really pass, so it is due in both of the two and in none that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from octavo.errors import InvalidInput
from octavo.values.schedule import LATE_SECONDS, MOST_MISSED, CatchUp

_PARTS = 5


class Calendar(msgspec.Struct, frozen=True):
    """A checked cron expression in a time zone; made by `calendar`."""

    cron: str
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times it is due after a moment, in UTC, without end."""
        last = moment
        for due in self._walk(moment):
            # Of an hour that comes twice cron means the first, which may lie behind us.
            if due > last:
                yield due
                last = due

    def next_after(self, moment: datetime) -> datetime:
        """The first time it is due after a moment; raises `InvalidInput` when there is none."""
        for due in self.after(moment):
            return due
        raise InvalidInput(f"{self.cron!r} is never due", remedy="there is no such day")

    def until(self, moment: datetime, since: datetime, most: int) -> list[datetime]:
        """The times it was due from `since` to a moment, both included, the latest `most` of them, in order."""
        found: list[datetime] = []
        # One microsecond more, so that the moment itself counts.
        for due in self._walk(moment.replace(microsecond=1), backwards=True):
            if due < since or len(found) >= most:
                break
            if due <= moment and (not found or due < found[-1]):
                found.append(due)
        return found[::-1]

    def _walk(self, moment: datetime, *, backwards: bool = False) -> Iterator[datetime]:
        for due in CronSim(self.cron, moment.astimezone(self.zone), reverse=backwards):
            yield due.astimezone(UTC)


def calendar(cron: str, timezone: str) -> Calendar:
    """Read a cron expression and the name of a time zone.

    Args:
        cron: five parts: minute, hour, day of month, month, day of week; with `*`, `1-5`, `*/15`, `mon-fri`, `L`.

    Raises:
        InvalidInput: one of them cannot be read, or the expression is never due.
    """
    if len(cron.split()) != _PARTS or len(cron) > 200:
        raise InvalidInput(
            f"{cron[:200]!r} is no cron expression",
            remedy="give minute, hour, day of month, month and day of week, as '0 6 * * mon-fri'",
        )
    try:
        CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidInput(
            f"{cron!r} is no cron expression: {str(error).lower()}",
            remedy="give minute, hour, day of month, month and day of week, as '0 6 * * mon-fri'",
        ) from error
    made = Calendar(cron, _zone(timezone))
    made.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    return made


def missed(made: Calendar, next_at: datetime, now: datetime, catch_up: CatchUp) -> list[datetime]:
    """The times to start runs for: of those that are due by now, what `catch_up` leaves, in order.

    Args:
        next_at: the first time that nobody has seen to; not later than now.
    """
    due = made.until(now, next_at, MOST_MISSED if catch_up == "all" else 1) or [next_at]
    if catch_up == "none" and (now - due[-1]).total_seconds() > LATE_SECONDS:
        return []
    return due


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"{name[:100]!r} is no time zone that is known here",
            remedy="give one as Europe/Berlin or UTC; without them on the machine, install tzdata",
        ) from error
