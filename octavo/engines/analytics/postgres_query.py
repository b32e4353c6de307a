"""Counting in the record: rollups where they serve, else the facts.

The text of a statement is put together of columns and numbered parameters; a name or a value that was given is
always a parameter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from octavo.postgres.pool import Pool, Row, Runner
from octavo.postgres.statements import load
from octavo.roles.analytics import Condition, Counted, Fact, Key, Place, Query, Subject, Total
from octavo.roles.state import Cursor
from octavo.values.position import Position

_sql = load("octavo.engines.analytics", "postgres_query.sql")

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_END = Place(datetime.max.replace(tzinfo=UTC), 2**31 - 1, 2**63 - 1)
_COLUMNS = {
    "type": "fact.type",
    "kind": "fact.kind",
    "document_type": "fact.document_type",
    "stream": "fact.stream",
    "document": "fact.document_id::text",
    "actor": "fact.actor",
    "session": "fact.session",
}


async def count(app: Pool, shard: int, query: Query) -> Counted:
    """The parts of an answer, all from one snapshot."""
    async with app.transaction(read_only=True, snapshot=True) as transaction:
        row = await transaction.fetchrow(_sql.cursor, query.organization)
        assert row is not None
        cursor = cursor_of(row, shard)
        looked_at = 0 if query.grain else await _look(transaction, query)
        if looked_at > query.most_facts:
            return Counted(totals={}, classes={}, uniques={}, looked_at=looked_at, cursor=cursor)
        return Counted(
            totals=await _totals(transaction, query),
            classes=await _classes(transaction, query) if query.classed else {},
            uniques=await _uniques(transaction, query) if query.unique else {},
            looked_at=looked_at,
            cursor=cursor,
        )


async def facts(app: Runner, shard: int, query: Query, limit: int, after: Place | None) -> Sequence[Fact]:
    """Facts, newest first, behind a place."""
    place = after or _END
    arguments: list[object] = [*_range(query), place.time, place.epoch, place.id, limit]
    statement = _sql.facts.format(where=_where(query.where, arguments))
    return [_fact(row, shard) for row in await app.fetch(statement, *arguments)]


def cursor_of(row: Row, shard: int) -> Cursor:
    """The cursor a row of the engine's table tells."""
    return Cursor(row["generation"], Position(shard, row["epoch"], row["position_xid"], row["position_id"]))


async def _look(transaction: Runner, query: Query) -> int:
    """How many facts the query reads at most: conditions without an index spare no reading."""
    arguments: list[object] = [*_range(query), query.most_facts + 1]
    narrowing = [one for one in query.where if one.subject == Subject("type")]
    row = await transaction.fetchrow(_sql.look.format(where=_where(narrowing, arguments)), *arguments)
    assert row is not None
    return int(row["facts"])


async def _totals(transaction: Runner, query: Query) -> dict[tuple[Key, str], Total]:
    rows = await _rows(
        transaction, query, (_sql.totals_of_facts, _sql.totals_rolled), query.fields, query.most_rows + 1
    )
    return {
        (_key(row), row["field"]): Total(row["facts"], row["total"], row["least"], row["greatest"])
        for row in rows
    }


async def _classes(transaction: Runner, query: Query) -> dict[tuple[Key, str], dict[int, int]]:
    found: dict[tuple[Key, str], dict[int, int]] = defaultdict(dict)
    for row in await _rows(transaction, query, (_sql.classes_of_facts, _sql.classes_rolled), query.classed):
        found[_key(row), row["field"]][row["class"]] = row["facts"]
    return found


async def _uniques(transaction: Runner, query: Query) -> dict[tuple[Key, str], int]:
    rows = await _rows(transaction, query, (_sql.uniques_of_facts, _sql.uniques_rolled), query.unique)
    return {(_key(row), row["dimension"]): row["members"] for row in rows}


async def _rows(
    transaction: Runner, query: Query, statements: tuple[str, str], names: Sequence[str], *more: object
) -> Sequence[Row]:
    arguments: list[object] = [*_range(query), query.every]
    if query.grain:
        arguments.append(query.grain)
    arguments += [list(names), *more]
    statement = statements[query.grain is not None]
    keys = ", ".join(_expression(subject, arguments) for subject in query.by)
    where = _where(query.where, arguments)
    return await transaction.fetch(statement.format(keys=f"ARRAY[{keys}]::text []", where=where), *arguments)


def _range(query: Query) -> tuple[UUID, datetime, datetime]:
    return query.organization, query.since, query.until


def _where(conditions: Sequence[Condition], arguments: list[object]) -> str:
    return " AND ".join(_condition(one, arguments) for one in conditions) or "true"


def _condition(condition: Condition, arguments: list[object]) -> str:
    expression = _expression(condition.subject, arguments)
    arguments.append(list(condition.values))
    return f"{expression} = ANY(${len(arguments)}::text [])"


def _expression(subject: Subject, arguments: list[object]) -> str:
    """What of a fact a subject is; the name of a field becomes a parameter."""
    if not subject.is_field:
        return _COLUMNS[subject.name]
    arguments.append(subject.name)
    return f"(fact.fields ->> ${len(arguments)}::text)"


def _key(row: Row) -> Key:
    return Key(row["begins"], tuple(row["keys"]))


def _fact(row: Row, shard: int) -> Fact:
    fields: dict[str, Any] = _decoder.decode(row["fields"])
    numbers = {name: Decimal(value) for name, value in fields.items() if not isinstance(value, str)}
    return Fact(
        organization=row["organization_id"],
        position=Position(shard, row["epoch"], row["position_xid"], row["id"]),
        time=row["time"],
        recorded_at=row["recorded_at"],
        type=row["type"],
        kind=row["kind"],
        stream=row["stream"],
        document=row["document_id"],
        document_type=row["document_type"],
        actor=row["actor"],
        session=row["session"],
        numbers=numbers,
        texts={
            name: value if isinstance(value, str) else format(numbers[name], "f")
            for name, value in fields.items()
        },
    )
