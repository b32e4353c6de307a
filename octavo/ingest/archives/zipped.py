"""Zip, by the standard library: members by the directory at its end, the last of a name."""

from __future__ import annotations

import calendar
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

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

_ENCRYPTED = 1
_UNIX = 3
# An entry of the directory takes 46 bytes and its name; this is room for all that may be.
_DIRECTORY_BYTES_PER_MEMBER = 512
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


def members(file: BinaryIO, budget: Budget) -> Iterator[Member | Refusal]:
    """The files in a zip archive.

    Raises:
        UnreadableFile, RefusedFile: the archive is broken, or over a limit.
    """
    encrypted = 0
    for entry, archive in _entries(file, budget):
        if entry.flag_bits & _ENCRYPTED:
            encrypted += 1
            continue
        try:
            name = safe_name(entry.filename)
            refuse_large(entry.file_size, budget.limits)
        except RefusedFile as error:
            yield Refusal(entry.filename, error)
            continue
        if not is_passed_over(name):
            yield Member(
                name, entry.file_size, _time(entry), partial(_save, archive, entry, spend=budget.unpack)
            )
    if encrypted:
        yield Refusal(
            "", UnreadableFile(f"{encrypted:,} of its members are encrypted", remedy="unpack it yourself")
        )


def _entries(file: BinaryIO, budget: Budget) -> Iterator[tuple[zipfile.ZipInfo, zipfile.ZipFile]]:
    """Entries of regular files, each name once; links and the like are passed over."""
    bounded = _Bounded(file, _DIRECTORY_BYTES_PER_MEMBER * budget.limits.max_archive_members)
    try:
        archive = zipfile.ZipFile(cast("BinaryIO", bounded))
    except _BROKEN as error:
        raise UnreadableFile("the archive is broken", remedy="make it again") from error
    for name in dict.fromkeys(archive.namelist()):
        entry = archive.getinfo(name)
        budget.enter()
        if not entry.is_dir() and not _is_special(entry):
            yield entry, archive


def _is_special(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return entry.create_system == _UNIX and kind not in {0, stat.S_IFREG}


def _time(entry: zipfile.ZipInfo) -> int:
    """Its date, which counts two seconds at a time, with the checksum as the fraction of a second."""
    try:
        seconds = calendar.timegm(entry.date_time)
    except ValueError:
        seconds = 0  # dates that are none are common
    return seconds * 1_000_000_000 + entry.CRC % 1_000_000_000


def _save(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path, *, spend: Callable[[int], None]
) -> None:
    try:
        with archive.open(entry) as source:
            copy(cast("BinaryIO", source), to, spend)
    except IngestFault:
        raise
    except _BROKEN as error:
        raise UnreadableFile("it is broken in the archive", remedy="make the archive again") from error


class _Bounded:
    """A file of which no more than so much is read at once: an archive's directory is, however long it says it is."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise RefusedFile(f"its directory has {size:,} bytes", remedy="raise max_archive_members")
        return self._file.read(size)
