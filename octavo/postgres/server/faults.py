"""What the operating system and PostgreSQL report about a disk, as Octavo's errors."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octavo.errors import OctavoError, ServerFault, StorageFault

_FULL = "free some space (an empty database needs about 60 MB), or choose another directory"
_READ_ONLY = "mount it writable, or choose another directory"
_DENIED = "open it as its owner, or choose a directory of your own"
_SAID = (  # PostgreSQL passes on what strerror says; its messages are switched to English
    ("No space left on device", "the disk is full", _FULL),
    ("Disk quota exceeded", "the disk quota is used up", _FULL),
    ("Read-only file system", "the disk is read-only", _READ_ONLY),
)


@contextmanager
def told_of(data: Path) -> Iterator[None]:
    """Turn operating system errors about the data directory into a StorageFault that says the way out."""
    try:
        yield
    except OSError as error:
        where = error.filename or data
        raise _storage_fault(error, where) from error


def _storage_fault(error: OSError, where: object) -> StorageFault:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFault(f"the disk is full: {where}", remedy=_FULL)
    if error.errno == errno.EROFS:
        return StorageFault(f"the disk is read-only: {where}", remedy=_READ_ONLY)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return StorageFault(f"no permission: {where}", remedy=_DENIED)
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return StorageFault(f"not a directory: {where}", remedy="choose another directory")
    return StorageFault(f"{where} cannot be used: {error.strerror or error}", remedy="see the system's log")


def from_output(what: str, output: str, *, remedy: str) -> OctavoError:
    """The error for a program of PostgreSQL that failed, from what it printed.

    Args:
        what: what was tried, as a clause: "the server did not start".
        output: its standard error, or its log.
        remedy: the way out if the disk is not the reason.
    """
    reason = _reason(output)
    for said, meaning, way_out in _SAID:
        if said in output:
            return StorageFault(f"{what}: {meaning} ({reason})", remedy=way_out)
    return ServerFault(f"{what}: {reason}", remedy=remedy)


def _reason(output: str) -> str:
    """The line that tells most: the last fatal one, else the last error, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for mark in (r"(?:PANIC|FATAL):\s+(.*)", r"(?:error|ERROR):\s+(.*)"):
        said = [(number, found[1]) for number, line in enumerate(lines) if (found := re.search(mark, line))]
        if said:
            number, reason = said[-1]
            # What is wrong with a configuration stands on the line before, as if it were no error.
            return _message(lines[number - 1]) if number and "configuration file" in reason else reason
    return lines[-1] if lines else "it said nothing"


def _message(line: str) -> str:
    return line.partition("LOG:")[2].strip() or line
