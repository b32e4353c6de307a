"""The analytics engine inside the record: facts and rollups that commit together with the cursor.

Exactly once: a load's facts, what they add to the sums, and the cursor's move are one transaction, which locks the
engine's row first and changes nothing unless the cursor is where the load begins. A fact that is there already adds
nothing, so even a log that is delivered again from its start leaves every sum as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec

from octavo.engines.analytics.postgres_query import count, cursor_of, facts
from octavo.errors import Conflict
from octavo.postgres.pool import Runner
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.analytics import Counted, Fact, FactKey, Parked, Place, Query, Sum, Tally
from octavo.roles.state import Cursor
from octavo.values.position import Position

_sql = load("octavo.engines.analytics", "postgres.sql")

_ERASED_BYTES = 8
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_encoder = msgspec.json.Encoder(decimal_format="number")


class PostgresAnalytics:
    """The analytics engine inside the record; see `octavo.roles.analytics.AnalyticsEngine`."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def position(self) -> Cursor:
        """Where the engine stands."""
        pool = self._record.system if self._record.has_system else self._record.app
        row = await pool.fetchrow(_sql.cursor)
        assert row is not None
        return cursor_of(row, self._record.shard)

    async def apply(
        self, facts: Sequence[Fact], parked: Sequence[Parked], before: Cursor, after: Cursor
    ) -> None:
        """Take facts and move the cursor in one transaction; see the role."""
        async with self._record.system.transaction() as transaction:
            await _move(transaction, before, after)
            if facts:
                await transaction.execute(_sql.fold, *_columns([_fact_row(fact) for fact in facts]))
            if parked:
                await transaction.execute(_sql.park, *_columns([_parked_row(one) for one in parked]))

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Events no fact could be made of; 1,000 at most."""
        return [
            Parked(
                organization=row["organization_id"],
                position=Position(self._record.shard, row["epoch"], row["position_xid"], row["id"]),
                recorded_at=row["recorded_at"],
                type=row["type"],
                code=row["code"],
                message=row["message"],
            )
            for row in await self._record.system.fetch(_sql.parked, organization)
        ]

    async def erase(self, organization: UUID, actor: str | None = None) -> None:
        """Forget an organization, or who an actor was; see the role."""
        async with self._record.system.transaction() as transaction:
            # Before any row of the organization, as the fold does: two never wait for each other.
            await transaction.execute(_sql.lock)
            if actor is None:
                for statement in (
                    _sql.forget_facts,
                    _sql.forget_totals,
                    _sql.forget_classes,
                    _sql.forget_members,
                    _sql.forget_parked,
                ):
                    await transaction.execute(statement, organization)
            else:
                erased = f"erased:{secrets.token_hex(_ERASED_BYTES)}"
                await transaction.execute(_sql.forget_sessions_of, organization, actor)
                await transaction.execute(_sql.rename_member, organization, actor, erased)
                await transaction.execute(_sql.rename_actor, organization, actor, erased)

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation."""
        async with self._record.system.transaction() as transaction:
            row = await transaction.fetchrow(_sql.begin_generation)
            await transaction.execute(_sql.forget_everything)
        assert row is not None
        return cursor_of(row, self._record.shard)

    async def tallies(self, until: Position) -> Mapping[tuple[UUID, date], Tally]:
        """What is held up to a position, by organization and day of recording."""
        rows = await self._record.system.fetch(_sql.tallies, until.epoch, until.xid, until.id)
        return {
            (row["organization_id"], row["day"]): Tally(row["events"], int(row["ids"]), int(row["squares"]))
            for row in rows
        }

    async def totals(self, until: Position) -> Mapping[tuple[UUID, date], Sum]:
        """Facts and what their numbers add up to, by organization and day of recording."""
        rows = await self._record.system.fetch(_sql.totals, until.epoch, until.xid, until.id)
        return {(row["organization_id"], row["day"]): Sum(row["facts"], row["total"]) for row in rows}

    async def unrolled(self) -> Collection[tuple[UUID, date]]:
        """Days whose rollups do not add up to their facts."""
        return [
            (row["organization_id"], row["day"]) for row in await self._record.system.fetch(_sql.unrolled)
        ]

    async def mend(self, facts: Sequence[Fact], parked: Sequence[Parked]) -> None:
        """Add what is missing and correct what is otherwise; see the role."""
        async with self._record.system.transaction() as transaction:
            await transaction.execute(_sql.lock)
            if facts:
                columns = _columns([_fact_row(fact) for fact in facts])
                await transaction.execute(_sql.unpark, columns[0], columns[2], columns[4])
                await transaction.execute(_sql.replace_facts, *columns)
                await transaction.execute(_sql.fold, *columns)
            if parked:
                await transaction.execute(_sql.park, *_columns([_parked_row(one) for one in parked]))

    async def recorded(
        self, organization: UUID, day: date, after: FactKey | None, limit: int
    ) -> Sequence[FactKey]:
        """Facts that were recorded on a day."""
        place = after or FactKey(_EARLIEST, Position(self._record.shard, 0, 0, 0), _EARLIEST)
        rows = await self._record.system.fetch(
            _sql.recorded, organization, day, place.time, place.position.epoch, place.position.id, limit
        )
        return [
            FactKey(
                row["time"],
                Position(self._record.shard, row["epoch"], row["position_xid"], row["id"]),
                row["recorded_at"],
            )
            for row in rows
        ]

    async def forget(self, organization: UUID, keys: Sequence[FactKey]) -> None:
        """Forget facts, and add the days they are of up anew."""
        days = sorted({key.time.astimezone(UTC).date() for key in keys})
        rows = [(key.time, key.position.epoch, key.position.id) for key in keys]
        async with self._record.system.transaction() as transaction:
            await transaction.execute(_sql.lock)
            await transaction.execute(_sql.forget_some, organization, *_columns(rows))
            for day in days:
                await _roll(transaction, organization, day)

    async def days(self, after: tuple[UUID, date] | None, limit: int) -> Sequence[tuple[UUID, date]]:
        """Days of which there are facts or rollups."""
        organization, day = after or (UUID(int=0), date.min)
        rows = await self._record.system.fetch(_sql.days, organization, day, limit)
        return [(row["organization_id"], row["day"]) for row in rows]

    async def roll(self, organization: UUID, day: date) -> None:
        """Add a day up anew in one commit, so that nobody sees it half."""
        async with self._record.system.transaction() as transaction:
            await transaction.execute(_sql.lock)
            await _roll(transaction, organization, day)

    async def count(self, query: Query) -> Counted:
        """The parts of an answer, from one snapshot."""
        return await count(self._record.app, self._record.shard, query)

    async def facts(self, query: Query, limit: int, after: Place | None) -> Sequence[Fact]:
        """Facts, newest first, behind a place."""
        return await facts(self._record.app, self._record.shard, query, limit, after)

    async def close(self) -> None:
        """Nothing to close: the connections are the record's."""


async def _roll(transaction: Runner, organization: UUID, day: date) -> None:
    since = datetime.combine(day, time(), UTC)
    asked = (organization, since, since + timedelta(days=1))
    for statement in (_sql.forget_totals_of, _sql.forget_classes_of, _sql.forget_members_of, _sql.roll):
        await transaction.execute(statement, *asked)


async def _move(transaction: Runner, before: Cursor, after: Cursor) -> None:
    place = (after.position.epoch, after.position.xid, after.position.id)
    begin = (before.position.epoch, before.position.xid, before.position.id)
    if await transaction.fetchrow(_sql.move, before.generation, *begin, *place) is None:
        raise Conflict(
            f"the analytics engine does not stand at {before.position} of generation {before.generation} any more",
            remedy="another process fills it; read its position and go on from there",
        )


def _fact_row(fact: Fact) -> tuple[object, ...]:
    return (
        fact.organization,
        fact.time,
        fact.position.epoch,
        fact.position.xid,
        fact.position.id,
        fact.recorded_at,
        fact.type,
        fact.kind,
        fact.stream,
        fact.document,
        fact.document_type,
        fact.actor,
        fact.session,
        _encoder.encode({**fact.texts, **fact.numbers}) if fact.texts else b"{}",
    )


def _parked_row(one: Parked) -> tuple[object, ...]:
    place = one.position
    return (
        one.organization, place.epoch, place.xid, place.id, one.recorded_at, one.type, one.code, one.message,
    )  # fmt: skip


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
