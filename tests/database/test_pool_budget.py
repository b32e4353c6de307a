"""The pool's places: never more connections than allowed, kept warm, replaced by age, refused in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from octavo.errors import InvalidSetting, PoolTimeout, Unavailable
from octavo.postgres.pool import Pool
from octavo.postgres.record import open_record
from octavo.postgres.server import Server
from tests.databases import administrator, settings_of
from tests.pools import Pools, backend_of, name_of

COUNT = "SELECT count(*) AS connections FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture
async def pools(server: Server, record) -> AsyncIterator[Pools]:
    made = Pools(server, "octavo")
    yield made
    await made.close()


async def test_two_hundred_tasks_never_hold_more_connections_than_the_pool_may(pools, server):
    """S1-172"""
    pool = await pools.open(size=5)

    async def ask(admin) -> None:
        await pool.fetchrow("SELECT pg_sleep(0.001)")
        seen.append(await admin.fetchval(COUNT, name_of(pool)))

    seen: list[int] = []
    async with administrator(server) as admin:
        lock = asyncio.Lock()

        class Serial:
            async def fetchval(self, *arguments):
                async with lock:
                    return await admin.fetchval(*arguments)

        await asyncio.gather(*(ask(Serial()) for _ in range(200)))

    assert len(seen) == 200
    assert max(seen) == 5


async def test_requests_in_turn_use_one_connection(pools):
    """S0-230"""
    pool = await pools.open(size=5)

    assert len({await backend_of(pool) for _ in range(100)}) == 1


async def test_warm_connections_are_there_before_the_first_request_and_stay(pools, server):
    """S0-227, S1-171"""
    pool = await pools.open(size=8, warm=5)

    await asyncio.gather(*(pool.fetchrow("SELECT 1") for _ in range(50)))

    async with administrator(server) as admin:
        assert await admin.fetchval(COUNT, name_of(pool)) >= 5


async def test_who_waits_too_long_is_told_that_all_connections_are_in_use(pools):
    """S1-173"""
    pool = await pools.open(size=2, acquire_timeout_seconds=0.05)

    async with pool.connection(), pool.connection():
        with pytest.raises(PoolTimeout, match=r"no connection became free in 0\.05 s; all 2 are in use"):
            await pool.fetchrow("SELECT 1")

    assert await pool.fetchrow("SELECT 1")


async def test_who_waits_in_time_gets_the_place_that_becomes_free(pools):
    pool = await pools.open(size=1)
    async with pool.connection():
        waiting = asyncio.create_task(backend_of(pool))
        await asyncio.sleep(0)

    assert await waiting > 0


async def test_an_old_connection_is_replaced_and_no_request_fails(pools, server):
    """S0-231"""
    pool = await pools.open(size=2, lifetime_seconds=1e-9)

    pids = [await backend_of(pool) for _ in range(10)]

    assert len(set(pids)) == 10
    assert pool.open_connections == 1


async def test_closing_refuses_who_waits_at_once_and_lets_who_works_finish(pools):
    pool = await pools.open(size=1)
    working = asyncio.create_task(pool.fetchrow("SELECT pg_sleep(0.2), 7 AS answer"))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(pool.fetchrow("SELECT 1"))
    await asyncio.sleep(0)

    closing = asyncio.create_task(pool.close())
    with pytest.raises(Unavailable, match="was closed"):
        await waiting
    assert not working.done()
    await closing

    assert (await working)["answer"] == 7
    assert pool.open_connections == 0


async def test_closing_takes_a_connection_away_after_the_grace(pools):
    pool = await pools.open(size=1)
    working = asyncio.create_task(pool.fetchrow("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)

    await pool.close(grace_seconds=0.05)

    with pytest.raises(Unavailable):
        await working
    assert pool.open_connections == 0


async def test_a_closed_pool_says_so_and_closes_again(pools):
    pool = await pools.open()
    await pool.close()
    await pool.close()

    with pytest.raises(Unavailable, match="was closed"):
        await pool.fetchrow("SELECT 1")


async def test_a_pool_that_was_never_opened_closes(server):
    pool = Pool(server.running.dsn("octavo_app"), size=1)

    await pool.close()

    assert pool.open_connections == 0


async def test_a_pool_larger_than_the_server_is_refused_at_the_start(server, record):
    """S0-226"""
    with pytest.raises(InvalidSetting, match=r"pool_size asks for 601 connections, and the server gives"):
        await open_record(settings_of(server, "octavo", pool_size=300))


async def test_the_budget_of_two_pools_and_the_listener_is_what_the_server_must_give(server, record):
    async with administrator(server) as admin:
        most = int(await admin.fetchval("SHOW max_connections"))

    with pytest.raises(InvalidSetting) as refused:
        await open_record(settings_of(server, "octavo", pool_size=most // 2))

    assert refused.value.fields == {"setting": "pool_size"}
