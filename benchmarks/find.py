"""Finding: pages of 100 documents out of 100,000.

The limit is the same SQL sent by the driver alone, under the same row-level security. Beside it stands SQL written
by hand for the one question and run by a superuser, who sees everything: what isolation and the choice of the
index cost.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.measure import LIMIT, OURS, Contestant, Row, compete
from octavo import Octavo
from octavo.postgres.statements import load
from octavo.store.find import find
from octavo.store.groups import group_statement
from octavo.store.question import page_statement
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Origin
from octavo.values.condition import Every, Filter
from octavo.values.filter import parse
from octavo.values.group import BY_COUNT, parse_grouping

DOCUMENTS = 100_000
NEIGHBOURS = 200
GOAL = 0.8
BY_HAND = "by hand, no isolation"

_sql = load("benchmarks", "find.sql")
# What is found, the statement by hand with its parameter, what Octavo is asked, and how often a round.
_ROWS: tuple[tuple[str, str, tuple[str, ...], dict[str, Any], int], ...] = (
    ("the newest 100 of a type", "newest", (), {"type": "article"}, 100),
    ("100 by a field that 1 % have", "equal", ('{"region": "r7"}',), {"where": {"region": "r7"}}, 60),
    (
        "3 by a field that hardly any has",
        "equal",
        ('{"customer": "c77"}',),
        {"where": {"customer": "c77"}},
        200,
    ),
    (
        "100 by a field that 80 % have",
        "walk",
        ('$.status == "published"',),
        {"where": {"status": "published"}},
        100,
    ),
    ("100 by a range, no index", "walk", ("$.price > 500",), {"where": {"price": {"$gt": 500}}}, 100),
)


# The thousand documents of a region by their status, with a sum.
_REGION = {"region": "r7"}


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about finding and grouping."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    docs = db.organization(organization.name).documents
    privileged = await asyncpg.create_pool(**admin, min_size=8, max_size=8)
    isolated = await asyncpg.create_pool(**{**admin, "user": "octavo_app"}, min_size=8, max_size=8)
    try:
        await _fill(privileged, organization.id)
        return [
            await compete(
                f"find {title}, {tasks} connection{'s' * (tasks > 1)}",
                [
                    Contestant(LIMIT, _raw(isolated, *_same(organization.id, asked))),
                    Contestant(OURS, _ours(docs, asked)),
                    Contestant(BY_HAND, _raw(privileged, _sql[statement], [organization.id, *parameter])),
                ],
                operations=operations * (2 if tasks > 1 else 1),
                tasks=tasks,
                rounds=rounds,
                goal=GOAL,
            )
            for title, statement, parameter, asked, operations in _ROWS
            for tasks in (1, 8)
        ] + [await _group(docs, isolated, privileged, organization.id, rounds)]
    finally:
        await privileged.close()
        await isolated.close()


async def _group(
    docs: Any, isolated: asyncpg.Pool, privileged: asyncpg.Pool, organization: UUID, rounds: int
) -> Row:
    asked = Filter(Every((parse(_REGION).root, parse({"@namespace": "default"}).root)))
    same = group_statement(parse_grouping("status", BY_COUNT, sum="price"), asked, Limits(), 100)
    # The driver alone takes JSON as text.
    parameters = [given.decode() if isinstance(given, bytes) else given for given in same.arguments]

    async def ours(times: int) -> None:
        for _ in range(times):
            assert await docs.group(by="status", sum="price", where=_REGION)

    return await compete(
        "group 1,000 of 100,000 by a field, with a sum, 1 connection",
        [
            Contestant(LIMIT, _raw(isolated, same.text, [organization, *parameters])),
            Contestant(OURS, ours),
            Contestant(BY_HAND, _raw(privileged, _sql.grouped, [organization, '{"region": "r7"}'])),
        ],
        operations=40,
        rounds=rounds,
        goal=GOAL,
    )


def _same(organization: UUID, asked: dict[str, Any]) -> tuple[str, list[object]]:
    """The statement Octavo sends, with its parameters."""
    scope = Scope(Any, organization, "default", Origin(), Limits(), unheard)  # type: ignore[arg-type]  # sends nothing

    async def bind() -> Scope:
        return scope

    statement = page_statement(find(bind, **asked).question(scope), scope.limits, None)
    return statement.text, [organization, *statement.arguments]


async def _fill(pool: asyncpg.Pool, organization: UUID) -> None:
    async with pool.acquire() as connection:
        for neighbour in range(NEIGHBOURS):
            await connection.execute(_sql.fill_filter, UUID(int=neighbour + 1), 100)
        await connection.execute(_sql.fill_filter, organization, DOCUMENTS, timeout=300)
        await connection.execute(_sql.fill_document, organization, timeout=300)
        await connection.execute(_sql.fill_body, organization, timeout=300)
        await connection.execute(
            "VACUUM ANALYZE octavo.document_filter, octavo.document, octavo.body", timeout=300
        )


def _raw(pool: asyncpg.Pool, statement: str, arguments: list[object]) -> Any:
    async def work(times: int) -> None:
        async with pool.acquire() as connection:
            for _ in range(times):
                assert await connection.fetch(statement, *arguments)

    return work


def _ours(docs: Any, asked: dict[str, Any]) -> Any:
    async def work(times: int) -> None:
        for _ in range(times):
            assert (await docs.find(**asked).page()).documents

    return work
