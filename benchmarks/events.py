"""Events: append, read and subscribe, against raw asyncpg with the same rows and against `eventsourcing`.

The peer runs in its fastest documented set-up: PostgreSQL functions for inserts, a pool, prepared statements. It
has no asynchronous face, so it gets threads. Its events have five columns, ours seventeen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from uuid_utils.compat import uuid7

from benchmarks.measure import LIMIT, OURS, Contestant, Row, compete
from octavo import Octavo
from octavo.postgres.statements import load
from octavo.values.event import Event

PEER = "eventsourcing"
DATA = {
    "orderId": "7f3c",
    "lines": [{"sku": "A-1", "quantity": 2}, {"sku": "B-7", "quantity": 1}],
    "total": "19.90",
}
EVENTS = 100_000
PAGE = 1_000

_sql = load("benchmarks", "events.sql")


class Raw:
    """asyncpg alone, as a superuser without row-level security."""

    def __init__(self, pool: asyncpg.Pool, organization: UUID) -> None:
        self.pool = pool
        self.organization = organization

    async def append(self, times: int) -> None:
        """Append to a stream of one's own, on one connection."""
        stream, data = f"raw-{uuid7()}", json.dumps(DATA)
        async with self.pool.acquire() as connection:
            await connection.execute(_sql.begin_stream, self.organization, stream)
            for _ in range(times):
                await connection.fetchrow(_sql.append, self.organization, stream, data)

    async def read(self, times: int) -> None:
        """Fetch so many events page by page, and decode nothing."""
        place: tuple[int, int, int] = (0, 0, 0)
        async with self.pool.acquire() as connection:
            for _ in range(times // PAGE):
                rows = await connection.fetch(_sql.read, self.organization, *place, PAGE)
                place = rows[-1]["epoch"], rows[-1]["position_xid"], rows[-1]["id"]


class Eventsourcing:
    """The library's own recorder, below its aggregates, which would cost more."""

    def __init__(self, admin: dict[str, Any]) -> None:
        self.store = PostgresDatastore(
            dbname=admin["database"],
            host=admin["host"],
            port=admin["port"],
            user=admin["user"],
            password="",
            pool_size=8,
            enable_db_functions=True,
        )
        self.recorder = PostgresApplicationRecorder(self.store, events_table_name=f"peer_{uuid4().hex[:12]}")
        self.recorder.create_table()

    async def append(self, times: int) -> None:
        """Append to an aggregate of one's own, in a thread of one's own."""
        await asyncio.to_thread(self._append, times)

    async def read(self, times: int) -> None:
        """Select notifications page by page."""
        await asyncio.to_thread(self._read, times)

    def fill(self, number: int) -> None:
        """Store so many events in batches."""
        for _ in range(number // PAGE):
            self.recorder.insert_events([_stored(uuid4(), 1) for _ in range(PAGE)])

    def _append(self, times: int) -> None:
        aggregate = uuid4()
        for version in range(1, times + 1):
            self.recorder.insert_events([_stored(aggregate, version)])

    def _read(self, times: int) -> None:
        start = 1
        for _ in range(times // PAGE):
            start = self.recorder.select_notifications(start, PAGE)[-1].id + 1


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about events."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    events = db.organization(organization.name).events

    async def append(times: int) -> None:
        stream = f"ours-{uuid7()}"
        for _ in range(times):
            await events.append(stream, "order.placed", DATA)

    async def read(times: int) -> None:
        seen = 0
        async with aclosing(_closable(events.read())) as found:
            async for _ in found:
                seen += 1
                if seen == times:
                    return

    async def consume(times: int) -> None:
        seen = 0
        async with aclosing(_closable(aiter(events.subscribe(f"bench-{uuid7()}")))) as found:
            async for _ in found:
                seen += 1
                if seen == times:
                    return

    async with _raw(admin, organization.id) as raw, _eventsourcing(admin) as peer:
        await raw.pool.execute(_sql.fill, organization.id, EVENTS)
        await raw.pool.execute(_sql.settle)
        await asyncio.to_thread(peer.fill, EVENTS)
        appenders = [Contestant(LIMIT, raw.append), Contestant(OURS, append), Contestant(PEER, peer.append)]
        readers = [Contestant(LIMIT, raw.read), Contestant(OURS, read), Contestant(PEER, peer.read)]
        consumers = [Contestant(LIMIT, raw.read), Contestant(OURS, consume)]
        return [
            await compete(
                "append one event, 1 connection", appenders, operations=1_000, rounds=rounds, goal=0.85,
                peer_goals=((PEER, 1.0),),
            ),
            await compete(
                "append one event, 8 connections", appenders, operations=4_000, tasks=8, rounds=rounds, goal=0.8,
                peer_goals=((PEER, 1.0),),
            ),
            await compete(
                "read 100,000 events", readers, operations=EVENTS, rounds=rounds, goal=0.5,
                remark="the limit fetches the same columns and makes nothing of them",
            ),
            await compete(
                "subscription: 100,000 events delivered, place saved", consumers, operations=EVENTS,
                rounds=rounds, goal=0.5, remark="wanted: 150,000 a second",
            ),
        ]  # fmt: skip


def _closable(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    assert isinstance(events, AsyncGenerator)
    return events


def _stored(aggregate: UUID, version: int) -> StoredEvent:
    return StoredEvent(aggregate, version, "order.placed", json.dumps(DATA).encode())


@asynccontextmanager
async def _raw(admin: dict[str, Any], organization: UUID) -> AsyncIterator[Raw]:
    pool = await asyncpg.create_pool(**admin, min_size=8, max_size=8)
    try:
        yield Raw(pool, organization)
    finally:
        await pool.close()


@asynccontextmanager
async def _eventsourcing(admin: dict[str, Any]) -> AsyncIterator[Eventsourcing]:
    peer = Eventsourcing(admin)
    try:
        yield peer
    finally:
        await asyncio.to_thread(peer.store.close)
