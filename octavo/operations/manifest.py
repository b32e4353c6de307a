"""What a backup says of itself.

manifest.json   versions, position, counts and digests; written last, so a directory without it is incomplete
SHA256SUMS      checksums of every other file, for `sha256sum --check` too
record/         PostgreSQL, in pg_dump's directory format
blobs/          the original files, under their keys
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec

from octavo.errors import BackupFault
from octavo.operations.staging import INCOMPLETE, sync_file

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
RECORD = "record"
BLOBS = "blobs"


class Table(msgspec.Struct, frozen=True):
    """Rows of a table and the digest of what they say; its parts with their bytes, without indexes."""

    rows: int
    digest: str
    parts: dict[str, int]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of manifest.json.

    Attributes:
        position: every event before it is in the backup, and those after it that had committed by then.
        epoch, system_identifier: which life of which record this is.
        migration: number of the last migration of its schema.
        tables, sequences: what a restored record is compared with.
        not_included: tables whose rows are derived and made again after a restore.
        damaged: keys of blobs that were missing or damaged already when the backup was made.
        files, file_bytes: what SHA256SUMS lists. sums: its SHA-256.
        checksum: SHA-256 of this manifest with an empty checksum.
    """

    format: int = FORMAT
    octavo: str
    postgres: str
    migration: int
    shard: int
    epoch: int
    system_identifier: int
    position: str
    started_at: datetime
    finished_at: datetime
    tables: dict[str, Table]
    sequences: dict[str, int]
    not_included: list[str]
    blobs: int
    blob_bytes: int
    damaged: list[str]
    files: int
    file_bytes: int
    sums: str
    checksum: str = ""

    @property
    def part_bytes(self) -> dict[str, int]:
        """Bytes of all tables, a part each, on the disk of the server they came from."""
        return {part: size for table in self.tables.values() for part, size in table.parts.items()}

    def rows_of(self, table: str) -> int:
        """Rows of one of Octavo's tables."""
        return self.tables[f"octavo.{table}"].rows


def write_manifest(directory: Path, manifest: Manifest) -> Manifest:
    """Write manifest.json with its checksum; returns it with that."""
    signed = msgspec.structs.replace(manifest, checksum=_checksum(manifest))
    text = msgspec.json.format(msgspec.json.encode(signed), indent=2)
    path = directory / MANIFEST
    path.touch(mode=0o600)
    path.write_bytes(text + b"\n")
    sync_file(path)
    return signed


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a complete backup.

    Raises:
        BackupFault: it is no backup, an incomplete one, of a later format, or its manifest was changed.
    """
    if directory.name.endswith(INCOMPLETE):
        raise BackupFault(f"{directory} is a backup that was interrupted", remedy="use another one")
    try:
        data = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise BackupFault(
            f"{directory} is no complete backup: {MANIFEST} {_missing(error)}", remedy="use another one"
        ) from error
    _check_format(directory, data)
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise _damaged(directory) from error
    if manifest.checksum != _checksum(manifest):
        raise _damaged(directory)
    return manifest


def _check_format(directory: Path, data: bytes) -> None:
    try:
        written: object = msgspec.json.decode(data)["format"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise _damaged(directory) from error
    if not isinstance(written, int) or written > FORMAT:
        raise BackupFault(
            f"{directory} has format {written}, and this version of Octavo reads up to {FORMAT}",
            remedy="restore it with the version that made it, or a newer one",
        )


def _checksum(manifest: Manifest) -> str:
    unsigned = msgspec.structs.replace(manifest, checksum="")
    return hashlib.sha256(msgspec.json.encode(unsigned, order="deterministic")).hexdigest()


def _damaged(directory: Path) -> BackupFault:
    return BackupFault(f"{directory / MANIFEST} is damaged", remedy="use another backup")


def _missing(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError | NotADirectoryError) else "cannot be read"
