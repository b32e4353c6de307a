"""The analytics engine in ClickHouse: facts that count once, and rollups that are counted anew.

ClickHouse has no transactions, so nothing here relies on two things happening together:

- a fact is known by its place in the log, and rows of one key count as one (ReplacingMergeTree, read with FINAL);
- a rollup is never added to. An hour is closed when the log is an hour past it, by counting its facts; a fact that
  comes later has its hour counted again. Of two counts of one hour the one of more facts stands, and facts only come;
- the cursor is written last, and only grows. What was done before a crash is done again, to the same end;
- whoever closes hours counts them once more after saying so, and whoever adds facts asks after adding them what is
  closed: of two processes that do both at once, one sees the other.

Answers are made of rollups as far as hours are closed and of facts behind that, in one statement.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from octavo.engines.analytics.clickhouse_query import count, facts, moment
from octavo.engines.analytics.clickhouse_server import ClickHouseServer
from octavo.errors import Conflict
from octavo.roles.analytics import Counted, Fact, Parked, Place, Query, Sum, Tally
from octavo.roles.state import Cursor
from octavo.values.position import Position

HOUR, DAY = 3_600, 86_400
STEPS_AT_ONCE = 100
_ERASED_BYTES = 8
_encode = msgspec.json.Encoder(decimal_format="string").encode
_FACT = (
    "organization", "time", "epoch", "xid", "id", "recorded_at", "type", "kind", "stream", "document",
    "document_type", "actor", "session", "numbers", "texts",
)  # fmt: skip
_PARKED = ("organization", "epoch", "xid", "id", "recorded_at", "type", "code", "message")


class Progress(msgspec.Struct, frozen=True):
    """Where the engine stands, and up to which moment hours are closed, in seconds of Unix time."""

    cursor: Cursor
    closed: int


class ClickHouseAnalytics:
    """The analytics engine in ClickHouse; see `octavo.roles.analytics.AnalyticsEngine`.

    Args:
        server: the database it is in.
        shard: of the positions.
    """

    def __init__(self, server: ClickHouseServer, shard: int) -> None:
        self._server = server
        self._shard = shard

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return (await self._progress()).cursor

    async def apply(
        self, facts: Sequence[Fact], parked: Sequence[Parked], before: Cursor, after: Cursor
    ) -> None:
        """Take facts, count the steps they belong to, and move the cursor; see the module."""
        cursor = (await self._progress()).cursor
        if cursor != before:
            raise Conflict(
                f"the analytics engine stands at {cursor.position} of generation {cursor.generation}",
                remedy="another process fills it; read its position and go on from there",
            )
        await self._add(facts, parked)
        closed = (await self._progress()).closed
        closing = max([closed, *(_hour(fact.recorded_at) - HOUR for fact in facts)])
        await self._recount(facts, closed)
        await self._close(closed, closing)
        await self._note(after, closing)
        await self._close(closed, closing)

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Events no fact could be made of; 1,000 at most."""
        asked = {"organization": str(organization or UUID(int=0)), "all": int(organization is None)}
        return [
            Parked(
                organization=UUID(owner),
                position=Position(self._shard, int(epoch), int(xid), int(id)),
                recorded_at=moment(recorded_at),
                type=type,
                code=code,
                message=message,
            )
            for owner, epoch, xid, id, recorded_at, type, code, message in await self._server.rows(
                "parked", asked
            )
        ]

    async def erase(self, organization: UUID, actor: str | None = None) -> None:
        """Forget an organization, or who an actor was; ends when the rows are written anew."""
        if actor is not None:
            await self._forget_actor(organization, actor)
            return
        for statement in ("forget_facts", "forget_rollups", "forget_parked"):
            await self._server.run(statement, {"organization": str(organization)})

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation."""
        generation = UUID(bytes=secrets.token_bytes(16), version=4)
        await self._server.run("begin_generation", {"generation": str(generation)})
        for statement in ("truncate_fact", "truncate_rollup", "truncate_parked"):
            await self._server.run(statement)
        return await self.position()

    async def tallies(self, until: Position) -> Mapping[tuple[UUID, date], Tally]:
        """What is held up to a position, by organization and day of recording."""
        asked = {"epoch": until.epoch, "xid": until.xid, "id": until.id}
        return {
            (UUID(organization), date.fromisoformat(day)): Tally(int(events), int(ids), int(squares))
            for organization, day, events, ids, squares in await self._server.rows("tallies", asked)
        }

    async def totals(self, until: Position) -> Mapping[tuple[UUID, date], Sum]:
        """Facts and what their numbers add up to, by organization and day of recording."""
        asked = {"epoch": until.epoch, "xid": until.xid, "id": until.id}
        return {
            (UUID(organization), date.fromisoformat(day)): Sum(int(facts), Decimal(total))
            for organization, day, facts, total in await self._server.rows("held_totals", asked)
        }

    async def unrolled(self) -> Collection[tuple[UUID, date]]:
        """Closed days whose rollups do not add up to their facts; one that is counted just now may be among them."""
        closed = (await self._progress()).closed
        rows = await self._server.rows("unrolled", {"closed": closed, "days": _floor(closed, DAY)})
        return [(UUID(organization), date.fromisoformat(day)) for organization, day in rows]

    async def count(self, query: Query) -> Counted:
        """The parts of an answer."""
        progress = await self._progress()
        return await count(self._server, query, progress.cursor, progress.closed)

    async def facts(self, query: Query, limit: int, after: Place | None) -> Sequence[Fact]:
        """Facts, newest first, behind a place."""
        return await facts(self._server, self._shard, query, limit, after)

    async def drop(self) -> None:
        """Forget everything, and drop the tables; whoever asks next makes them again."""
        for table in ("fact", "rollup", "parked", "progress"):
            await self._server.run(f"drop_{table}")
        await self._server.close()

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._server.close()

    async def _progress(self) -> Progress:
        rows = await self._server.rows("progress", {})
        if not rows:
            await self.reset()
            rows = await self._server.rows("progress", {})
        [generation, (epoch, xid, id), closed] = rows[0]
        place = Position(self._shard, int(epoch), int(xid), int(id))
        return Progress(Cursor(UUID(generation), place), int(closed))

    async def _note(self, cursor: Cursor, closed: int) -> None:
        place = cursor.position
        await self._server.run(
            "note",
            {
                "generation": str(cursor.generation),
                "epoch": place.epoch,
                "xid": place.xid,
                "id": place.id,
                "closed": closed,
            },
        )

    async def _add(self, facts: Sequence[Fact], parked: Sequence[Parked]) -> None:
        if facts:
            await self._server.insert("analytics_fact", _FACT, b"\n".join(map(_fact_line, facts)))
        if parked:
            await self._server.insert("analytics_parked", _PARKED, b"\n".join(map(_parked_line, parked)))

    async def _recount(self, facts: Sequence[Fact], closed: int) -> None:
        """Count the closed hours and days of facts that came late."""
        late = {(fact.organization, _hour(fact.time)) for fact in facts if _hour(fact.time) < closed}
        await self._recount_hours(late, closed)

    async def _recount_hours(self, hours: set[tuple[UUID, int]], closed: int) -> None:
        for asked in _steps(hours, HOUR):
            await self._server.run("recount_hours", asked)
            await self._server.run("recount_numbers", asked)
        days = {
            (organization, _floor(hour, DAY)) for organization, hour in hours if hour < _floor(closed, DAY)
        }
        for asked in _steps(days, DAY):
            await self._server.run("recount_days", asked)

    async def _close(self, closed: int, closing: int) -> None:
        """Count what is closed newly."""
        if closing == closed:
            return
        span = {"since": closed, "until": closing}
        await self._server.run("close_counts", span)
        await self._server.run("close_numbers", span)
        days = {"since": _floor(closed, DAY), "until": _floor(closing, DAY)}
        if days["since"] < days["until"]:
            await self._server.run("close_days", days)

    async def _forget_actor(self, organization: UUID, actor: str) -> None:
        asked = {"organization": str(organization), "actor": actor}
        closed = (await self._progress()).closed
        hours = {
            (organization, int(hour))
            for [hour] in await self._server.rows("hours_of", asked)
            if int(hour) < closed
        }
        name = f"erased:{secrets.token_hex(_ERASED_BYTES)}"
        await self._server.run("rename_actor", {**asked, "name": name})
        await self._recount_hours(hours, closed)
        for month in sorted({datetime.fromtimestamp(hour, UTC).strftime("%Y%m") for _, hour in hours}):
            await self._server.run("drop_replaced", month=month)


def _steps(steps: set[tuple[UUID, int]], seconds: int) -> Iterator[dict[str, object]]:
    """Parameters that name steps, so many at once as a URL carries."""
    ordered = sorted(steps, key=lambda step: (step[1], step[0]))
    for start in range(0, len(ordered), STEPS_AT_ONCE):
        part = ordered[start : start + STEPS_AT_ONCE]
        yield {
            "since": part[0][1],
            "until": part[-1][1] + seconds,
            "organizations": [str(organization) for organization, _ in part],
            "hours": [begin for _, begin in part],
        }


def _hour(moment: datetime) -> int:
    return _floor(int(moment.timestamp()), HOUR)


def _floor(seconds: int, step: int) -> int:
    return seconds - seconds % step


def _fact_line(fact: Fact) -> bytes:
    return _encode(
        {
            "organization": fact.organization,
            "time": _written(fact.time),
            "epoch": fact.position.epoch,
            "xid": fact.position.xid,
            "id": fact.position.id,
            "recorded_at": _written(fact.recorded_at),
            "type": fact.type,
            "kind": fact.kind,
            "stream": fact.stream,
            "document": fact.document,
            "document_type": fact.document_type,
            "actor": fact.actor,
            "session": fact.session,
            "numbers": fact.numbers,
            "texts": fact.texts,
        }
    )


def _parked_line(one: Parked) -> bytes:
    return _encode(
        {
            "organization": one.organization,
            "epoch": one.position.epoch,
            "xid": one.position.xid,
            "id": one.position.id,
            "recorded_at": _written(one.recorded_at),
            "type": one.type,
            "code": one.code,
            "message": one.message,
        }
    )


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
