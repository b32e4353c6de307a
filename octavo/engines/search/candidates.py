"""What the record adds to the candidates of an index that lies outside of it: which are live, and in what order.

An index brings candidates, the record says which of them are live, of the organization, and pass the filter; both are
asked again, further down the list, until the page is full. So a deleted document never appears, however far the
index lags, and a filter is the same as anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner
from octavo.roles.search import Order, Query
from octavo.values.condition import Attribute

_sql = load("octavo.engines.search", "candidates.sql")

# Candidates looked at in one answer; those of the first look, which is enough for most pages.
EVERYTHING = 100_000
FIRST_LOOK = 64
FURTHER = 8
# More than so many candidates at once keep others waiting.
AT_ONCE = 2_000


class Candidate(Protocol):
    """A document an index brings."""

    @property
    def id(self) -> UUID:
        """Which document."""
        ...


Brought = TypeVar("Brought", bound=Candidate)


async def filled(
    runner: Runner, query: Query, candidates: Sequence[Brought], wanted: int
) -> list[tuple[Brought, Row]]:
    """The first of the candidates that are live and pass the filter, at least as many as wanted if there are."""
    kept: list[tuple[Brought, Row]] = []
    start, size = 0, wanted if query.condition is None else max(wanted, FIRST_LOOK)
    while start < len(candidates) and len(kept) < wanted:
        chunk = candidates[start : start + size]
        live = await _live(runner, query, [one.id for one in chunk])
        kept += [(one, live[one.id]) for one in chunk if one.id in live]
        start, size = start + size, min(size * FURTHER, AT_ONCE)
    return kept


async def ordered(runner: Runner, query: Query, order: Order, ids: Sequence[UUID]) -> Sequence[Row]:
    """Those of the candidates that are live and pass the filter, in an order; one more than a page if there are.

    Rows have `sort_value` beside what a hit shows.
    """
    arguments = (
        query.organization,
        ids,
        *_sort_key(order),
        query.after and query.after.id,
        query.after and query.after.value,
        query.limit + 1,
    )
    return await _rows(runner, _sql.descending if order.descending else _sql.ascending, query, arguments)


async def _live(runner: Runner, query: Query, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Those of the candidates that are live and pass the filter."""
    statement = _sql.live if query.condition is None else _sql.live_filtered
    rows = await _rows(runner, statement, query, (query.organization, ids))
    return {row["id"]: row for row in rows}


async def _rows(runner: Runner, statement: str, query: Query, arguments: Sequence[object]) -> Sequence[Row]:
    if query.condition is None:
        return await runner.fetch(statement.format(condition="true"), *arguments)
    condition, values = query.condition(len(arguments) + 1)
    return await runner.fetch(statement.format(condition=condition), *arguments, *values)


def _sort_key(order: Order) -> tuple[str, list[str] | None]:
    if isinstance(order.subject, Attribute):
        return order.subject.name, None
    return "@metadata" if order.subject.source == "metadata" else "", list(order.subject.path)
