"""One file inside of another: its name made safe, and what all of them together may take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from octavo.errors import OctavoError, RefusedFile
from octavo.ingest.limits import MIB, Limits
from octavo.ingest.walk import VERSION_CONTROL

_PIECE_BYTES = 1 << 18
_NAME_CHARACTERS = 4_096
_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATOR = re.compile(r"[/\\]")
# What some programs put beside the files for themselves.
_COMPANIONS = {"__MACOSX"}


@dataclass(frozen=True)
class Member:
    """A file inside of an archive.

    Attributes:
        name: its path in there, with slashes.
        modified_ns: its time as the archive tells it, nanoseconds since 1970; another when its content is another.
        save: writes it to a path. To be called before the next member is asked for, or never.
    """

    name: str
    bytes: int
    modified_ns: int
    save: Callable[[Path], None]


@dataclass(frozen=True)
class Refusal:
    """Something in an archive that is not read, and why; of the archive as a whole if it has no name."""

    name: str
    error: OctavoError


class Budget:
    """What one archive, with all archives in it, may take. Spent by whoever unpacks."""

    def __init__(self, limits: Limits, packed_bytes: int) -> None:
        self.limits = limits
        self._packed_bytes = packed_bytes
        self._bytes = 0
        self._members = 0

    def unpack(self, count: int) -> None:
        """Count bytes that were unpacked.

        Raises:
            RefusedFile: they are too many, or too many for so small an archive.
        """
        self._bytes += count
        if self._bytes > self.limits.max_archive_bytes:
            raise RefusedFile(
                f"it unpacks to more than {self.limits.max_archive_bytes:,} bytes",
                remedy="raise max_archive_bytes",
            )
        if self._bytes > MIB and self._bytes > self.limits.max_unpacked_ratio * self._packed_bytes:
            raise RefusedFile(
                f"it unpacks to more than {self.limits.max_unpacked_ratio} times its size",
                remedy="raise max_unpacked_ratio if you trust it",
            )

    def enter(self) -> None:
        """Count a member.

        Raises:
            RefusedFile: there are too many.
        """
        self._members += 1
        if self._members > self.limits.max_archive_members:
            raise RefusedFile(
                f"more than {self.limits.max_archive_members:,} members", remedy="raise max_archive_members"
            )


def safe_name(name: str) -> str:
    """A member's name as part of a source: relative, with slashes, without `.`.

    Raises:
        RefusedFile: it leads out of the archive, or is none.
    """
    parts = [part for part in _SEPARATOR.split(name) if part not in {"", "."}]
    if not parts or ".." in parts or name[0] in "/\\" or _DRIVE.match(name) or "\x00" in name:
        raise RefusedFile(f"the name {name[:200]!r} in it leads out of the archive")
    if len(name) > _NAME_CHARACTERS:
        raise RefusedFile(f"a name in it is longer than {_NAME_CHARACTERS:,} characters")
    return "/".join(parts)


def is_passed_over(name: str) -> bool:
    """Whether a member is hidden, of version control, or a companion, as `walk` passes over such files."""
    return any(
        part.startswith(".") or part in VERSION_CONTROL or part in _COMPANIONS for part in name.split("/")
    )


def refuse_large(count: int, limits: Limits) -> None:
    """Raise `RefusedFile` if a member is larger than any file may be."""
    if count > limits.max_file_bytes:
        raise RefusedFile(
            f"{count:,} bytes are more than {limits.max_file_bytes:,}",
            remedy="split it or raise the limit max_file_bytes",
        )


def copy(source: BinaryIO, to: Path, spend: Callable[[int], None]) -> None:
    """Write a stream to a file piece by piece, each counted before it is written."""
    with to.open("xb") as target:
        while piece := source.read(_PIECE_BYTES):
            spend(len(piece))
            target.write(piece)
