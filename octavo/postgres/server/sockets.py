"""Where the socket of a server is: in `run`, or in a shorter private place if its path would be too long."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from octavo.errors import ServerFault
from octavo.postgres.server.account import Account
from octavo.postgres.server.directory import DataDirectory, digest, give, make_private

PORT = 5432  # only a part of the socket's name: there is no TCP
LONGEST_SOCKET = 107  # bytes: sun_path of Linux without its closing zero


def place(directory: DataDirectory, account: Account) -> Path:
    """Make the directory of the socket, and `run` lead to it; to be called while no server runs.

    Raises:
        ServerFault: every possible place is too long, or taken by another user.
    """
    target = _choose(directory, account)
    if target != directory.run:
        _link(directory.run, target)
    for name in (
        f".s.PGSQL.{PORT}",
        f".s.PGSQL.{PORT}.lock",
    ):  # of a killed server: the number in it may live again
        (target / name).unlink(missing_ok=True)
    return target


def _choose(directory: DataDirectory, account: Account) -> Path:
    run = directory.home / "run"
    if fits(run):
        if directory.run.is_symlink() and run == directory.run:
            directory.run.unlink()
        make_private(run)
        return run
    for parent in _short_parents():
        candidate = parent / f"octavo-{account.uid}-{digest(directory.path)}"
        if fits(candidate) and parent.is_dir() and account.reaches(parent):
            return _make_short(candidate, account)
    raise ServerFault(
        f"the socket in {run} has a path of more than {LONGEST_SOCKET} bytes, and no shorter place was found",
        remedy="set TMPDIR to a short path, or move the data directory",
    )


def fits(directory: Path) -> bool:
    """Whether a socket in `directory` has a path that the operating system takes."""
    return len(os.fsencode(directory / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET


def _short_parents() -> Iterator[Path]:
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime)
    yield Path(tempfile.gettempdir()).resolve()
    yield Path("/tmp")  # noqa: S108 - the name below is checked for owner, mode and links before it is used


def _make_short(path: Path, account: Account) -> Path:
    """A private directory in a place where others can write: ours from the start, or refused."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if path.lstat().st_uid == os.geteuid():
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != account.uid:
        raise ServerFault(
            f"{path}, the place for the socket, is not private to {account.name}: somebody else made it",
            remedy="remove it, or set TMPDIR to a directory of your own",
        )
    return path


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        if link.readlink() == target:
            return
        link.unlink()
    elif link.is_dir():
        shutil.rmtree(link)
    link.symlink_to(target)
    give(link, like=link.parent)
