"""Whatever is killed, the next open brings the data back and leaves nothing of the old server behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess

import asyncpg
import pytest

from octavo.errors import ServerFault
from octavo.postgres.server import open_server, status, stop
from tests.faults.servers import Opener, eventually, postgres_processes, value, wrong


def kill_postmaster(data):
    os.kill(status(data).pid, signal.SIGKILL)
    eventually(lambda: status(data).state == "crashed")


def recoveries(data):
    return (data / "log" / "postgres.log").read_text().count("automatic recovery in progress")


def program_of_the_same_user(data):
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=(data / "cluster").stat().st_uid)


async def test_a_killed_server_comes_back_with_what_was_committed(data):
    held = open_server(data)
    await value(held.running, "CREATE TABLE kept (n int)")
    await value(held.running, "INSERT INTO kept SELECT generate_series(1, 1000)")
    kill_postmaster(data)
    assert [check.name for check in wrong(data)] == ["process"]

    again = open_server(data)

    assert await value(again.running, "SELECT sum(n) FROM kept") == 500500
    assert status(data).state == "running"
    again.close()
    held.close()


async def test_recovery_goes_on_when_the_first_to_wait_for_it_gives_up(data):
    held = open_server(data)
    await value(held.running, "CREATE TABLE much AS SELECT generate_series(1, 300000) AS n")
    kill_postmaster(data)
    before = recoveries(data)

    with pytest.raises(ServerFault, match="is not ready after") as caught:
        open_server(data, start_timeout=0.01)
    again = open_server(data)

    assert "start_timeout_seconds" in caught.value.remedy
    assert recoveries(data) == before + 1
    assert await value(again.running, "SELECT count(*) FROM much") == 300_000
    again.close()
    held.close()


async def test_a_backend_that_outlives_its_killed_server_is_ended_first(data):
    held = open_server(data)
    connection = await asyncpg.connect(**held.running.dsn("octavo_admin"))
    spinner = connection.get_server_pid()
    endless = asyncio.create_task(connection.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
    while await value(held.running, "SELECT state FROM pg_stat_activity WHERE pid = $1", spinner) != "active":
        pass
    kill_postmaster(data)
    assert spinner in postgres_processes(data / "cluster")

    again = open_server(data)

    assert spinner not in postgres_processes(data / "cluster")
    assert await value(again.running, "SELECT 1") == 1
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await endless
    again.close()
    held.close()


async def test_a_left_pid_file_whose_number_is_another_program_now_does_not_block(data):
    open_server(data).close()
    kill_postmaster(data)
    stranger = program_of_the_same_user(data)
    pid_file, socket_lock = data / "cluster" / "postmaster.pid", data / "run" / ".s.PGSQL.5432.lock"
    for left in (pid_file, socket_lock):
        _, _, rest = left.read_text().partition("\n")
        left.write_text(f"{stranger.pid}\n{rest}")

    server = open_server(data)

    assert await value(server.running, "SELECT 1") == 1
    assert stranger.poll() is None
    server.close()
    stranger.communicate()


async def test_a_pid_file_torn_by_a_full_disk_does_not_block(data):
    open_server(data).close()
    kill_postmaster(data)
    os.truncate(data / "cluster" / "postmaster.pid", 0)

    server = open_server(data)

    assert await value(server.running, "SELECT 1") == 1
    server.close()


def test_a_first_open_that_is_killed_leaves_nothing_that_is_taken_for_whole(place):
    opener = Opener(place / "data")
    eventually(lambda: list(place.glob("data/cluster.new-*/PG_VERSION")))

    opener.kill()

    assert not (place / "data" / "cluster").exists()
    open_server(place / "data").close()
    assert not list(place.glob("data/cluster.new-*"))
    assert status(place / "data").state == "running"


def test_a_starter_that_is_killed_leaves_a_server_that_others_join_and_a_keeper_that_stops_it(data):
    opener = Opener(data, idle_stop=0.05)
    eventually(lambda: postgres_processes(data / "cluster"))

    opener.kill()

    eventually(lambda: status(data).state == "stopped")
    open_server(data).close()


async def test_values_of_users_do_not_reach_the_log(data):
    server = open_server(data)
    await value(server.running, "CREATE TABLE person (name text PRIMARY KEY, age int)")
    for attempt in (
        "INSERT INTO person VALUES ('secret-one')",
        "SELECT 'secret-two'::int",
        "SELEC 'secret-three'",
    ):
        with contextlib.suppress(asyncpg.PostgresError):
            await value(server.running, "INSERT INTO person VALUES ('secret-one')")
            await value(server.running, attempt)
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.DataError):
        await value(server.running, "INSERT INTO person SELECT 'x', $1::text::int", "secret-four")

    server.close()
    stop(data)

    log = (data / "log" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "secret" not in log
