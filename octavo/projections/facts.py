"""The analytics engine as its operator sees it: is it what the log says, fill it again, what was left out, erase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from octavo.errors import InvalidSetting
from octavo.projections.days import Difference, compared
from octavo.projections.rebuild import rebuild
from octavo.projections.roster import Place, Roster
from octavo.projections.serving_analytics import ROLE
from octavo.roles.analytics import AnalyticsEngine, Parked
from octavo.values.position import Position

LISTED = 100


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
    """The analytics engine of all organizations, for operators; see `Engines` for moving it to another place."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def verify(self) -> Verified:
        """Compare what is held with the log, by organization and day of recording, in both directions.

        One aggregate on each side, up to where the engine stands, so events that are written meanwhile do not
        disturb it.
        """
        engine = _engine(self._place)
        position = (await engine.position()).position
        found = await compared(self._roster.record.system, engine, position)
        return Verified(
            position=position,
            days=found.days,
            events=found.events,
            different=sum(not one.kept for one in found.differences),
            parked=len(await engine.parked()),
            differences=sorted(found.differences, key=lambda one: one.kept)[:LISTED],
        )

    async def rebuild(self) -> None:
        """Fold the log anew from its start, while the engine serves; see `Engines.rebuild`.

        Facts of events that the log does not hold any more, since an organization lets old ones go, stay.
        """
        _ = self._place, self._roster.record.system  # one of them says what is missing
        await rebuild(self._roster, ROLE)

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Events no fact could be made of; 1,000 at most."""
        return await _engine(self._place).parked(organization)

    async def erase(self, organization: UUID, actor: str | None = None) -> None:
        """Forget an organization, or who an actor (`kind:id`) was, in every engine that holds facts.

        Of an actor's facts the time, the type and the numbers stay, so that sums remain what they were; the name is
        replaced by an `erased:` one by chance, and session and texts go. The log is not touched: what it still
        holds comes back with a rebuild, so erase it there first.
        """
        _ = self._place
        await self._roster.look()
        for place in self._roster.all_of(ROLE):
            await _engine(place).erase(organization, actor)

    @property
    def _place(self) -> Place:
        if ROLE not in self._roster.roles:
            raise InvalidSetting(
                "analytics is `none`, so no facts are held",
                remedy="set OCTAVO_ANALYTICS to postgres, or to the URL of a ClickHouse",
                setting="analytics",
            )
        return self._roster.place(ROLE)


def _engine(place: Place) -> AnalyticsEngine:
    return cast("AnalyticsEngine", place.engine)
