"""Analytics: events counted from the log, and series over 300,000 facts.

The limit of counting is the shortest program: it reads the same events and inserts the same rows into a table with a
key, without sums, classes, people or a cursor. That of a series is the same question in plain SQL over such a table.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.measure import LIMIT, OURS, Contestant, Result, Row, compete
from octavo import Octavo
from octavo.postgres.statements import load
from octavo.workspace import Workspace

COUNTED = 4_000
FACTS = 300_000
APPENDED = 1_000
_sql = load("benchmarks", "analytics.sql")


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about analytics."""
    raw = await asyncpg.connect(**admin)
    try:
        await raw.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        await raw.execute(_sql.raw_table)
        await db.drain(timeout_seconds=600, roles=("analytics",))
        counting = [await _counting(db, raw, rounds, own=own) for own in (False, True)]
        return [*counting, *await _series(db, raw, rounds)]
    finally:
        await raw.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        await raw.close()


async def _counting(db: Octavo, raw: asyncpg.Connection, rounds: int, *, own: bool) -> Row:
    """New events to facts and rollups: by the projection, which follows the log, and by one INSERT."""
    limit, ours = Result(LIMIT), Result(OURS)
    for number in range(rounds + 1):
        view = await _organization(db)
        append = _tickets if own else _documents
        organization = await append(view, COUNTED)
        begun = time.perf_counter()
        await raw.execute(_sql.raw_count, organization)
        counted = time.perf_counter()
        await db.drain(timeout_seconds=600, roles=("analytics",))
        if number:  # the first round warms up
            limit.per_second.append(COUNTED / (counted - begun))
            ours.per_second.append(COUNTED / (time.perf_counter() - counted))
    what = "own events with two numbers" if own else "events of documents"
    return Row(
        f"count {what}", "/s", [limit, ours], None, remark="the limit is one INSERT … SELECT on the server"
    )


async def _series(db: Octavo, raw: asyncpg.Connection, rounds: int) -> list[Row]:
    view = await _organization(db)
    organization = await _tickets(view, 1)
    await db.drain(timeout_seconds=600, roles=("analytics",))
    await raw.execute(_sql.many_facts, organization, FACTS)
    await raw.execute(_sql.raw_count_facts, organization)
    await raw.execute("VACUUM ANALYZE", timeout=300)
    since = (
        (await view.analytics.facts(limit=1)).facts[0].time.replace(hour=0, minute=0, second=0, microsecond=0)
    )
    since -= timedelta(days=30)
    asked: dict[str, Any] = {"type": "ticket.sold", "every": "day", "since": since}

    async def by_rollups() -> None:
        await view.analytics.series(**asked, by=["kind"], measures={"n": "count", "sum": "sum:amount"})

    async def by_facts() -> None:
        await view.analytics.series(
            **asked, by=["data.channel"], measures={"n": "count", "sum": "sum:amount"}
        )

    async def plain(statement: str) -> None:
        await raw.fetch(statement, organization, since)

    title = f"a month of days over {FACTS:,} facts"
    return [
        await _compared(f"{title}, from rollups", by_rollups, lambda: plain(_sql.raw_by_kind), rounds),
        await _compared(
            f"{title}, by a field, from facts", by_facts, lambda: plain(_sql.raw_by_channel), rounds
        ),
    ]


async def _compared(
    title: str, ours: Callable[[], Awaitable[None]], limit: Callable[[], Awaitable[None]], rounds: int
) -> Row:
    def times(work: Callable[[], Awaitable[None]]) -> Callable[[int], Awaitable[None]]:
        async def again(number: int) -> None:
            for _ in range(number):
                await work()

        return again

    contestants = [Contestant(LIMIT, times(limit)), Contestant(OURS, times(ours))]
    return await compete(title, contestants, operations=5, rounds=rounds)


async def _organization(db: Octavo) -> Workspace:
    name = f"bench-{uuid7().hex[:20]}"
    await db.organizations.create(name)
    return db.organization(name)


async def _documents(view: Workspace, number: int) -> UUID:
    for start in range(0, number, APPENDED):
        made = [
            {"type": "note", "body": {"n": start + place}} for place in range(min(APPENDED, number - start))
        ]
        await view.documents.put_many(made)
    return await _id(view)


async def _tickets(view: Workspace, number: int) -> UUID:
    for start in range(0, number, APPENDED):
        sold = [
            {
                "type": "ticket.sold",
                "data": {"amount": place % 977 / 8, "ms": place * 7 % 1000, "channel": "web"},
            }
            for place in range(min(APPENDED, number - start))
        ]
        await view.events.append_many(f"ticket-{start}", sold)
    return await _id(view)


async def _id(view: Workspace) -> UUID:
    async for event in view.events.read():
        return event.organization_id
    raise AssertionError("nothing was appended")
