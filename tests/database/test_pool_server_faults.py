"""Connections die and servers restart: what was not sent is sent again, what was in doubt is said to be."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from octavo.errors import Unavailable
from octavo.postgres import server as embedded
from octavo.postgres.pool import Pool
from octavo.postgres.server import Server
from octavo.postgres.server.binaries import find
from tests.pools import Pools, backend_of


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that may be killed; with full durability."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-pool-"))
    folder.chmod(0o755)
    running = embedded.open_server(folder / "data", settings={"shared_buffers": "32MB"})
    yield running
    running.close()
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def pools(own_server: Server) -> AsyncIterator[Pools]:
    made = Pools(own_server, "octavo")
    yield made
    await made.close()


async def open_pool(pools: Pools, **changes: object) -> Pool:
    return await pools.open("octavo_admin", **changes)


def end_backends(server: Server, *pids: int) -> None:
    """End server processes from outside, without letting the event loop see it."""
    way = server.running.dsn("octavo_admin")
    statement = f"SELECT pg_terminate_backend(pid, 5000) FROM unnest(ARRAY{list(pids)}) AS pid"
    program = [find().program("psql"), "-h", way["host"], "-p", str(way["port"]), "-U", way["user"]]
    subprocess.run([*program, "-d", way["database"], "-qAtc", statement], check=True, capture_output=True)


async def in_a_transaction(pool: Pool) -> int:
    """The server process behind a transaction."""
    async with pool.transaction() as transaction:
        row = await transaction.fetchrow("SELECT pg_backend_pid() AS pid")
    assert row is not None
    return row["pid"]


@asynccontextmanager
async def slow_to_close(server: Server, folder: Path) -> AsyncIterator[asyncio.Event]:
    """A way to the server, with its socket in `folder`, on which a connection's end comes later than the last word.

    Told is when the first server process has said its last word.
    """
    way, said, ended = server.running.dsn("octavo_admin"), asyncio.Event(), asyncio.Event()
    name = f".s.PGSQL.{way['port']}"

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def serve(asking: asyncio.StreamReader, answering: asyncio.StreamWriter) -> None:
        replies, requests = await asyncio.open_unix_connection(f"{way['host']}/{name}")
        sending = asyncio.create_task(passed_on(asking, requests))
        await passed_on(replies, answering)
        said.set()
        await ended.wait()
        sending.cancel()
        for writer in (answering, requests):
            writer.close()

    listening = await asyncio.start_unix_server(serve, folder / name)
    try:
        yield said
    finally:
        ended.set()
        listening.close()


async def all_backends(pool: Pool) -> list[int]:
    """Use every connection the pool may have at the same time."""
    rows = await asyncio.gather(
        *(pool.fetchrow("SELECT pg_backend_pid() AS pid, pg_sleep(0.02)") for _ in range(pool.size))
    )
    return [row["pid"] for row in rows]


async def test_a_request_after_all_idle_connections_died_succeeds(pools, own_server):
    pool = await open_pool(pools, size=4)
    dead = await all_backends(pool)
    assert len(set(dead)) == 4

    end_backends(own_server, *dead)
    await asyncio.to_thread(end_backends, own_server, *dead)

    assert await backend_of(pool) not in dead
    assert pool.open_connections == 1


async def test_a_transaction_on_a_connection_that_just_died_begins_on_another(pools, own_server):
    pool = await open_pool(pools, size=1)
    dead = await backend_of(pool)

    end_backends(own_server, dead)  # the loop stood still: the driver knows nothing yet
    async with pool.transaction() as transaction:
        row = await transaction.fetchrow("SELECT pg_backend_pid() AS pid")

    assert row["pid"] != dead


@pytest.mark.parametrize("asked", [backend_of, in_a_transaction], ids=["statement", "transaction"])
async def test_what_is_asked_between_the_last_word_of_a_server_and_its_end_is_asked_on_another_connection(
    pools, own_server, tmp_path, asked
):
    async with slow_to_close(own_server, tmp_path) as said:
        pool = await open_pool(pools, size=1, host=str(tmp_path))
        dead = await backend_of(pool)
        await asyncio.to_thread(end_backends, own_server, dead)
        await said.wait()
        for _ in range(10):  # what is there is read at the next turn of the loop
            await asyncio.sleep(0)

        assert await asked(pool) != dead


async def test_a_statement_cut_off_in_the_middle_is_told_to_be_in_doubt(pools, own_server):
    pool = await open_pool(pools, size=2)
    pid = asyncio.get_running_loop().create_future()

    async def sleep() -> None:
        async with pool.transaction() as transaction:
            pid.set_result((await transaction.fetchrow("SELECT pg_backend_pid() AS pid"))["pid"])
            await transaction.fetch("SELECT pg_sleep(60)")

    sleeping = asyncio.create_task(sleep())
    await asyncio.to_thread(end_backends, own_server, await pid)

    with pytest.raises(Unavailable, match="did not answer") as lost:
        await sleeping
    assert "may or may not have been made" in lost.value.remedy
    assert await backend_of(pool) > 0


async def test_work_goes_on_after_a_process_of_the_server_was_killed(pools, own_server):
    """The server ends every session and recovers; requests wait for it instead of failing."""
    pool = await open_pool(pools, size=3, acquire_timeout_seconds=30.0)
    await pool.execute("CREATE TABLE public.kept AS SELECT 1 AS number")
    backends = await all_backends(pool)

    os.kill(backends[0], signal.SIGKILL)
    served = backends[0]
    while served in backends:
        with suppress(Unavailable):  # at most the statements that were on their way
            served = await backend_of(pool)

    rows = await pool.fetch("SELECT number FROM public.kept")
    assert [row["number"] for row in rows] == [1]
    assert set(await all_backends(pool)).isdisjoint(backends)


async def test_a_stopped_server_is_an_error_in_time_and_its_return_is_used(pools, own_server):
    """S1-178"""
    pool = await open_pool(pools, size=2, acquire_timeout_seconds=0.5)
    await all_backends(pool)

    await asyncio.to_thread(embedded.stop, own_server.running.data, force=True)
    with pytest.raises(Unavailable):
        await pool.fetchrow("SELECT 1")
    back = await asyncio.to_thread(embedded.open_server, own_server.running.data)

    assert await until_answered(pool) > 0
    back.close()


async def until_answered(pool: Pool) -> int:
    """A connection's backend, asked for until there is one: a busy machine may take longer than a request waits."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await backend_of(pool)


async def test_requests_wait_for_a_server_that_starts(pools, own_server):
    pool = await open_pool(pools, size=2, acquire_timeout_seconds=30.0)
    await asyncio.to_thread(embedded.stop, own_server.running.data, force=True)

    waiting = asyncio.create_task(backend_of(pool))
    back = await asyncio.to_thread(embedded.open_server, own_server.running.data)

    assert await waiting > 0
    back.close()


async def test_nobody_answers_at_once_when_a_pool_is_opened_on_nothing(pools, tmp_path):
    pool = Pool({"host": str(tmp_path), "user": "nobody", "database": "none"}, size=1)

    with pytest.raises(Unavailable, match="cannot be reached"):
        await asyncio.wait_for(pool.open(), 60)
