"""Runs: start, execute and pick up, against raw asyncpg and two queues.

Starting is measured against the same rows written raw, of the version that the pipeline has at that moment, by a
statement that is planned once a connection. The limit of executing takes rows in batches of 100 and puts
them into a table of what is done: no lease, no fence, no event, no document, no organization; that of picking up
listens, and takes a row when it is told of one. Ours commits, a run: its lease, its end, its history and two events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec
from uuid_utils.compat import uuid7

import octavo
from benchmarks.measure import LIMIT, OURS, Contestant, Row, Work, compete
from benchmarks.queues import peers
from benchmarks.search import spread
from octavo import Octavo
from octavo.pipelines.defining.definitions import Components
from octavo.pipelines.worker import Means, Worker
from octavo.postgres.statements import load
from octavo.workspace import Workspace

RUNS, EXECUTED = 5_000, 3_000
SLOTS = 500
PICKED_UP = 100

_sql = load("benchmarks", "runs.sql")


@octavo.component("noop")
async def noop(given: octavo.Given) -> dict[str, Any]:  # noqa: ARG001 - it does nothing
    """Nothing."""
    return {}


class Queue(Protocol):
    """Who starts work and executes it; `pick_up` notes in `waits` the seconds from each start to its execution."""

    name: str
    waits: list[float]

    async def start(self, times: int) -> None: ...
    async def start_many(self, times: int) -> None: ...
    async def execute(self, times: int) -> None: ...
    async def pick_up(self, times: int) -> None: ...


class Raw:
    """asyncpg alone, as a superuser without row-level security."""

    name = LIMIT

    def __init__(self, pool: asyncpg.Pool, organization: UUID) -> None:
        self.pool = pool
        self.organization = organization
        self.waits: list[float] = []

    async def start(self, times: int) -> None:
        """Start runs one by one on one connection."""
        async with self.pool.acquire() as connection:
            for _ in range(times):
                await connection.execute(_sql.start, self.organization, [uuid7()])

    async def start_many(self, times: int) -> None:
        """Start all in one statement."""
        ids = [uuid7() for _ in range(times)]
        await self.pool.execute(_sql.start, self.organization, ids)

    async def fill(self, times: int) -> None:
        """Put rows into a queue."""
        await self.pool.execute(_sql.fill_plain, times)

    async def execute(self, times: int) -> None:
        """Put rows of the queue, a hundred at once, into a table of what is done."""
        async with self.pool.acquire() as connection:
            for _ in range(times // 100):
                await connection.execute(_sql.take_plain)

    async def pick_up(self, times: int) -> None:
        """Put a row into the queue and tell of it, when the one before was taken."""
        told, taken = asyncio.Event(), asyncio.Event()

        def tell(*_: object) -> None:
            told.set()

        async with self.pool.acquire() as worker, self.pool.acquire() as starter:
            await worker.add_listener("bench", tell)

            async def work() -> None:
                while True:
                    await told.wait()
                    told.clear()
                    await worker.execute(_sql.take_plain)
                    taken.set()

            working = asyncio.create_task(work())
            for _ in range(times):
                taken.clear()
                begun = time.perf_counter()
                await starter.execute(_sql.fill_plain, 1)
                await starter.execute(_sql.tell)
                await taken.wait()
                self.waits.append(time.perf_counter() - begun)
            working.cancel()
            await worker.remove_listener("bench", tell)


class Ours:
    """Runs as users start and workers execute them."""

    name = OURS

    def __init__(self, view: Workspace, means: Means) -> None:
        self.view = view
        self.means = means
        self.waits: list[float] = []

    async def start(self, times: int) -> None:
        """Start runs one by one."""
        for _ in range(times):
            await self.view.pipelines.start("bench")

    async def start_many(self, times: int) -> None:
        """Start all in one call."""
        await self.view.pipelines.start_many("bench", [None] * times)

    async def execute(self, times: int) -> None:
        """Let one worker execute what was started."""
        async with Worker(self.means, slots=SLOTS) as worker:
            await _executed(worker, times)

    async def pick_up(self, times: int) -> None:
        """Start a run when the one before was executed."""
        called = asyncio.Event()

        @octavo.component("noop")
        async def noop(given: octavo.Given) -> dict[str, Any]:  # noqa: ARG001 - it does nothing
            called.set()
            return {}

        means = msgspec.structs.replace(self.means, components=Components([noop]))
        async with Worker(means, slots=SLOTS) as worker:
            for _ in range(times):
                called.clear()
                begun = time.perf_counter()
                await self.view.pipelines.start("bench")
                await called.wait()
                self.waits.append(time.perf_counter() - begun)
            await _executed(worker, times)


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """Every row of the report."""
    organization = await db.organizations.create(f"runs-{uuid7()}")
    view = db.organization(organization.name)
    # The database was opened without the component, so the pipeline is put as what it is, a document.
    steps = [{"component": "noop", "version": 1}]
    await view.namespace("octavo").documents.put("octavo.pipeline", {"steps": steps}, name="bench")
    means = Means(db.record.system, db.record.app, db._parts.wakeup, Components([noop]), db._scope)
    once = {"plan_cache_mode": "force_generic_plan"}
    pool = await asyncpg.create_pool(**admin, min_size=8, max_size=8, server_settings=once)
    others = await peers(admin)
    try:
        await pool.execute(_sql.make_plain_queue)
        await pool.execute(_sql.make_plain_done)
        return await _rows(Raw(pool, organization.id), Ours(view, means), others, rounds)
    finally:
        for other in others:
            await other.close()
        await pool.close()


async def _rows(raw: Raw, ours: Ours, others: Sequence[Queue], rounds: int) -> list[Row]:
    queues: list[Queue] = [raw, ours, *others]
    starting = [Contestant(queue.name, queue.start) for queue in queues]
    rows = [
        await compete("start one run, 1 connection", starting, operations=500, rounds=rounds, goal=0.8),
        await compete(
            "start one run, 8 at once", starting, operations=2_000, tasks=8, rounds=rounds, goal=0.7
        ),
        await compete(
            "start 5,000 runs in one call",
            [Contestant(queue.name, queue.start_many) for queue in queues],
            operations=RUNS,
            rounds=rounds,
            goal=0.5,
        ),
    ]
    await _empty(raw, others)
    rows.append(
        await compete(
            "execute runs that do nothing, one worker",
            [_executing(queue, raw.fill if queue is raw else queue.start_many) for queue in queues],
            operations=EXECUTED,
            rounds=rounds,
            goal=0.5,
            peer_goals=(("PgQueuer", 1.3),),
            remark="the limit writes one row a run and no event; "
            "Octavo commits the end, the history and the events of each",
        )
    )
    rows.append(await _picking_up(queues, rounds))
    return rows


def _executing(queue: Queue, before: Work) -> Contestant:
    return Contestant(queue.name, queue.execute, before)


async def _picking_up(queues: Sequence[Queue], rounds: int) -> Row:
    row = await compete(
        "start a run and wait for its execution, one after the other",
        [Contestant(queue.name, queue.pick_up) for queue in queues],
        operations=PICKED_UP,
        rounds=rounds,
    )
    told = "; ".join(f"{queue.name} {_milliseconds(queue.waits)}" for queue in queues)
    return replace(row, remark=f"{told} (goal: twice the limit's)")


def _milliseconds(waits: Sequence[float]) -> str:
    return spread([1000 * wait for wait in waits], 99)


async def _empty(raw: Raw, others: Sequence[Any]) -> None:
    await raw.pool.execute(_sql.empty)
    for other in others:
        await other.empty()


async def _executed(worker: Worker, times: int) -> None:
    while worker.executed < times:  # noqa: ASYNC110 - a worker tells nobody what it has done
        await asyncio.sleep(0.0005)
