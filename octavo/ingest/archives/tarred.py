"""Tar, plain or compressed, by the standard library: a stream that is unpacked once, from its beginning to its end."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, Self, cast

from octavo.errors import IngestFault, RefusedFile, UnreadableFile
from octavo.ingest.archives.member import (
    Budget,
    Member,
    Refusal,
    copy,
    is_passed_over,
    refuse_large,
    safe_name,
)

_LONG_HEADER_BYTES = 65_536
_BROKEN = (
    tarfile.TarError,
    zlib.error,
    LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    RecursionError,
    OSError,
)
# Headers that are longer than a block: names and attributes.
_LONG_HEADERS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


def members(file: BinaryIO, budget: Budget) -> Iterator[Member | Refusal]:
    """The files in a tar archive; `file` gives it uncompressed. Links and devices are passed over.

    Raises:
        UnreadableFile, RefusedFile: the archive is broken, or over a limit.
    """
    try:
        counted = cast("BinaryIO", _Counted(file, budget))
        with tarfile.open(fileobj=counted, mode="r|", tarinfo=_Header) as archive:
            yield from _members(archive, budget)
    except IngestFault:
        raise
    except _BROKEN as error:
        raise UnreadableFile("the archive is broken", remedy="make it again") from error


def _members(archive: tarfile.TarFile, budget: Budget) -> Iterator[Member | Refusal]:
    seen: set[str] = set()
    while entry := archive.next():
        _forget(archive)
        budget.enter()
        if not entry.isreg():
            continue
        try:
            name = safe_name(entry.name)
            refuse_large(entry.size, budget.limits)
            if name in seen:
                raise RefusedFile("a second file of this name in the archive")
        except RefusedFile as error:
            yield Refusal(entry.name, error)
            continue
        seen.add(name)
        if not is_passed_over(name):
            yield Member(name, entry.size, int(entry.mtime * 1_000_000_000), partial(_save, archive, entry))


def _forget(archive: tarfile.TarFile) -> None:
    """The library would keep the headers of all members, however many and long they are."""
    archive.members.clear()  # type: ignore[attr-defined]
    archive.pax_headers = {}


def _save(archive: tarfile.TarFile, entry: tarfile.TarInfo, to: Path) -> None:
    source = archive.extractfile(entry)
    if source is not None:
        with source:
            copy(cast("BinaryIO", source), to, lambda _: None)  # counted as it comes out of the archive


class _Header(tarfile.TarInfo):
    """A member's header. Those that go on after their block are read as a whole, so they may not be long."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and header.size > _LONG_HEADER_BYTES:
            raise RefusedFile(f"a header in it has {header.size:,} bytes")
        return header


class _Counted:
    """What comes out of the archive, counted."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._budget.unpack(len(piece))
        return piece
