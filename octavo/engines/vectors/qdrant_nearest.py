"""What is nearest: Qdrant brings candidates in order, the record says which are live and pass the filter.

Both are asked again, for documents not seen yet, until the page is full; so a deleted document never appears,
however far the engine lags. When few documents pass the filter, the record is asked for them first, and all their
vectors are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from qdrant_client import models

from octavo.engines.vectors import qdrant_points as points
from octavo.engines.vectors.qdrant_collection import QdrantCollection
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.roles.vectors import Near, Nearest, NearestQuery

_sql = load("octavo.engines.vectors", "qdrant.sql")

# Passages of the first look, which is enough for most pages, and of the last.
FIRST_LOOK = 64
LAST_LOOK = 4_096
FURTHER = 4
# Documents looked at for one answer.
EVERYTHING = 20_000
# So few passages are all compared, and so few documents are asked of the record before the vectors.
COMPARED = 10_000
SELECTED = 2_000


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A document by its nearest passage."""

    id: UUID
    similarity: float
    payload: dict[str, Any]


class Look(msgspec.Struct, frozen=True):
    """The nearest documents not seen before, and whether there are no others."""

    candidates: Sequence[Candidate]
    complete: bool


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A query under way.

    Attributes:
        counting: which points count.
        exact: all of them are compared.
        selected: the documents that pass the filter, when the record was asked first.
    """

    query: NearestQuery
    counting: points.Scope
    exact: bool
    selected: Sequence[UUID] | None = None


class Answer(msgspec.Struct, frozen=True):
    """A page, and whether nothing can be missing from it."""

    page: Sequence[Near]
    exact: bool


async def nearest(collection: QdrantCollection, record: Pool, query: NearestQuery) -> Nearest:
    """The nearest live documents of a query."""
    standing, exact = await asyncio.gather(collection.standing(), _is_exact(collection, query))
    question = Question(query=query, counting=points.counting(standing), exact=exact)
    answer = await _page(collection, record, question, EVERYTHING if query.condition is None else FIRST_LOOK)
    if query.condition is not None and len(answer.page) < query.limit:
        answer = await _filtered_page(collection, record, question)
    return Nearest(matches=answer.page, exact=answer.exact, cursor=standing.cursor)


async def _is_exact(collection: QdrantCollection, query: NearestQuery) -> bool:
    """Whether all vectors are compared: if that is asked for, and if there are few."""
    if collection.is_local or query.exact is not None:
        return collection.is_local or query.exact is True
    found = await collection.count(points.Scope(tuple(points.asked(query))).filter(), exact=False)
    return found <= COMPARED


async def _filtered_page(collection: QdrantCollection, record: Pool, question: Question) -> Answer:
    """A page of documents that pass a filter which leaves few: as the record finds them, or by looking on."""
    rows = await _asked(record, _sql.selected, question.query, (question.query.organization, SELECTED + 1))
    if len(rows) > SELECTED:
        return await _page(collection, record, question, EVERYTHING)
    selected = [row["document_id"] for row in rows]
    if not selected:
        return Answer((), True)
    few = msgspec.structs.replace(question, exact=question.query.exact is not False, selected=selected)
    return await _page(collection, record, few, EVERYTHING)


async def _page(collection: QdrantCollection, record: Pool, question: Question, most: int) -> Answer:
    """The best documents of at most so many candidates."""
    query = question.query
    page: list[Near] = []
    seen: set[UUID] = set()
    limit, complete = max(FIRST_LOOK, 2 * query.limit), False
    while not complete and len(page) < query.limit and len(seen) < most:
        look = await _look(collection, question, seen, limit)
        complete = look.complete
        seen.update(one.id for one in look.candidates)
        live = await _live(record, query, [one.id for one in look.candidates])
        page += [_near(one, live[one.id]) for one in look.candidates if one.id in live]
        limit = min(limit * FURTHER, LAST_LOOK)
    whole = complete or len(page) >= query.limit
    return Answer(page[: query.limit], question.exact and whole)


async def _look(collection: QdrantCollection, question: Question, seen: set[UUID], limit: int) -> Look:
    """The nearest documents not seen yet.

    Those as near as the last passage are left for the next look, since others as near may follow.
    """
    query = question.query
    filter = _filter(question, seen)
    found = await collection.near(
        query.vector.tolist(), filter, limit, least=query.least_similarity, exact=question.exact
    )
    complete = len(found) < limit
    last = found[-1].score if found and not complete and found[0].score > found[-1].score else None
    best: dict[UUID, Candidate] = {}
    for point in found:
        if point.score != last and point.score >= query.least_similarity:
            one = _candidate(point)
            best.setdefault(one.id, one)
    candidates = sorted(best.values(), key=lambda one: (-one.similarity, -one.id.int))
    return Look(candidates, complete or not candidates)


def _filter(question: Question, seen: set[UUID]) -> models.Filter:
    query = question.query
    scope = question.counting.within(*points.asked(query))
    if unwanted := {*query.without, *seen}:
        scope = scope.without(points.of_documents(unwanted))
    if question.selected is not None:
        scope = scope.within(points.of_documents(question.selected))
    return scope.filter()


def _candidate(point: models.ScoredPoint) -> Candidate:
    payload = point.payload or {}
    return Candidate(UUID(payload["document"]), min(1.0, max(-1.0, point.score)), payload)


async def _live(record: Pool, query: NearestQuery, ids: Sequence[UUID]) -> Mapping[UUID, Row]:
    """Those of the candidates that are live and pass the filter."""
    if not ids:
        return {}
    statement = _sql.live if query.condition is None else _sql.live_filtered
    rows = await _asked(record, statement, query, (query.organization, list(ids)))
    return {row["id"]: row for row in rows}


async def _asked(
    record: Pool, statement: str, query: NearestQuery, arguments: Sequence[object]
) -> Sequence[Row]:
    if query.condition is None:
        return await record.fetch(statement, *arguments)
    condition, values = query.condition(len(arguments) + 1)
    return await record.fetch(statement.format(condition=condition), *arguments, *values)


def _near(candidate: Candidate, row: Row) -> Near:
    payload = candidate.payload
    return Near(
        id=candidate.id,
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        title=payload["title"],
        version=payload["version"],
        current_version=row["version"],
        similarity=candidate.similarity,
        start=payload["start"],
        end=payload["end"],
        text=payload["text"],
    )
