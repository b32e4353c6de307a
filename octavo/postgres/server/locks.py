"""Locks on small files, given back by the kernel when their holder dies, also at kill -9.

    lock/start    exclusive: whoever starts, joins, stops or destroys a server, for as long as that takes
    lock/share    shared: every process that uses the server; nobody holding it means nobody needs the server
    lock/keeper   exclusive: the one process that stops an unused server

Standard library alone: the keeper runs this without the rest of Octavo.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_SECONDS = 0.005
GLANCE_SECONDS = 0.2  # the keeper's and our own looks at a lock take microseconds; a user holds it for longer


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """Open `path` without following a link; if missing, as 0600 for the owner of its directory."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def make(path: Path) -> None:
    """Make the file of a lock, unless it is there."""
    os.close(open_private(path))


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold the exclusive lock on `path`, waiting for it at most `timeout` seconds.

    Raises:
        TimeoutError: others kept it for longer.
        FileNotFoundError: `path` was not made, or is gone.
    """
    deadline = time.monotonic() + timeout
    while (descriptor := try_exclusive(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} was held by another process for more than {timeout:g} s")
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        release(descriptor)


def try_exclusive(path: Path) -> int | None:
    """A descriptor that holds the exclusive lock on the file at `path`, or None if it is not free now.

    The file is not made: whoever comes late must not bring back a directory that is being destroyed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, path):
            return descriptor
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    """False when the file was destroyed or replaced meanwhile: its lock then guards nothing."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def release(descriptor: int) -> None:
    """Give a lock back, also when a forked child still has a copy of the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def share(path: Path, idle_stop: float) -> int:
    """A shared hold of `path`; it also tells the keeper how many idle seconds this user wants."""
    descriptor = open_private(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.pwrite(descriptor, f"{idle_stop:<24}\n".encode(), 0)  # one width: needs no space on a full disk later
    return descriptor


def is_shared(path: Path) -> bool:
    """Whether a process shares `path`; to be asked under the start lock."""
    try:
        with exclusive(path, GLANCE_SECONDS):
            return False
    except FileNotFoundError:
        return False
    except TimeoutError:
        return True


def holders(path: Path) -> list[int]:
    """Processes seen to share `path`: those of this account, as root all. Linux; elsewhere empty."""
    with suppress(FileNotFoundError):
        return sorted(
            int(process.name)
            for process in Path("/proc").iterdir()
            if process.name.isdigit() and _shares(process, str(path))
        )
    return []


def _shares(process: Path, path: str) -> bool:
    with suppress(OSError):  # it ended, or is of another account
        return any(_is_share(process, link, path) for link in (process / "fd").iterdir())
    return False


def _is_share(process: Path, link: Path, path: str) -> bool:
    with suppress(OSError):  # closed meanwhile
        return str(link.readlink()) == path and "READ" in (process / "fdinfo" / link.name).read_text()
    return False
