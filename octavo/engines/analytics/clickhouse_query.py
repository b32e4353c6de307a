"""Counting in ClickHouse: closed hours and days from rollups, what is behind them from facts, in one statement.

The text of a statement is put together of columns and numbered parameters; a name or a value that was given is
always a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from octavo.engines.analytics.clickhouse_server import ClickHouseServer
from octavo.roles.analytics import Condition, Counted, Fact, Key, Place, Query, Subject, Total
from octavo.roles.state import Cursor
from octavo.values.position import Position

_DAY = 86_400
_COLUMNS = {
    "type": "type",
    "kind": "kind",
    "document_type": "document_type",
    "stream": "stream",
    "document": "toString(document)",
    "actor": "actor",
    "session": "session",
}
_STEPS = {
    None: "NULL",
    "minute": "toStartOfMinute({of})",
    "hour": "toStartOfHour({of})",
    "day": "toStartOfDay({of})",
    "week": "toMonday({of})",
    "month": "toStartOfMonth({of})",
    "year": "toStartOfYear({of})",
}


async def count(server: ClickHouseServer, query: Query, cursor: Cursor, closed: int) -> Counted:
    """The parts of an answer; `closed` is up to when rollups hold everything."""
    asked = _Asked(query, closed)
    looked_at = 0 if query.grain else await _look(server, query)
    if looked_at > query.most_facts:
        return Counted(totals={}, classes={}, uniques={}, looked_at=looked_at, cursor=cursor)
    return Counted(
        totals=await _totals(server, asked),
        classes=await _classes(server, asked) if query.classed else {},
        uniques=await _uniques(server, asked) if query.unique else {},
        looked_at=looked_at,
        cursor=cursor,
    )


async def facts(
    server: ClickHouseServer, shard: int, query: Query, limit: int, after: Place | None
) -> Sequence[Fact]:
    """Facts, newest first, behind a place."""
    parameters = _span(query)
    where = _where(query.where, parameters)
    place = after or Place(query.until, 0, 0)
    parameters |= {
        "before": _milliseconds(place.time),
        "before_epoch": place.epoch,
        "before_id": place.id,
        "most": limit,
    }
    return [_fact(row, shard) for row in await server.rows("facts", parameters, where=where)]


def moment(text: str) -> datetime:
    """A moment as ClickHouse writes it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class _Asked:
    """A query as statements take it."""

    def __init__(self, query: Query, closed: int) -> None:
        self.query = query
        self.suffix = "rolled" if query.grain else "of_facts"
        self.parameters = _span(query) | {
            "closed": closed if query.grain else 0,
            "days": closed - closed % _DAY if query.grain == "day" else 0,
        }
        keys = ", ".join(_expression(subject, self.parameters) for subject in query.by)
        step = _STEPS[query.every]
        self.parts = {
            "keys": f"CAST([{keys}], 'Array(Nullable(String))')",
            "where": _where(query.where, self.parameters),
            "step_of_time": _stamp(step, "time"),
            "step_of_begins": _stamp(step, "begins"),
        }


async def _look(server: ClickHouseServer, query: Query) -> int:
    """How many facts the query reads at most: conditions without an index spare no reading."""
    parameters = _span(query) | {"most": query.most_facts + 1}
    narrowing = [one for one in query.where if one.subject == Subject("type")]
    [[looked_at]] = await server.rows("look", parameters, where=_where(narrowing, parameters))
    return int(looked_at)


async def _totals(server: ClickHouseServer, asked: _Asked) -> dict[tuple[Key, str], Total]:
    parameters = asked.parameters | {"fields": list(asked.query.fields), "most": asked.query.most_rows + 1}
    rows = await server.rows(f"totals_{asked.suffix}", parameters, **asked.parts)
    return {
        (_key(step, keys), field): _total(field, int(facts), *rest)
        for step, keys, field, facts, *rest in rows
    }


async def _classes(server: ClickHouseServer, asked: _Asked) -> dict[tuple[Key, str], Mapping[int, int]]:
    parameters = asked.parameters | {"fields": list(asked.query.classed)}
    rows = await server.rows(f"classes_{asked.suffix}", parameters, **asked.parts)
    return {
        (_key(step, keys), field): {int(number): int(facts) for number, facts in classes.items()}
        for step, keys, field, classes in rows
    }


async def _uniques(server: ClickHouseServer, asked: _Asked) -> dict[tuple[Key, str], int]:
    rows = await server.rows(f"uniques_{asked.suffix}", asked.parameters, **asked.parts)
    return {
        (_key(step, keys), dimension): int(number)
        for step, keys, actors, sessions in rows
        for dimension, number in (("actor", actors), ("session", sessions))
    }


def _total(field: str, facts: int, total: str, least: str, greatest: str) -> Total:
    if field == "" or facts == 0:
        return Total(facts)
    return Total(facts, Decimal(total), Decimal(least), Decimal(greatest))


def _span(query: Query) -> dict[str, Any]:
    return {
        "organization": str(query.organization),
        "since": _milliseconds(query.since),
        "until": _milliseconds(query.until),
    }


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _stamp(step: str, of: str) -> str:
    """The beginning of a step in seconds of Unix time."""
    return step if step == "NULL" else f"toUnixTimestamp(toDateTime({step.format(of=of)}, 'UTC'))"


def _where(conditions: Sequence[Condition], parameters: dict[str, Any]) -> str:
    return " AND ".join(_condition(one, parameters) for one in conditions) or "1"


def _condition(condition: Condition, parameters: dict[str, Any]) -> str:
    expression = _expression(condition.subject, parameters)
    return f"{expression} IN {{{_added(parameters, list(condition.values))}:Array(String)}}"


def _expression(subject: Subject, parameters: dict[str, Any]) -> str:
    """What of a fact a subject is; the name of a field becomes a parameter."""
    if not subject.is_field:
        return _COLUMNS[subject.name]
    name = f"{{{_added(parameters, subject.name)}:String}}"
    return f"if(mapContains(texts, {name}), texts[{name}], NULL)"


def _added(parameters: dict[str, Any], value: object) -> str:
    name = f"given_{len(parameters)}"
    parameters[name] = value
    return name


def _key(step: int | str | None, keys: Sequence[str | None]) -> Key:
    return Key(None if step is None else datetime.fromtimestamp(int(step), UTC), tuple(keys))


def _fact(row: Sequence[Any], shard: int) -> Fact:
    (
        organization, epoch, xid, id, time, recorded_at, type, kind, stream, document, document_type, actor, session,
        numbers, texts,
    ) = row  # fmt: skip
    return Fact(
        organization=UUID(organization),
        position=Position(shard, int(epoch), int(xid), int(id)),
        time=moment(time),
        recorded_at=moment(recorded_at),
        type=type,
        kind=kind,
        stream=stream,
        document=UUID(document) if document else None,
        document_type=document_type,
        actor=actor,
        session=session,
        numbers={name: Decimal(number) for name, number in numbers.items()},
        texts=texts,
    )
