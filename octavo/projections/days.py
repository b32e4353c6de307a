"""What an engine of facts holds beside what the log has, by organization and day of recording, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.roles.analytics import FactEngine, Tally
from octavo.values.position import Position

_sql = load("octavo.projections", "analytics.sql")

_NONE = Tally(0, 0, 0)
Key = tuple[UUID, date]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A day of an organization whose events the engine does not hold as the log has them.

    Attributes:
        log, engine: how many events each has. Equal numbers of other events are a difference too.
        kept: the engine has more, and the organization lets events of that age go: the facts outlived them.
    """

    organization: UUID
    day: date
    log: int
    engine: int
    kept: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs.

    Attributes:
        days: days of organizations. events: the log's events in them.
    """

    days: int
    events: int
    differences: Sequence[Difference]


async def compared(system: Pool, engine: FactEngine, position: Position) -> Compared:
    """One aggregate on each side, up to a position the engine has reached."""
    held = await engine.tallies(position)
    logged = await _logged(system, position)
    gone = await let_go(system)
    return Compared(
        days=len({*logged, *held}),
        events=sum(tally.events for tally in logged.values()),
        differences=[
            _difference(key, log, of_engine, gone.get(key[0]))
            for key in sorted({*logged, *held})
            if (log := logged.get(key, _NONE)) != (of_engine := held.get(key, _NONE))
        ],
    )


async def let_go(system: Pool) -> Mapping[UUID, date]:
    """Organizations that let events of their own streams go, and the newest day that some are gone of."""
    return {row["organization_id"]: row["day"] for row in await system.fetch(_sql.retaining)}


async def _logged(system: Pool, position: Position) -> Mapping[Key, Tally]:
    rows = await system.fetch(_sql.tallies, position.epoch, position.xid, position.id)
    return {
        (row["organization_id"], row["day"]): Tally(row["events"], int(row["ids"]), int(row["squares"]))
        for row in rows
    }


def _difference(key: Key, log: Tally, engine: Tally, gone: date | None) -> Difference:
    kept = gone is not None and key[1] <= gone and engine.events > log.events
    return Difference(organization=key[0], day=key[1], log=log.events, engine=engine.events, kept=kept)
