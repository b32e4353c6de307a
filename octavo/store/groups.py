"""Groups of documents, counted and added up in one statement; see `octavo.values.group` for what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from octavo.errors import InvalidInput, LimitExceeded
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store import jsonpath
from octavo.store.filters import LOOKUP, Compiler, conjuncts
from octavo.store.find import as_filter, fetch, refused, within
from octavo.store.leads import TypeIndex, asked_type, narrowing_lead
from octavo.store.narrowing import index_for, leads_to, sql_of
from octavo.store.question import FIRST_PARAMETER, Statement, unfound
from octavo.store.scope import Limits, Scope
from octavo.values.condition import Attribute, Field, Filter
from octavo.values.group import CALCULATIONS, Calculation, Group, Grouping, Groups, Key
from octavo.values.json import decode

_sql = load("octavo.store", "groups.sql")
_PERIODS = {"hour": 'YYYY-MM-DD"T"HH24:00"Z"', "day": "YYYY-MM-DD", "month": "YYYY-MM", "year": "YYYY"}
# Numbers up to a thousand digits: sums of them stay far below the 131,072 digits at which PostgreSQL gives up.
_GREATEST = b"1" + b"0" * 1_000


async def group(
    scope: Scope,
    grouping: Grouping,
    type: str | None = None,
    *,
    where: Mapping[str, Any] | Filter | None = None,
    limit: int = 100,
) -> Groups:
    """Group the documents that a filter holds for.

    Args:
        limit: groups that are given; all documents are grouped, and all groups counted.

    Raises:
        InvalidFilter; LimitExceeded when no index helps and more than `Limits.scanned` documents would have to
            be looked at for the filter.
    """
    _check_limit(limit, scope)
    asked = within(as_filter(where), type, None, scope)
    indexes = scope.types.ready(asked_type(conjuncts(asked.root)))
    rows = await fetch(scope, group_statement(grouping, asked, scope.limits, limit, indexes))
    if rows[0]["refused"]:
        raise refused(scope, asked, "grouping documents")
    found = [row for row in rows if row["documents"] is not None]
    return Groups([_group(grouping, row) for row in found], found[0]["total"] if found else 0)


def group_statement(
    grouping: Grouping, asked: Filter, limits: Limits, limit: int, indexes: Sequence[TypeIndex] = ()
) -> Statement:
    """The statement that groups."""
    compiler = Compiler(LOOKUP, FIRST_PARAMETER)
    parts = conjuncts(asked.root)
    lead = leads_to(parts, narrowing_lead(parts, indexes))
    rest = unfound(parts, lead)
    index = index_for(compiler, parts, lead)
    keys = [f"key_{place}" for place in range(len(grouping.keys))]
    numbers = [f"number_{place}" for place in range(len(grouping.fields))]
    filled = {
        "narrowed": "true" if index is None else index.within("true"),
        "rest": sql_of(compiler, rest),
        "bound": compiler.parameter(limits.scanned + 1 if rest else None, "bigint"),
        "values": ", ".join(_values(compiler, grouping)),
        "numbers": ", ".join([*keys, *_numbers(compiler, numbers)]),
        "keys": ", ".join(keys) or "()",
        "made": ", ".join([*keys, *(f"{made} AS {name}" for name, made in _made(grouping))]) or "true",
        "order": _order(grouping, keys),
        "limit": compiler.parameter(limit, "bigint"),
    }
    text = _sql.group_documents
    for name, part in filled.items():
        text = text.replace(f"{{{name}}}", part)
    return Statement(text, compiler.arguments)


def _values(compiler: Compiler, grouping: Grouping) -> Iterator[str]:
    for place, key in enumerate(grouping.keys):
        yield f"coalesce({_key(compiler, key)}, 'null') AS key_{place}"
    for place, field in enumerate(grouping.fields):
        yield f"{_found(compiler, field)} AS number_{place}"


def _key(compiler: Compiler, key: Key) -> str:
    if isinstance(key.subject, Field):
        return _found(compiler, key.subject)
    column = LOOKUP.expressions[key.subject.name]
    if key.period is not None:
        form = compiler.parameter(_PERIODS[key.period], "text")
        return f"to_jsonb(to_char({column} AT TIME ZONE 'UTC', {form}))"
    # No name is the empty one here.
    return f"to_jsonb(nullif({column}, ''))" if key.subject == Attribute("@name") else f"to_jsonb({column})"


def _found(compiler: Compiler, field: Field) -> str:
    """The value at a path, the list of them where there are several, null where there is none."""
    column = LOOKUP.expressions[field.source]
    if len(field.path) == 1:
        return f"{column} -> {compiler.parameter(field.path[0], 'text')}"
    path = compiler.parameter(jsonpath.path(field), "jsonpath")
    every = f"jsonb_path_query_array({column}, {path}, '{{}}', true)"
    return f"CASE WHEN jsonb_array_length({every}) < 2 THEN {every} -> 0 ELSE {every} END"


def _numbers(compiler: Compiler, names: Sequence[str]) -> Iterator[str]:
    if not names:
        return
    least = compiler.parameter(b"-" + _GREATEST, "jsonb")
    greatest = compiler.parameter(_GREATEST, "jsonb")
    for name in names:
        # Only what is known to be a number is cast, so that no stored value can make it fail.
        is_number = f"jsonb_typeof({name}) = 'number' AND {name} BETWEEN {least} AND {greatest}"
        yield f"CASE WHEN {is_number} THEN {name}::numeric END AS {name}"


def _made(grouping: Grouping) -> Iterator[tuple[str, str]]:
    """Names and SQL of what is calculated: `sum_0` of the first field, and how many numbers it has."""
    for place, field in enumerate(grouping.fields):
        yield f"count_{place}", f"count(number_{place})"
        for kind in CALCULATIONS:
            if field.name in grouping.wanted[kind]:
                yield f"{kind}_{place}", f"{kind}(number_{place})"


def _order(grouping: Grouping, keys: list[str]) -> str:
    names = [key.name for key in grouping.keys]
    first = "count(*)" if grouping.order == "count" else keys[names.index(grouping.order)]
    return ", ".join([f"{first} DESC" if grouping.descending else first, *keys])


def _group(grouping: Grouping, row: Row) -> Group:
    def made(kind: Calculation) -> dict[str, Any]:
        return {
            field.name: row[f"{kind}_{place}"]
            for place, field in enumerate(grouping.fields)
            if field.name in grouping.wanted[kind]
        }

    return Group(
        by={key.name: decode(row[f"key_{place}"]) for place, key in enumerate(grouping.keys)},
        count=row["documents"],
        sum=made("sum"),
        min=made("min"),
        max=made("max"),
        avg=made("avg"),
        left_out={
            field.name: row["documents"] - row[f"count_{place}"]
            for place, field in enumerate(grouping.fields)
        },
    )


def _check_limit(limit: int, scope: Scope) -> None:
    if limit < 1:
        raise InvalidInput(f"limit is {limit}", remedy="ask for at least one group")
    if limit > scope.limits.page:
        raise LimitExceeded(
            f"{limit} groups in one answer",
            remedy=f"the limit is {scope.limits.page}: narrow the filter",
            limit=scope.limits.page,
            actual=limit,
        )
