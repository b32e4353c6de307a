"""The keeper: one small detached process that stops an embedded server nobody uses.

Started with the server, and anew by whoever opens the server and finds none. It sleeps in the kernel until
the last user is gone, waits the idle time, and decides under the start lock, where nobody can join meanwhile.
It runs without Octavo's own import (`COMMAND`): a few megabytes of standard library.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from octavo.postgres.server import locks, postmaster

# The packages are left empty, so that no __init__.py runs and nothing of site-packages is needed.
COMMAND = """
import sys, types
folder = sys.argv[1]
for name in ("octavo", "octavo.postgres", "octavo.postgres.server"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder + name.replace(".", "/").removeprefix("octavo")]
from octavo.postgres.server import keeper
from pathlib import Path
keeper.main(Path(sys.argv[2]), int(sys.argv[3]))
"""
GLANCE_SECONDS = 1.0
STOP_SECONDS = 600.0
LOCK_SECONDS = 3600.0


def main(data: Path, own_lock: int) -> None:
    """Watch a data directory until its server is stopped, or is to be kept.

    Args:
        data: the data directory.
        own_lock: descriptor that already holds `lock/keeper`.
    """
    cluster = (data / "cluster").resolve()
    identity = cluster.stat()
    try:
        while not _round(data, own_lock):
            pass
    except FileNotFoundError:  # the data directory was deleted by hand; the cluster may be elsewhere, and run
        with suppress(FileNotFoundError):
            if os.path.samestat(identity, cluster.stat()):
                postmaster.stop(cluster, signal.SIGINT, STOP_SECONDS)


def _round(data: Path, own_lock: int) -> bool:
    """Wait for an idle server and stop it; True when nothing is left to watch."""
    share = data / "lock" / "share"
    last_opened = _wait_until_unused(share)
    if not _stays_idle(share, data / "cluster", last_opened):
        return False
    with suppress(TimeoutError), locks.exclusive(data / "lock" / "start", LOCK_SECONDS):
        if _opened_at(share) != last_opened or locks.is_shared(share):
            return False
        kept = (data / "lock" / "kept").exists()
        if kept or postmaster.stop(data / "cluster", signal.SIGINT, STOP_SECONDS):
            fcntl.flock(
                own_lock, fcntl.LOCK_UN
            )  # before the start lock: the next opener sees that none is here
            return True
    return False


def _wait_until_unused(share: Path) -> int:
    """Sleep until no process shares the server; returns when it was last opened, in nanoseconds."""
    descriptor = os.open(share, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return os.fstat(descriptor).st_mtime_ns
    finally:
        locks.release(descriptor)


def _stays_idle(share: Path, cluster: Path, last_opened: int) -> bool:
    """Wait the idle time; False as soon as somebody came, True at once when there is no server."""
    end = time.monotonic() + float(share.read_text())
    while (left := end - time.monotonic()) > 0 and postmaster.living(cluster):
        time.sleep(min(left, GLANCE_SECONDS))
        if _opened_at(share) != last_opened:
            return False
    return True


def _opened_at(share: Path) -> int:
    return share.stat().st_mtime_ns
