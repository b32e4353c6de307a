"""Is a backup still what it was when it was made?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from octavo.errors import BackupFault
from octavo.operations import dumps
from octavo.operations.manifest import BLOBS, RECORD, SUMS, Manifest, read_manifest
from octavo.operations.meter import Meter
from octavo.operations.progress import Progress, silent
from octavo.operations.staging import sha256_of_file
from octavo.operations.together import together

_AT_ONCE = 4
_NAMED_IN_ERRORS = 5


class Verified(msgspec.Struct, frozen=True):
    """A backup that was read in whole and found right; `entries` are those pg_restore lists."""

    directory: Path
    manifest: Manifest
    entries: int

    @property
    def files(self) -> int:
        """Files that were compared."""
        return self.manifest.files

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.manifest.file_bytes

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "directory": str(self.directory),
            "entries": self.entries,
            "files": self.files,
            "bytes": self.bytes,
            "position": self.manifest.position,
            "octavo": self.manifest.octavo,
            "postgres": self.manifest.postgres,
            "migration": self.manifest.migration,
            "made_at": self.manifest.finished_at.isoformat(),
            "documents": self.manifest.rows_of("document"),
            "blobs": self.manifest.blobs,
            "damaged": self.manifest.damaged,
        }


async def verify(directory: Path, *, progress: Progress = silent) -> Verified:
    """Read every file of a backup, compare its checksum, and let pg_restore list the record.

    Args:
        directory: what `backup` made; nothing in it is changed.
        progress: told bytes of bytes to read.

    Raises:
        BackupFault: it is incomplete, of a later format, or damaged; `fields["damaged"]` names the files.
    """
    manifest = await asyncio.to_thread(read_manifest, directory)
    if not await asyncio.to_thread(_sums_are_right, directory, manifest):
        raise BackupFault(f"{directory / SUMS} is damaged or missing", remedy="use another backup")
    meter = Meter(progress, manifest.file_bytes)
    damaged: list[str] = []

    async def compare(expected: str, name: str) -> None:
        size = await asyncio.to_thread(_size_if_right, directory / name, expected)
        if size is None:
            damaged.append(name)
        else:
            meter.add(size)

    for chunk in _chunks(directory / SUMS):
        await together(compare(expected, name) for expected, name in chunk)
    if damaged:
        raise _damaged_files(directory, sorted(damaged))
    entries = await dumps.listing(directory / RECORD)
    meter.finish()
    return Verified(directory, manifest, len(entries))


def _sums_are_right(directory: Path, manifest: Manifest) -> bool:
    try:
        return sha256_of_file(directory / SUMS) == manifest.sums
    except OSError:
        return False


def _size_if_right(path: Path, expected: str) -> int | None:
    try:
        return path.stat().st_size if sha256_of_file(path) == expected else None
    except OSError:
        return None


def _chunks(sums: Path) -> Iterator[list[tuple[str, str]]]:
    """Checksums and names, a few at a time; all below record/ and blobs/."""
    with sums.open(encoding="utf-8") as file:
        while lines := list(islice(file, _AT_ONCE)):
            chunk = [(line[:64], line[66:].rstrip("\n")) for line in lines]
            if any(name.split("/")[0] not in {RECORD, BLOBS} or ".." in name for _, name in chunk):
                raise BackupFault(f"{sums} names files outside of the backup", remedy="use another backup")
            yield chunk


def _damaged_files(directory: Path, damaged: list[str]) -> BackupFault:
    named = ", ".join(damaged[:_NAMED_IN_ERRORS]) + (" …" if len(damaged) > _NAMED_IN_ERRORS else "")
    return BackupFault(
        f"{len(damaged)} files of {directory} are damaged or missing: {named}",
        remedy="use another backup",
        damaged=damaged,
    )
