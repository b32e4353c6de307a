"""A transaction commits whole or not at all, and nothing of it reaches the next user of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from octavo.errors import Conflict, InvalidInput, StatementTimeout, StorageFault
from octavo.postgres.server import Server
from tests.databases import administrator
from tests.pools import Pools, backend_of, name_of


@pytest.fixture
async def pools(server: Server, record) -> AsyncIterator[Pools]:
    made = Pools(server, "octavo")
    yield made
    await made.close()


@pytest.fixture
async def numbers(pools: Pools) -> AsyncIterator[str]:
    """A table with one column, for rows that should or should not be there."""
    admin = await pools.open("octavo_admin", size=1)
    table = f"public.{name_of(admin).replace('-', '_')}"
    await admin.execute(f"CREATE TABLE {table} (number integer PRIMARY KEY)")
    yield table
    await admin.execute(f"DROP TABLE {table}")


async def test_an_exception_in_the_block_rolls_everything_back_and_comes_out_as_it_is(pools, numbers):
    pool = await pools.open("octavo_admin")

    async def fail() -> None:
        async with pool.transaction() as transaction:
            await transaction.execute(f"INSERT INTO {numbers} VALUES (1)")
            raise FileNotFoundError("the user's own")

    with pytest.raises(FileNotFoundError, match="the user's own"):
        await fail()

    assert await pool.fetch(f"SELECT FROM {numbers}") == []


async def test_an_error_swallowed_in_the_block_is_no_silent_rollback(pools, numbers):
    pool = await pools.open("octavo_admin")

    async def swallow() -> None:
        async with pool.transaction() as transaction:
            await transaction.execute(f"INSERT INTO {numbers} VALUES (1)")
            with suppress(InvalidInput):
                await transaction.execute("SELECT 1 / 0")

    with pytest.raises(Conflict, match="nothing of it was saved"):
        await swallow()

    assert await pool.fetch(f"SELECT FROM {numbers}") == []


async def test_a_statement_after_a_swallowed_error_says_that_the_transaction_failed(pools):
    pool = await pools.open()

    async def go_on() -> None:
        async with pool.transaction() as transaction:
            with suppress(InvalidInput):
                await transaction.execute("SELECT 1 / 0")
            await transaction.execute("SELECT 1")

    with pytest.raises(Conflict, match="failed before"):
        await go_on()


async def test_a_transaction_kept_beyond_its_block_is_refused(pools):
    pool = await pools.open()
    async with pool.transaction() as transaction:
        await transaction.execute("SELECT 1")

    with pytest.raises(InvalidInput, match="has ended"):
        await transaction.fetch("SELECT 1")


async def test_two_tasks_in_one_transaction_get_a_clear_error(pools):
    pool = await pools.open()

    async with pool.transaction() as transaction:
        first = asyncio.create_task(transaction.fetch("SELECT pg_sleep(0.05)"))
        await asyncio.sleep(0)
        with pytest.raises(InvalidInput, match="two tasks use one transaction"):
            await transaction.fetch("SELECT 1")
        await first


async def test_a_read_only_transaction_refuses_writes(pools, numbers):
    pool = await pools.open("octavo_admin")

    with pytest.raises(StorageFault, match="read-only"):
        async with pool.transaction(read_only=True) as transaction:
            await transaction.execute(f"INSERT INTO {numbers} VALUES (1)")


async def test_every_statement_of_a_snapshot_sees_one_state(pools, numbers):
    pool = await pools.open("octavo_admin")

    async with pool.transaction(snapshot=True) as transaction:
        before = await transaction.fetch(f"SELECT FROM {numbers}")
        await pool.execute(f"INSERT INTO {numbers} VALUES (1)")
        after = await transaction.fetch(f"SELECT FROM {numbers}")

    assert (len(before), len(after)) == (0, 0)


async def test_what_foreign_sql_sets_in_the_session_is_gone_after_the_commit(pools):
    pool = await pools.open(size=1)
    before = await backend_of(pool)

    async with pool.transaction() as transaction:
        transaction.expect_foreign_sql()
        await transaction.execute("SET statement_timeout = '7s'")
        await transaction.execute("SELECT set_config('octavo.organization', 'somebody', false)")
        await transaction.execute("SELECT pg_advisory_lock(4711)")

    left = await pool.fetchrow(
        "SELECT current_setting('statement_timeout') AS timeout,"
        " current_setting('octavo.organization') AS bound,"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks"
    )
    assert dict(left) == {"timeout": "0", "bound": "", "locks": 0}
    assert await backend_of(pool) == before


async def test_rows_are_streamed_in_bounded_pieces(pools):
    pool = await pools.open()

    async with pool.transaction() as transaction:
        total = 0
        async for row in transaction.stream("SELECT generate_series(1, 2345) AS number"):
            total += row["number"]

    assert total == 2345 * 2346 // 2


async def test_a_long_statement_is_cancelled_on_the_server_and_its_connection_stays(pools, server):
    """S0-229"""
    pool = await pools.open(size=1, server_settings={"statement_timeout": "100ms"})
    before = await backend_of(pool)

    with pytest.raises(StatementTimeout, match="ran into its time limit"):
        await pool.fetchrow("SELECT pg_sleep(60)")

    async with administrator(server) as admin:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'"
        assert await admin.fetchval(query, name_of(pool)) == 0
    assert await backend_of(pool) == before


async def test_a_long_transaction_is_ended_by_the_server_and_its_place_is_free_again(pools, numbers):
    pool = await pools.open("octavo_admin", size=1, server_settings={"transaction_timeout": "100ms"})

    async def write_and_wait() -> None:
        async with pool.transaction() as transaction:
            await transaction.execute(f"INSERT INTO {numbers} VALUES (1)")
            await transaction.execute("SELECT pg_sleep(60)")

    with pytest.raises(StatementTimeout, match="ran into its time limit"):
        await write_and_wait()

    assert await pool.fetch(f"SELECT FROM {numbers}") == []


async def test_every_statement_sent_is_told_to_the_observer(pools):
    pool = await pools.open()
    sent: list[str] = []
    stop = pool.observe(sent.append)

    await pool.fetchrow("SELECT 1")
    async with pool.transaction() as transaction:
        await transaction.execute("SELECT 2")
    stop()
    await pool.fetchrow("SELECT 3")

    assert sent == ["SELECT 1", "BEGIN", "SELECT 2", "COMMIT"]
