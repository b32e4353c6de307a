"""What waking readers costs writers: NOTIFY in every write transaction, or one notifier after the commits.

NOTIFY takes a lock of the whole server from the commit's beginning to its end, so commits that contain it follow
each other, and each flushes its own record to the disk.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.events import DATA
from benchmarks.measure import LIMIT, OURS, Contestant, Row, compete
from octavo import Octavo
from octavo.feed.wakeup import CHANNEL, Wakeup
from octavo.postgres.statements import load

INSIDE = "NOTIFY inside"
WRITERS = 8

_sql = load("benchmarks", "events.sql")


class Writers:
    """Transactions that append an event by raw asyncpg."""

    def __init__(self, pool: asyncpg.Pool, organization: UUID, wakeup: Wakeup) -> None:
        self.pool = pool
        self.organization = organization
        self.wakeup = wakeup

    async def plain(self, times: int) -> None:
        """Nobody is woken."""
        await self._append(times, notify=False, hint=False)

    async def notifying(self, times: int) -> None:
        """Every transaction notifies."""
        await self._append(times, notify=True, hint=False)

    async def hinting(self, times: int) -> None:
        """The process's notifier is told after every commit."""
        await self._append(times, notify=False, hint=True)

    async def _append(self, times: int, *, notify: bool, hint: bool) -> None:
        stream, data = f"raw-{uuid7()}", json.dumps(DATA)
        async with self.pool.acquire() as connection:
            await connection.execute(_sql.begin_stream, self.organization, stream)
            for _ in range(times):
                async with connection.transaction():
                    await connection.fetchrow(_sql.append, self.organization, stream, data)
                    if notify:
                        await connection.execute(f"NOTIFY {CHANNEL}")
                if hint:
                    self.wakeup.committed()


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about notifications."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    rows = []
    for listeners in (0, 20):
        async with _writers(db, admin, organization.id) as writers, _listening(admin, listeners):
            rows.append(
                await compete(
                    f"{WRITERS} writers, {listeners} processes that listen",
                    [
                        Contestant(LIMIT, writers.plain),
                        Contestant(OURS, writers.hinting),
                        Contestant(INSIDE, writers.notifying),
                    ],
                    operations=2_000,
                    tasks=WRITERS,
                    rounds=rounds,
                    goal=0.9,
                    remark="the limit wakes nobody",
                )
            )
    return rows


@asynccontextmanager
async def _writers(db: Octavo, admin: dict[str, Any], organization: UUID) -> AsyncIterator[Writers]:
    wakeup = Wakeup(db.record.app)
    pool = await asyncpg.create_pool(**admin, min_size=WRITERS, max_size=WRITERS)
    try:
        yield Writers(pool, organization, wakeup)
    finally:
        await wakeup.close()
        await pool.close()


@asynccontextmanager
async def _listening(admin: dict[str, Any], listeners: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as closing:
        for _ in range(listeners):
            connection: Any = await asyncpg.connect(**admin)
            closing.push_async_callback(connection.close)
            await connection.add_listener(CHANNEL, _hear)
        yield


def _hear(*_told: object) -> None:
    pass
