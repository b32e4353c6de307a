"""A cancelled task costs nothing: no place, no connection of unknown state, no statement that runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from octavo.postgres.pool import Pool
from octavo.postgres.server import Server
from tests.databases import administrator
from tests.pools import Pools, backend_of, name_of

TURNS = 60  # more turns of the loop than any of the calls below takes


@pytest.fixture
async def pools(server: Server, record) -> AsyncIterator[Pools]:
    made = Pools(server, "octavo")
    yield made
    await made.close()


async def one_statement(pool: Pool) -> None:
    await pool.fetchrow("SELECT 1 AS one")


async def one_failing_statement(pool: Pool) -> None:
    with suppress(Exception):
        await pool.fetchrow("SELECT 1 / 0")


async def one_transaction(pool: Pool) -> None:
    async with pool.transaction() as transaction:
        await transaction.execute("SELECT 1")


async def one_failing_transaction(pool: Pool) -> None:
    with suppress(Exception):
        async with pool.transaction() as transaction:
            await transaction.execute("SELECT 1 / 0")


async def one_stream(pool: Pool) -> None:
    async with pool.transaction() as transaction:
        async for _ in transaction.stream("SELECT generate_series(1, 1200) AS number"):
            pass


async def cancel_at_every_turn(pool: Pool, call: Callable[[Pool], Awaitable[None]]) -> int:
    """Cancel the call after 0, 1, 2 … turns of the loop; how often it was cancelled in the middle."""
    cancelled = 0
    for turns in range(TURNS):
        task = asyncio.ensure_future(call(pool))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        cancelled += task.cancelled()
    return cancelled


@pytest.mark.parametrize(
    "call", [one_statement, one_failing_statement, one_transaction, one_failing_transaction, one_stream]
)
@pytest.mark.parametrize("lifetime_seconds", [3600.0, 1e-9], ids=["warm", "new"])
async def test_no_place_is_lost_wherever_a_call_is_cancelled(pools, server, call, lifetime_seconds):
    pool = await pools.open(size=3, lifetime_seconds=lifetime_seconds)

    assert await cancel_at_every_turn(pool, call) > 5

    async with asyncio.timeout(10):
        async with pool.connection() as one, pool.connection() as two, pool.connection() as three:
            assert [await each.fetchval("SELECT 1") for each in (one, two, three)] == [1, 1, 1]
    async with administrator(server) as admin:
        there = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name_of(pool)
        )
    assert there <= 3


async def test_no_place_is_lost_when_who_waits_for_one_is_cancelled(pools):
    pool = await pools.open(size=1)

    for turns in range(12):
        async with pool.connection():
            waiting = [asyncio.create_task(backend_of(pool)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting[1].cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(done[1], asyncio.CancelledError)
        assert all(isinstance(done[other], int) for other in (0, 2))


async def test_a_place_given_to_a_task_in_the_moment_it_is_cancelled_is_not_lost(pools):
    pool = await pools.open(size=1)
    borrowed = pool.connection()
    await borrowed.__aenter__()
    waiting = asyncio.create_task(backend_of(pool))
    await asyncio.sleep(0)

    await borrowed.__aexit__(None, None, None)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    assert await asyncio.wait_for(backend_of(pool), 60) > 0


async def test_a_cancelled_statement_ends_on_the_server(pools, server):
    """S0-229"""
    pool = await pools.open(size=1)
    running = asyncio.create_task(pool.fetchrow("SELECT pg_sleep(60)"))
    async with administrator(server) as admin:
        while not await admin.fetchval(
            "SELECT true FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'",
            name_of(pool),
        ):
            pass

        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert await asyncio.wait_for(backend_of(pool), 60)  # the only place is free: the old one is gone

        asleep = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'",
            name_of(pool),
        )
    assert asleep == 0


async def test_a_cancelled_transaction_leaves_no_row_and_no_lock(pools, server):
    pool = await pools.open("octavo_admin", size=2)
    await pool.execute("CREATE TABLE public.cancelled (id integer PRIMARY KEY)")
    locked = asyncio.Event()

    async def write() -> None:
        async with pool.transaction() as transaction:
            await transaction.execute("INSERT INTO public.cancelled VALUES (1)")
            locked.set()
            await asyncio.Event().wait()

    try:
        task = asyncio.create_task(write())
        await locked.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

        assert await pool.execute("INSERT INTO public.cancelled VALUES (1)") == "INSERT 0 1"
    finally:
        await pool.execute("DROP TABLE public.cancelled")
