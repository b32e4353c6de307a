"""The queues that runs are measured against, each in a database of its own on the same server.

Both as their documentation advises for throughput: PgQueuer with a pool and batches of 500, Procrastinate with a
concurrency of 100 and its own pool. A job does nothing; what a library does besides (PgQueuer logs the statistics of
each job, Procrastinate keeps an event for each) it does here too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

import asyncpg
import procrastinate
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

CONNECTIONS = 8
BATCH = 500
CONCURRENCY = 100


class PgQueuerPeer:
    """PgQueuer on asyncpg."""

    name = "PgQueuer"

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.driver = AsyncpgPoolDriver(pool)
        self.queries = Queries(self.driver)
        self.waits: list[float] = []

    @classmethod
    async def open(cls, address: dict[str, Any]) -> PgQueuerPeer:
        """Make its tables."""
        peer = cls(await asyncpg.create_pool(**address, min_size=CONNECTIONS, max_size=CONNECTIONS))
        await peer.queries.install()
        return peer

    async def start(self, times: int) -> None:
        """Enqueue jobs one by one."""
        for _ in range(times):
            await self.queries.enqueue("noop", None)

    async def start_many(self, times: int) -> None:
        """Enqueue all in one call."""
        await self.queries.enqueue(["noop"] * times, [None] * times, [0] * times)

    async def execute(self, times: int) -> None:  # noqa: ARG002 - it stops when nothing is left
        """Let one worker execute what was enqueued."""
        worker = PgQueuer(AsyncpgPoolDriver(self.pool))

        @worker.entrypoint("noop")
        async def noop(_job: Job) -> None:
            pass

        await worker.run(batch_size=BATCH, mode=QueueExecutionMode.drain)

    async def pick_up(self, times: int) -> None:
        """Enqueue a job when the one before was executed."""
        worker = PgQueuer(AsyncpgPoolDriver(self.pool))
        done = asyncio.Event()

        @worker.entrypoint("noop")
        async def noop(_job: Job) -> None:
            done.set()

        running = asyncio.create_task(worker.run(batch_size=10))
        for _ in range(times):
            done.clear()
            begun = time.perf_counter()
            await self.start(1)
            await done.wait()
            self.waits.append(time.perf_counter() - begun)
        worker.shutdown.set()
        await running

    async def empty(self) -> None:
        """Leave nothing for the next round."""
        await self.queries.clear_queue()

    async def close(self) -> None:
        """Close its connections."""
        await self.pool.close()


class ProcrastinatePeer:
    """Procrastinate on psycopg."""

    name = "Procrastinate"

    def __init__(self, app: procrastinate.App) -> None:
        self.app = app
        self.done = asyncio.Event()
        self.waits: list[float] = []

        async def noop() -> None:
            self.done.set()

        self.task = app.task(noop, name="noop")

    @classmethod
    async def open(cls, address: dict[str, Any]) -> ProcrastinatePeer:
        """Make its tables."""
        given = {"dbname" if key == "database" else key: value for key, value in address.items()}
        connector = procrastinate.PsycopgConnector(kwargs=given, min_size=CONNECTIONS, max_size=CONNECTIONS)
        peer = cls(procrastinate.App(connector=connector))
        await peer.app.open_async()
        await peer.app.schema_manager.apply_schema_async()
        return peer

    async def start(self, times: int) -> None:
        """Defer jobs one by one."""
        for _ in range(times):
            await self.task.defer_async()

    async def start_many(self, times: int) -> None:
        """Defer all in one call."""
        await self.task.batch_defer_async(*({} for _ in range(times)))

    async def execute(self, times: int) -> None:  # noqa: ARG002 - it stops when nothing is left
        """Let one worker execute what was deferred."""
        await self.app.run_worker_async(
            wait=False, concurrency=CONCURRENCY, install_signal_handlers=False, listen_notify=False
        )

    async def pick_up(self, times: int) -> None:
        """Defer a job when the one before was executed."""
        worker = asyncio.create_task(
            self.app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)
        )
        for _ in range(times):
            self.done.clear()
            begun = time.perf_counter()
            await self.start(1)
            await self.done.wait()
            self.waits.append(time.perf_counter() - begun)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    async def empty(self) -> None:
        """Leave nothing for the next round."""
        await self.app.connector.execute_query_async("TRUNCATE procrastinate_jobs CASCADE")

    async def close(self) -> None:
        """Close its connections."""
        await self.app.close_async()


Peer = PgQueuerPeer | ProcrastinatePeer


async def peers(admin: dict[str, Any]) -> list[Peer]:
    """All of them, open."""
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    logging.getLogger("pgqueuer").setLevel(logging.ERROR)
    connection = await asyncpg.connect(**admin)
    try:
        for kind in (PgQueuerPeer, ProcrastinatePeer):
            await connection.execute(f"CREATE DATABASE {kind.name.lower()}")
    finally:
        await connection.close()
    return [
        await kind.open({**admin, "database": kind.name.lower()})
        for kind in (PgQueuerPeer, ProcrastinatePeer)
    ]
