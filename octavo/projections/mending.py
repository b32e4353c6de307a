"""Making an engine of facts right where it is: nothing that is right goes before it is there again.

    add        every event of the log: its fact is added if it is missing, and corrected if it is another
    remove     facts of which the log has no event, and those that stand for an event twice
    add up     the rollups of a day anew of its facts, each day in one commit

Facts whose events an organization lets go stay, and are added up with the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import cast
from uuid import UUID

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.projections.folds import Derive
from octavo.roles.analytics import Fact, FactKey, Mendable, Parked
from octavo.values.position import START, Position

_sql = load("octavo.projections", "analytics.sql")

EVENTS_AT_ONCE = 2_000
FACTS_AT_ONCE = 5_000
DAYS_AT_ONCE = 10_000

Day = tuple[UUID, date]
_Event = tuple[int, int]


class Mending:
    """Works on the facts and rollups of one engine, beside whoever reads it and whoever folds into it.

    Args:
        system: reads the log of all organizations.
        engine: whose facts they are.
        derive: what an engine is told of events.
    """

    def __init__(self, system: Pool, engine: Mendable, derive: Derive) -> None:
        self._system = system
        self._engine = engine
        self._derive = derive

    async def add(
        self, feed: Feed, until: Position, after: Position = START
    ) -> AsyncIterator[tuple[int, Position]]:
        """Tell the engine of a log, batch by batch; gives how many events it was told of, and up to where.

        Args:
            until: a position the engine has reached.
            after: where to begin.
        """
        while True:
            batch = await feed.read(after, EVENTS_AT_ONCE)
            events = [event for event in batch.events if event.position <= until]
            if events:
                derived = await self._derive(events)
                await self._engine.mend(
                    [one for one in derived if isinstance(one, Fact)],
                    [one for one in derived if isinstance(one, Parked)],
                )
            after = batch.cursor
            yield len(events), after
            if batch.is_last or len(events) < len(batch.events):
                return

    async def remove_strangers(self, feed: Feed, organization: UUID, day: date) -> None:
        """Forget facts that were recorded on a day and that no event stands for.

        Args:
            feed: of all organizations.
        """
        held: dict[_Event, FactKey] = {}
        after: FactKey | None = None
        while keys := await self._engine.recorded(organization, day, after, FACTS_AT_ONCE):
            logged = await self._logged(organization, keys)
            strangers = [key for key in keys if logged.get(_event(key)) != key.recorded_at]
            for key in keys:
                if key not in strangers and (first := held.setdefault(_event(key), key)) is not key:
                    strangers += await self._wrong(feed, first, key)
            if strangers:
                await self._engine.forget(organization, strangers)
            after = keys[-1]

    async def add_up(self) -> AsyncIterator[tuple[int, int]]:
        """Make the rollups of all days anew; gives how many are done, and how many of are known of."""
        after: Day | None = None
        done = 0
        while days := await self._engine.days(after, DAYS_AT_ONCE):
            known = done + len(days)
            for after in days:
                await self._engine.roll(*after)
                done += 1
                yield done, known

    async def _logged(self, organization: UUID, keys: Sequence[FactKey]) -> Mapping[_Event, datetime]:
        """When the events of facts were recorded, of those that the log has."""
        rows = await self._system.fetch(
            _sql.logged,
            organization,
            [key.position.epoch for key in keys],
            [key.position.xid for key in keys],
            [key.position.id for key in keys],
        )
        return {(row["epoch"], row["id"]): row["recorded_at"] for row in rows}

    async def _wrong(self, feed: Feed, *doubles: FactKey) -> list[FactKey]:
        """Which facts of one event are not the one that is made of it."""
        place = doubles[0].position
        batch = await feed.read(Position(place.shard, place.epoch, place.xid, place.id - 1), 1)
        [derived] = await self._derive(batch.events[:1])
        is_fact = isinstance(derived, Fact)
        return [key for key in doubles if not is_fact or key.time != cast("Fact", derived).time]


def _event(key: FactKey) -> _Event:
    return key.position.epoch, key.position.id
