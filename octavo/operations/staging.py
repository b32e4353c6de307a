"""A directory that appears whole or not at all.

It is filled under the name `<name>.incomplete` and renamed when it is complete and on the disk. What a killed
process leaves keeps that name, so nobody takes it for whole, and the next one who makes the same directory
removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from octavo.errors import BackupFault, StorageFault

INCOMPLETE = ".incomplete"
_LOCK = ".lock"
_PIECE_BYTES = 1024 * 1024


@asynccontextmanager
async def staged(directory: Path) -> AsyncIterator[Path]:
    """A new directory to fill, mode 0700; it becomes `directory` when the block ends well.

    Raises:
        BackupFault: `directory` exists and is not empty, or another process fills it now.
        StorageFault: the disk refuses.
    """
    try:
        final, building, lock = await asyncio.to_thread(_claim, directory)
        try:
            yield building
            await asyncio.to_thread(_publish, building, final)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, building, ignore_errors=True)
            raise
        finally:
            os.close(lock)
    except OSError as error:
        raise StorageFault(
            f"{error.filename or directory} cannot be used: {error.strerror}",
            remedy="free space, or choose a directory this user may write",
        ) from error


def refuse_used(directory: Path) -> None:
    """Raise `BackupFault` unless the directory is missing or empty."""
    if directory.name.endswith(INCOMPLETE):
        raise BackupFault(f"{directory} has the name of an interrupted one", remedy="choose another name")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise BackupFault(f"{directory} is not empty", remedy="choose a new or an empty directory")


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Bring a file, or the names in a directory, to the disk; an error of the disk is raised."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(directory: Path) -> tuple[Path, Path, int]:
    """Make the directory anew and hold its lock, which the kernel gives back when this process dies."""
    final = directory.expanduser().absolute()
    refuse_used(final)
    building = final.with_name(final.name + INCOMPLETE)
    building.parent.mkdir(parents=True, exist_ok=True)
    building.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(building / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise BackupFault(f"another process is filling {building}", remedy="wait for it") from error
    for left in building.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left.name != _LOCK:
            left.unlink()
    return final, building, lock


def _publish(building: Path, final: Path) -> None:
    for folder, _, _ in os.walk(building):
        sync_file(Path(folder))
    building.rename(final)
    (final / _LOCK).unlink()
    sync_file(final)
    sync_file(final.parent)
