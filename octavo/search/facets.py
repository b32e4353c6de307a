"""Facets: how many of the documents that match have which values.

The engine names the documents that match, the record says which of them are live, of the organization and pass the
filter, and counts. So the counts of every engine are those of the record, as of now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter, LimitExceeded
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner
from octavo.roles.search import Query, Searched
from octavo.values.condition import Field, parse_subject
from octavo.values.json import decode, encode

_sql = load("octavo.search", "facets.sql")

MAX_FACETS = 20
MAX_VALUES = 1_000
# Documents that are counted at most; beyond it the counts are those of a part, and say so.
COUNTED = 10_000

_ATTRIBUTES = ("@type", "@namespace", "@name", "@created_by", "@updated_by", "@version", "@labels")


class Count(msgspec.Struct, frozen=True):
    """A value and the number of documents that have it."""

    value: str | float | int | bool
    documents: int


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one attribute or field among all documents that match, not only those of the page.

    Attributes:
        name: as it was asked for.
        values: the most frequent ones.
        others: how many further values there are.
        capped: more documents match than were counted, so the counts are too low.
    """

    name: str
    values: Sequence[Count]
    others: int
    capped: bool


class Asked(msgspec.Struct, frozen=True):
    """A facet as the record is asked for it: an attribute, or a path of body or metadata."""

    name: str
    attribute: str
    path: tuple[str, ...]


def parse(names: Sequence[str], values: int) -> list[Asked]:
    """The facets that are asked for.

    Raises:
        InvalidFilter: no such attribute. LimitExceeded: more than 20 facets or 1,000 values of one.
    """
    for what, actual, limit in (("facets", len(names), MAX_FACETS), ("facet_values", values, MAX_VALUES)):
        if actual > limit or values < 1:
            raise LimitExceeded(f"{what} = {actual}", remedy=f"give 1 to {limit}", limit=limit, actual=actual)
    return [_asked(name) for name in names]


def _asked(name: str) -> Asked:
    subject = parse_subject(name)
    if isinstance(subject, Field):
        return Asked(name, "@metadata" if subject.source == "metadata" else "", tuple(subject.path))
    if subject.name not in _ATTRIBUTES:
        raise InvalidFilter(
            f"{name!r} cannot be counted", remedy=f"take a field, or one of {', '.join(_ATTRIBUTES)}"
        )
    return Asked(name, subject.name, ())


async def count(
    runner: Runner, engine: Searched, query: Query, facets: Sequence[Asked], values: int
) -> list[Facet]:
    """Count the values of facets among everything that matches a query, up to 10,000 documents."""
    matching = await engine.matching(query, COUNTED)
    return await count_among(runner, query, matching.ids, facets, values, capped=matching.capped)


async def count_among(
    runner: Runner, query: Query, ids: Sequence[UUID], facets: Sequence[Asked], values: int, *, capped: bool
) -> list[Facet]:
    """Count the values of facets among documents; those that do not pass the query's filter are left out."""
    arguments = (
        query.organization,
        list(ids),
        [facet.attribute for facet in facets],
        [encode(list(facet.path)).decode() for facet in facets],
        values,
    )
    rows = await _rows(runner, query, arguments)
    return [
        _facet(facet, [row for row in rows if row["place"] == place], capped=capped)
        for place, facet in enumerate(facets, 1)
    ]


async def _rows(runner: Runner, query: Query, arguments: tuple[object, ...]) -> Sequence[Any]:
    if query.condition is None:
        return await runner.fetch(_sql.count_values.format(condition="true"), *arguments)
    condition, given = query.condition(len(arguments) + 1)
    return await runner.fetch(_sql.count_values.format(condition=condition), *arguments, *given)


def _facet(facet: Asked, rows: Sequence[Any], *, capped: bool) -> Facet:
    return Facet(
        name=facet.name,
        values=[Count(decode(row["value"]), row["documents"]) for row in rows],
        others=rows[0]["different"] - len(rows) if rows else 0,
        capped=capped,
    )
