"""One file: its bytes, their checksum, and what they say. Whatever is wrong with it is one line."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.extracted import Failed, Outcome, Read, Unread
from octavo.ingest.extraction import attempt
from octavo.ingest.limits import Limits

_PIECE_BYTES = 1 << 20


def read_file(path: Path, limits: Limits, charset: str | None = None) -> Outcome:
    """Read one file. Nothing it holds, and nothing that is wrong with it, raises.

    `charset` is what somebody who should know says its text is encoded in.

    The checksum is of the bytes that were read, also when the file changes meanwhile.
    """
    try:
        data, modified_ns = _contents(path, limits)
    except RefusedFile as error:
        return Failed(path, error.code, str(error))
    except OSError as error:
        return Failed(path, UnreadableFile.code, f"it cannot be opened: {error.strerror or error}")
    except MemoryError:
        return Failed(path, RefusedFile.code, "reading it takes too much memory")
    said = attempt(data, path.name, limits, charset=charset)
    if isinstance(said, Unread):
        return Failed(path, said.code, said.message)
    return Read(path, hashlib.sha256(data).digest(), len(data), modified_ns, said)


def _contents(path: Path, limits: Limits) -> tuple[bytes, int]:
    """All bytes of a file, and when it was modified; without waiting for a pipe that has no writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedFile("it is no regular file")
        if status.st_size > limits.max_file_bytes:
            raise _too_large(status.st_size, limits)
        data = file.read(limits.max_file_bytes + 1)  # it may have grown
        if len(data) > limits.max_file_bytes:
            raise _too_large(len(data), limits)
        return data, status.st_mtime_ns


def _too_large(size: int, limits: Limits) -> RefusedFile:
    return RefusedFile(
        f"{size:,} bytes are more than {limits.max_file_bytes:,}",
        remedy="split it or raise the limit max_file_bytes",
    )
