"""The analytics engine as its operator sees it: is it what the log says, fill it again, what was left out, erase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidSetting
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.projections.analytics import AnalyticsProjection
from octavo.roles.analytics import AnalyticsEngine, Parked, Tally
from octavo.values.position import Position

_sql = load("octavo.projections", "analytics.sql")

_NONE = Tally(0, 0)
LISTED = 100


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


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of engine and log found.

    Attributes:
        position: up to where in the log they were compared.
        days: days of organizations that were compared. events: the log's events in them.
        differences: at most 100, real ones first; `different` counts the real ones.
        parked: events no fact could be made of; they count as held.
    """

    position: Position
    days: int
    events: int
    different: int
    parked: int
    differences: list[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether the engine holds what the log has."""
        return self.different == 0

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return {**told, "position": str(self.position), "equal": self.is_equal}


class Facts:
    """The analytics engine of all organizations, for operators.

    Args:
        record: whose log is compared with.
        projection: fills the engine.
        engine: holds the facts; None when analytics is `none`.
    """

    def __init__(
        self, record: Record, projection: AnalyticsProjection | None, engine: AnalyticsEngine | None
    ) -> None:
        self._record = record
        self._projection = projection
        self._engine = engine

    async def verify(self) -> Verified:
        """Compare what is held with the log, by organization and day of recording, in both directions.

        One aggregate on each side, up to where the engine stands, so events that are written meanwhile do not
        disturb it.
        """
        position = (await self._open.position()).position
        return await self._compared(position, await self._open.tallies(position))

    async def rebuild(self) -> None:
        """Empty the engine; it is filled again from the log, while answers lack what is not there yet.

        What the log does not hold any more, since an organization lets old events go, is not counted again.
        """
        projection = self._projection
        if projection is None:
            engine, _ = self._open, self._record.system  # one of them says what is missing
            await engine.reset()
        else:
            await projection.rebuild()

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Events no fact could be made of; 1,000 at most."""
        return await self._open.parked(organization)

    async def erase(self, organization: UUID, actor: str | None = None) -> None:
        """Forget an organization, or who an actor (`kind:id`) was.

        Of an actor's facts the time, the type and the numbers stay, so that sums remain what they were; the name is
        replaced by an `erased:` one by chance, and session and texts go. The log is not touched: what it still
        holds comes back with a rebuild, so erase it there first.
        """
        await self._open.erase(organization, actor)

    @property
    def _open(self) -> AnalyticsEngine:
        if self._engine is None:
            raise InvalidSetting(
                "analytics is `none`, so no facts are held",
                remedy="set OCTAVO_ANALYTICS to postgres, or to the URL of a ClickHouse",
                setting="analytics",
            )
        return self._engine

    async def _compared(self, position: Position, held: Mapping[tuple[UUID, date], Tally]) -> Verified:
        rows = await self._record.system.fetch(_sql.tallies, position.epoch, position.xid, position.id)
        logged = {(row["organization_id"], row["day"]): Tally(row["events"], int(row["ids"])) for row in rows}
        gone = {row["organization_id"]: row["day"] for row in await self._record.system.fetch(_sql.retaining)}
        found = [
            _difference(key, log, engine, gone.get(key[0]))
            for key in sorted({*logged, *held})
            if (log := logged.get(key, _NONE)) != (engine := held.get(key, _NONE))
        ]
        return Verified(
            position=position,
            days=len({*logged, *held}),
            events=sum(tally.events for tally in logged.values()),
            different=sum(not one.kept for one in found),
            parked=len(await self._open.parked()),
            differences=sorted(found, key=lambda one: one.kept)[:LISTED],
        )


def _difference(key: tuple[UUID, date], log: Tally, engine: Tally, gone: date | None) -> Difference:
    kept = gone is not None and key[1] <= gone and engine.events > log.events
    return Difference(organization=key[0], day=key[1], log=log.events, engine=engine.events, kept=kept)
