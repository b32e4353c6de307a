"""The figures of runs that ended, added up once each, whoever does it and however often it is broken off.

The log tells in commit order what has ended. One statement reads a piece of it behind the cursor, adds the runs of
which it tells to the figures, and moves the cursor; should another process have moved it meanwhile, it changes nothing.
No run pays for it: ending one writes nothing more.
"""

from __future__ import annotations

import time

import msgspec

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load

_sql = load("octavo.pipelines", "statistics.sql")

# Events that one statement looks at: some thousand runs.
EVENTS = 20_000
# How long new ends are gathered: many that are added at once cost less each, and until then they are counted.
PAUSE_SECONDS = 5.0


class AddedUp(msgspec.Struct, frozen=True):
    """What one statement did: events looked at, runs added, and whether there may be more."""

    events: int
    runs: int
    more: bool


async def add_up(system: Pool, *, events: int = EVENTS) -> AddedUp:
    """Add up what ended next, at most what so many events tell.

    Args:
        system: connections of a member of octavo_system.
        events: of the log, looked at.
    """
    stands = await system.fetchrow(_sql.cursor)
    assert stands is not None
    begin = (stands["epoch"], stands["position_xid"], stands["position_id"])
    row = await system.fetchrow(_sql.add_up, *begin, events)
    assert row is not None
    # One who was overtaken leaves the rest to the other.
    return AddedUp(row["events"], row["runs"], row["has_moved"] and row["events"] == events)


class FigureUpkeep:
    """Keeps the figures, every few seconds; called by whoever leads.

    Args:
        system: connections of a member of octavo_system.
        pause_seconds: between two pieces that are not full.
    """

    def __init__(self, system: Pool, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._system = system
        self._pause_seconds = pause_seconds
        self._not_before = float("-inf")

    async def step(self) -> bool:
        """One bounded piece, if it is time; True when there may be more."""
        if time.monotonic() < self._not_before:
            return False
        done = await add_up(self._system)
        self._not_before = float("-inf") if done.more else time.monotonic() + self._pause_seconds
        return done.more
