"""One server, many processes: who starts it, who keeps it up, and who stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from octavo.errors import ServerFault
from octavo.postgres.server import destroy, keep, open_server, status, stop
from tests.faults.servers import (
    Opener,
    eventually,
    keepers,
    postgres_processes,
    python_environment,
    value,
    waits_for_users,
    wrong,
)


def test_processes_that_open_a_new_directory_at_once_share_one_server(place):
    """One call starts the embedded PostgreSQL."""
    openers = [Opener(place / "data") for _ in range(4)]

    for opener in openers:
        opener.opened()

    found = status(place / "data")
    assert found.state == "running"
    assert set(found.users) == {opener.process.pid for opener in openers}
    assert [pid for pid in postgres_processes(found.cluster) if os.getsid(pid) != pid] == [found.pid]
    assert len(keepers(place / "data")) == 1
    for opener in openers:
        opener.end()


async def test_the_opened_server_has_its_database_and_is_set_up_for_it(data):
    server = open_server(data)

    assert await value(server.running, "SELECT current_database()") == "octavo"
    assert (
        await value(server.running, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1")
        == "bC.UTF-8"
    )
    assert await value(server.running, "SHOW data_checksums") == "on"
    assert await value(server.running, "SHOW listen_addresses") == ""
    assert await value(server.running, "SHOW jit") == "off"
    server.close()


async def test_quotation_marks_are_no_letters_to_text_search(data):
    server = open_server(data)

    words = await value(server.running, "SELECT to_tsvector('simple', '„Grüße“ \u2013 naïve café')::text")

    assert words == "'café':3 'grüße':1 'naïve':2"
    server.close()


async def test_settings_reach_the_server_and_those_a_person_wrote_win(own_data):
    with (own_data / "cluster" / "postgresql.conf").open("a") as configuration:
        configuration.write("work_mem = '7MB'\n")

    server = open_server(own_data, settings={"application_name": "it's ours", "work_mem": "5MB"})

    assert (
        await value(server.running, "SELECT reset_val FROM pg_settings WHERE name = 'application_name'")
        == "it's ours"
    )
    assert await value(server.running, "SHOW work_mem") == "7MB"
    server.close()


def test_an_idle_server_is_stopped(data):
    open_server(data, idle_stop=0.05).close()

    eventually(lambda: status(data).state == "stopped")
    eventually(lambda: not keepers(data))


def test_a_killed_user_counts_no_more(data):
    opener = Opener(data, idle_stop=0.05).opened()

    opener.kill()

    eventually(lambda: status(data).state == "stopped")


def test_a_server_in_use_is_not_idle(data):
    held = open_server(data, idle_stop=0.05)

    open_server(data, idle_stop=0.05).close()

    eventually(lambda: waits_for_users(data))
    assert status(data).users == (os.getpid(),)
    held.close()


def test_who_comes_back_within_the_idle_time_finds_the_same_server(data):
    open_server(data, idle_stop=1.0).close()
    before = status(data).pid
    eventually(lambda: keepers(data) and not waits_for_users(data))

    held = open_server(data)

    eventually(lambda: waits_for_users(data))
    assert status(data).pid == before
    held.close()


def test_a_killed_keeper_is_replaced_by_the_next_opener(data):
    held = open_server(data)
    [keeper] = eventually(lambda: keepers(data))
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: not keepers(data))
    assert [check.name for check in wrong(data)] == ["keeper"]

    open_server(data, idle_stop=0.05).close()
    held.close()

    eventually(lambda: status(data).state == "stopped")


def test_there_is_never_a_second_keeper(data):
    held = [open_server(data) for _ in range(5)]

    open_server(data).close()

    assert len(eventually(lambda: keepers(data))) == 1
    for server in held:
        server.close()


def test_stop_refuses_while_others_use_the_server_and_names_them(data):
    opener = Opener(data).opened()
    before = status(data).pid

    with pytest.raises(ServerFault, match=str(opener.process.pid)) as caught:
        stop(data)

    assert caught.value.fields["pids"] == [opener.process.pid]
    assert status(data).pid == before
    opener.end()


def test_stop_with_force_stops_it_nevertheless(data):
    opener = Opener(data).opened()

    assert stop(data, force=True) is True

    assert status(data).state == "stopped"
    assert stop(data) is False
    opener.end()


def test_a_kept_server_stays_without_users_until_it_is_stopped(data):
    kept = keep(data)
    assert (kept.state, kept.kept, kept.users) == ("running", True, (os.getpid(),))
    open_server(data, idle_stop=0.05).close()

    eventually(lambda: not keepers(data))  # it found nothing to stop

    assert status(data).pid == kept.pid
    assert stop(data) is True
    assert (status(data).state, status(data).kept) == ("stopped", False)


def test_an_interrupt_at_the_terminal_does_not_reach_the_server(data):
    opener = Opener(data).opened()
    before = status(data).pid

    os.killpg(opener.process.pid, signal.SIGINT)
    opener.process.wait(60)  # by the signal alone: its standard input is still open
    opener.process.communicate()

    assert opener.process.returncode != 0
    assert status(data).pid == before
    assert os.getsid(before) not in {before, opener.process.pid, os.getsid(0)}


def test_a_forked_child_that_closes_does_not_take_the_share_from_its_parent(data):
    code = """
import os, sys
from pathlib import Path
from octavo.postgres.server import open_server, status
server = open_server(Path(sys.argv[1]))
if not (child := os.fork()):
    server.close()
    os._exit(0)
os.waitpid(child, 0)
assert status(Path(sys.argv[1])).users == (os.getpid(),)
server.close()
server.close()
assert status(Path(sys.argv[1])).users == ()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(data)],
        env=python_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_opening_while_the_directory_is_destroyed_ends_whole_or_not_at_all(own_data):
    with ThreadPoolExecutor() as threads:
        destroyed = threads.submit(destroy, own_data, force=True)
        server = open_server(own_data)
        destroyed.result()

    assert status(own_data).state in {"running", "absent"}
    server.close()
    open_server(own_data).close()
    assert status(own_data).state == "running"


def test_what_an_interrupted_destroy_leaves_is_not_taken_for_whole_and_can_be_destroyed(
    own_data, monkeypatch
):
    open_server(own_data).close()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("octavo.postgres.server.directory.shutil.rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            destroy(own_data, force=True)

    assert not (own_data / "cluster" / "PG_VERSION").exists()
    destroy(own_data, force=True)
    assert not own_data.exists()
