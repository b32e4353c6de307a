"""The server process of one cluster, as seen from outside: found, judged, stopped.

`postmaster.pid` alone proves nothing: after kill -9 it stays, and its number may belong to another program by
then. A process is the server only if its program is `postgres` and it works in the cluster's directory.
Where there is no /proc, the number is believed. Standard library alone, as the keeper runs this.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NO_PROCESS = 2**31 - 1  # above every kernel's largest process number
ORPHAN_SECONDS = 5.0
POLL_SECONDS = 0.005
_PROGRAMS = {"postgres", "initdb"}
_HAS_PROC = Path("/proc/self").is_dir()


class Postmaster(NamedTuple):
    """What `postmaster.pid` says."""

    pid: int
    started: float  # seconds since the epoch
    socket: Path  # directory
    status: str  # "starting", "ready", "stopping"


def read(cluster: Path) -> Postmaster | None:
    """The content of `postmaster.pid`; None when it is missing or not complete yet."""
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="surrogateescape").split("\n")
        return Postmaster(int(lines[0]), float(lines[2]), Path(lines[4]), lines[7].strip())
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None


def living(cluster: Path) -> Postmaster | None:
    """The running server of `cluster`, or None."""
    found = read(cluster)
    return found if found and _works_in(found.pid, cluster.resolve()) else None


def died(cluster: Path) -> bool:
    """Whether the last server of `cluster` ended without cleaning up, so that the next one recovers."""
    return (cluster / "postmaster.pid").exists() and living(cluster) is None


def exists(pid: int) -> bool:
    """Whether process `pid` runs; one that ended and waits to be collected does not."""
    if not _HAS_PROC:
        return _answers(pid)
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop(cluster: Path, how: signal.Signals, timeout: float) -> bool:
    """Signal the server (SIGINT: fast; SIGQUIT: at once) and wait; False if it outlives `timeout` seconds."""
    found = living(cluster)
    if found is None:
        return True
    with suppress(ProcessLookupError):
        os.kill(found.pid, how)
    directory = cluster.resolve()
    return _wait_for(lambda: not _works_in(found.pid, directory), timeout)


def clear_way(cluster: Path) -> list[int]:
    """Make the remains of a dead server harmless to the next one; returns the processes ended for it.

    Backends that outlived their postmaster still write, so they are ended. `postmaster.pid` stays, with a
    number no process has: by its other lines PostgreSQL makes sure that nothing uses the old shared memory.
    """
    directory = cluster.resolve()
    orphans = _processes_in(directory)
    for how in (signal.SIGQUIT, signal.SIGKILL):
        for pid in _processes_in(directory):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        if _wait_for(lambda: not _processes_in(directory), ORPHAN_SECONDS):
            break
    if _HAS_PROC:
        _disown(cluster / "postmaster.pid")
    return orphans


def _disown(path: Path) -> None:
    """Replace the number in a left `postmaster.pid`, in place: owner and mode must stay."""
    with suppress(FileNotFoundError), path.open("r+", encoding="utf-8", errors="surrogateescape") as file:
        _, _, rest = file.read().partition("\n")
        if not rest:  # torn by a full disk; PostgreSQL would refuse it
            path.unlink()
            return
        file.seek(0)
        file.write(f"{NO_PROCESS}\n{rest}")
        file.truncate()


def _works_in(pid: int, directory: Path) -> bool:
    if not _HAS_PROC:
        return _answers(pid)
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        return program in _PROGRAMS and Path(f"/proc/{pid}/cwd").readlink() == directory
    except OSError:  # it ended, or belongs to an account that cannot run this cluster
        return False


def _processes_in(directory: Path) -> list[int]:
    if not _HAS_PROC:
        return []
    names = [path.name for path in Path("/proc").iterdir()]
    return [int(name) for name in names if name.isdigit() and _works_in(int(name), directory)]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wait_for(condition: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
