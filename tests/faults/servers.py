"""What the tests of the embedded server look at and wait for: processes, locks and databases, all real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from octavo.postgres.server import Check, Running, checks

REPOSITORY = Path(__file__).parents[2]
DEADLINE_SECONDS = 30.0

# A shell may have started the tests with SIGINT ignored, and whoever is started inherits that.
OPEN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from octavo.postgres.server import open_server
server = open_server(Path(sys.argv[1]), idle_stop=float(sys.argv[2]))
print("open", flush=True)
sys.stdin.read()
"""


class Opener:
    """Another process that opens a server and holds its share until `end` or `kill`."""

    def __init__(self, data: Path, *, idle_stop: float = 60.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OPEN, str(data), str(idle_stop)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=python_environment(),
            start_new_session=True,
        )  # fmt: skip

    def opened(self) -> Opener:
        assert self.process.stdout
        assert self.process.stdout.readline() == "open\n"
        return self

    def end(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def python_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, sys.path)])}


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until `condition` is true and return what it returned; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


async def value(running: Running, statement: str, *arguments: object) -> Any:
    """The first value a statement returns, on a connection of its own."""
    connection = await asyncpg.connect(**running.dsn("octavo_admin"))
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


def keepers(data: Path) -> list[int]:
    """Keepers of a data directory."""
    return [
        pid
        for pid, words in _commands().items()
        if str(data) in words and any("keeper.main" in w for w in words)
    ]


def postgres_processes(cluster: Path) -> list[int]:
    """Processes that work in a cluster's directory."""
    return [pid for pid in _commands() if _works_in(pid, cluster)]


def waits_for_users(data: Path) -> bool:
    """Whether the keeper sleeps until the last share is given back: the kernel lists it behind the lock."""
    inode = (data / "lock" / "share").stat().st_ino
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if "-> FLOCK" in line]
    return any(f":{inode} " in line for line in waiting)


def _commands() -> dict[int, list[str]]:
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                found[int(process.name)] = (process / "cmdline").read_text(errors="replace").split("\0")
            except OSError:
                continue
    return found


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory.resolve()
    except OSError:
        return False


def modes_open_to_others(folder: Path) -> list[Path]:
    """Everything below a folder, itself included, that other users may read, write or pass."""
    everything = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
    return [path for path in everything if not path.is_socket() and path.stat().st_mode & 0o077]


def wrong(data: Path) -> list[Check]:
    """What doctor finds wrong with one data directory; remains of others on this machine do not count."""
    return [check for check in checks(data) if not check.ok and check.name != "leftovers"]


def result_of(process: subprocess.CompletedProcess[str]) -> Any:
    """What a child process printed as JSON in its last line; fails with its errors if it failed."""
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])
