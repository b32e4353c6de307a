"""Runs: start, execute and pick up, against raw asyncpg that writes the same rows, or does the least a queue can do.

The limit of `execute` takes rows in batches of 100 and puts them into a table of what is done: no lease, no fence, no
event, no document, no organization. Ours commits, a run: its lease, its end, its history and two events.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

import octavo
from benchmarks.measure import LIMIT, OURS, Contestant, Row, compete
from octavo import Octavo
from octavo.pipelines.definitions import Components
from octavo.pipelines.worker import Means, Worker
from octavo.postgres.statements import load
from octavo.workspace import Workspace

RUNS = 5_000
SLOTS = 500

_sql = load("benchmarks", "runs.sql")


@octavo.component("noop")
async def noop(given: octavo.Given) -> dict[str, Any]:  # noqa: ARG001 - it does nothing
    """Nothing."""
    return {}


class Raw:
    """asyncpg alone, as a superuser without row-level security."""

    def __init__(self, pool: asyncpg.Pool, organization: UUID, pipeline: UUID) -> None:
        self.pool = pool
        self.organization = organization
        self.pipeline = pipeline

    async def start(self, times: int) -> None:
        """Start runs one by one on one connection."""
        async with self.pool.acquire() as connection:
            for _ in range(times):
                await connection.execute(_sql.start, self.organization, self.pipeline, [uuid7()])

    async def start_many(self, times: int) -> None:
        """Start all in one statement."""
        ids = [uuid7() for _ in range(times)]
        await self.pool.execute(_sql.start, self.organization, self.pipeline, ids)

    async def take(self, times: int) -> None:
        """Put rows into a queue, and from there, a hundred at once, into a table of what is done."""
        await self.pool.execute(_sql.fill_plain, times)
        async with self.pool.acquire() as connection:
            for _ in range(times // 100):
                await connection.execute(_sql.take_plain)


class Ours:
    """Runs as users start and workers execute them."""

    def __init__(self, view: Workspace, means: Means) -> None:
        self.view = view
        self.means = means

    async def start(self, times: int) -> None:
        """Start runs one by one."""
        for _ in range(times):
            await self.view.pipelines.start("bench")

    async def start_many(self, times: int) -> None:
        """Start all in one call."""
        await self.view.pipelines.start_many("bench", [None] * times)

    async def execute(self, times: int) -> None:
        """Start all in one call, and let one worker execute them."""
        await self.start_many(times)
        async with Worker(self.means, slots=SLOTS) as worker:
            await _executed(worker, times)

    async def pick_up(self, times: int) -> None:
        """Start a run when the one before has ended."""
        async with Worker(self.means, slots=SLOTS) as worker:
            for number in range(times):
                await self.view.pipelines.start("bench")
                await _executed(worker, number + 1)


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """Every row of the report."""
    organization = await db.organizations.create(f"runs-{uuid7()}")
    view = db.organization(organization.name)
    # The database was opened without the component, so the pipeline is put as what it is, a document.
    steps = [{"component": "noop", "version": 1}]
    pipeline = await view.namespace("octavo").documents.put("octavo.pipeline", {"steps": steps}, name="bench")
    means = Means(db.record.system, db.record.app, db._parts.wakeup, Components([noop]), db._scope)
    pool = await asyncpg.create_pool(**admin, min_size=8, max_size=8)
    try:
        await pool.execute(_sql.make_plain_queue)
        await pool.execute(_sql.make_plain_done)
        return await _rows(Raw(pool, organization.id, pipeline.id), Ours(view, means), rounds)
    finally:
        await pool.close()


async def _rows(raw: Raw, ours: Ours, rounds: int) -> list[Row]:
    starters = [Contestant(LIMIT, raw.start), Contestant(OURS, ours.start)]
    many = [Contestant(LIMIT, raw.start_many), Contestant(OURS, ours.start_many)]
    executing = [Contestant(LIMIT, raw.take), Contestant(OURS, ours.execute)]
    rows = [
        await compete("start one run, 1 connection", starters, operations=500, rounds=rounds, goal=0.8),
        await compete(
            "start one run, 8 at once", starters, operations=2_000, tasks=8, rounds=rounds, goal=0.7
        ),
        await compete("start 5,000 runs in one call", many, operations=RUNS, rounds=rounds, goal=0.5),
    ]
    await raw.pool.execute(_sql.empty)
    rows.append(
        await compete(
            "start 5,000 runs and execute them: end, history and events committed", executing, operations=RUNS,
            rounds=rounds, remark="wanted: 5,000 a second; the limit writes one row a run and no event",
        )
    )  # fmt: skip
    rows.append(
        await compete(
            "start a run and wait for its end, one after the other", [Contestant(OURS, ours.pick_up)],
            operations=200, rounds=rounds,
        )
    )  # fmt: skip
    return rows


async def _executed(worker: Worker, times: int) -> None:
    while worker.executed < times:  # noqa: ASYNC110 - a worker tells nobody what it has done
        await asyncio.sleep(0.0005)
