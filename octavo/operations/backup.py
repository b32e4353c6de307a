"""Backup of the whole database: the record and the original files, consistent with each other.

Why it is consistent. One snapshot of PostgreSQL is exported and used by everything that reads the record:
pg_dump, the digests, the position, and the list of blobs that the snapshot's contents name. Blobs never
change under their key, so one that is copied later is still the one the snapshot names; and none of them can
vanish, because blobs are deleted by the sweep alone, which waits while a backup holds its lock (`purge`
removes rows, not blobs). So a document purged while the backup runs is in the backup, as it was at the
snapshot, with its file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from octavo.errors import BackupFault, InvalidInput, InvalidSetting, NotFound, StorageFault
from octavo.operations import dumps, snapshot
from octavo.operations.manifest import BLOBS, RECORD, SUMS, Manifest, Table, write_manifest
from octavo.operations.meter import Meter, watch_copies
from octavo.operations.originals import save
from octavo.operations.progress import Progress, silent
from octavo.operations.snapshot import Snapshot
from octavo.operations.staging import sha256_of_file, staged, sync_file
from octavo.operations.together import beside, together
from octavo.postgres.pool import Pool, Transaction
from octavo.postgres.record import Record
from octavo.roles.blobs import Blobs, digest_of

_AT_ONCE = 8
_NAMED_IN_ERRORS = 5
_LIST = "blobs.list"


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds and what it took; `bytes` are those of its files."""

    directory: Path
    position: str
    organizations: int
    documents: int
    versions: int
    events: int
    blobs: int
    damaged: list[str]
    files: int
    bytes: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {**msgspec.structs.asdict(self), "directory": str(self.directory)}


async def backup(
    record: Record,
    blobs: Blobs,
    directory: Path,
    *,
    connect: Mapping[str, Any] | None = None,
    jobs: int = 2,
    compression: int = 1,
    allow_damaged: bool = False,
    progress: Progress = silent,
) -> BackupReport:
    """Make a backup of record and blobs while both are in use; nobody waits for it.

    Args:
        record: the open record.
        blobs: the store of its original files.
        directory: a new or empty directory on a local disk; it appears when the backup is complete, with the
            mode 0700, since it holds everything.
        connect: what the driver's `connect` takes for a member of octavo_backup or a superuser, past any
            pooler; the embedded server is known without.
        jobs: tables that are dumped at the same time.
        compression: gzip's level for the record, 0 to 9.
        allow_damaged: go on when a blob is missing or damaged already, and note it in the backup.
        progress: told bytes of bytes to do.

    Raises:
        BackupFault: the directory is used, a blob is damaged, or pg_dump fails.
        StorageFault: the disk of the backup refuses. Unavailable, AccessDenied: the record does.
        InvalidSetting: a record outside, and no `connect`.
    """
    started_at = datetime.now(UTC)
    connect = _connection(record, connect)
    async with snapshot.reading(connect) as pool, staged(directory) as building:
        async with pool.transaction() as guard:
            await snapshot.hold_blobs(guard)
            options = {"connect": connect, "jobs": jobs, "compression": compression}
            dumped = await _dump(pool, building, progress, options)
            damaged = await _copy_blobs(blobs, building, dumped)
        if damaged and not allow_damaged:
            raise _damaged_blobs(damaged)
        sums = await asyncio.to_thread(_write_sums, building, set(damaged))
        manifest = _manifest(dumped, sums, damaged, record.shard, started_at)
        await asyncio.to_thread(write_manifest, building, manifest)
        dumped.meter.finish()
    return _report(directory, manifest)


class _Sums(msgspec.Struct, frozen=True):
    files: int
    file_bytes: int
    sha256: str


class _Dumped(msgspec.Struct, frozen=True):
    seen: Snapshot
    tables: dict[str, Table]
    sequences: dict[str, int]
    derived: list[str]
    blobs: int
    blob_bytes: int
    meter: Meter


def _connection(record: Record, connect: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if connect is not None:
        return connect
    if record.server is None:
        raise InvalidSetting(
            "a record outside is backed up as a role that sees every row, and none is known",
            remedy="set record_backup (OCTAVO_RECORD_BACKUP) to the URL of a member of octavo_backup",
        )
    return record.server.running.dsn("octavo_backup")


async def _dump(pool: Pool, building: Path, progress: Progress, options: Mapping[str, Any]) -> _Dumped:
    """The record's part: dump, digests and the list of blobs, all of one snapshot."""
    async with pool.transaction(read_only=True, snapshot=True) as transaction:
        seen = await snapshot.describe(transaction)
        known = await snapshot.relations(transaction)
        own = [relation for relation in known if not relation.derived]
        derived = [relation.name for relation in known if relation.derived]
        blobs, blob_bytes = await _list_blobs(transaction, building)
        size = {part: n for table in own for part, n in zip(table.parts, table.part_bytes, strict=True)}
        meter = Meter(progress, sum(size.values()) + blob_bytes)
        sequences = await snapshot.sequences(transaction)
        dump = dumps.dump(building / RECORD, snapshot=seen.name, without_rows=derived, **options)
        async with beside(watch_copies(pool, size, meter)), beside(dump) as dumping:
            tables = {relation.name: await snapshot.digest(transaction, relation) for relation in own}
            await dumping
    meter.reach(sum(size.values()))
    return _Dumped(seen, tables, sequences, derived, blobs, blob_bytes, meter)


async def _list_blobs(transaction: Transaction, building: Path) -> tuple[int, int]:
    """Write the keys of all blobs to a file, as they may be more than memory takes; their count and bytes."""
    count = total = 0
    with (building / _LIST).open("w", encoding="ascii") as file:
        async for key, size in snapshot.referenced_blobs(transaction):
            file.write(f"{key}\n")
            count, total = count + 1, total + size
    return count, total


async def _copy_blobs(blobs: Blobs, building: Path, dumped: _Dumped) -> list[str]:
    """Copy every listed blob, checked on the way; the keys of those that are missing or damaged."""
    damaged: list[str] = []
    (building / BLOBS).mkdir(mode=0o700)

    async def copy(key: str) -> None:
        try:
            digest_of(key)  # before it is taken as a path
            target = building / BLOBS / key
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            dumped.meter.add(await save(blobs, key, target))
        except (NotFound, StorageFault, InvalidInput):
            damaged.append(key)

    for keys in _chunks(building / _LIST):
        await together(copy(key) for key in keys)
    return sorted(damaged)


def _chunks(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="ascii") as file:
        while chunk := [line.rstrip("\n") for line in islice(file, _AT_ONCE)]:
            yield chunk


def _write_sums(building: Path, damaged: set[str]) -> _Sums:
    """SHA256SUMS: a blob's checksum is its name, which was compared when it was copied."""
    files = size = 0
    with (building / SUMS).open("w", encoding="utf-8") as sums:
        for path in sorted((building / RECORD).iterdir()):
            sums.write(f"{sha256_of_file(path)}  {RECORD}/{path.name}\n")
            files, size = files + 1, size + path.stat().st_size
        for chunk in _chunks(building / _LIST):
            for key in chunk:
                if key not in damaged:
                    sums.write(f"{digest_of(key).hex()}  {BLOBS}/{key}\n")
                    files, size = files + 1, size + (building / BLOBS / key).stat().st_size
    (building / _LIST).unlink()
    sync_file(building / SUMS)
    return _Sums(files, size, sha256_of_file(building / SUMS))


def _manifest(dumped: _Dumped, sums: _Sums, damaged: list[str], shard: int, started_at: datetime) -> Manifest:
    return Manifest(
        octavo=_own_version(),
        postgres=dumped.seen.postgres,
        migration=dumped.seen.migration,
        shard=shard,
        epoch=dumped.seen.epoch,
        system_identifier=dumped.seen.system_identifier,
        position=str(dumped.seen.position(shard)),
        started_at=started_at,
        finished_at=datetime.now(UTC),
        tables=dumped.tables,
        sequences=dumped.sequences,
        not_included=dumped.derived,
        blobs=dumped.blobs - len(damaged),
        blob_bytes=dumped.blob_bytes,
        damaged=damaged,
        files=sums.files,
        file_bytes=sums.file_bytes,
        sums=sums.sha256,
    )


def _own_version() -> str:
    try:
        return metadata.version("octavo")
    except metadata.PackageNotFoundError:
        return "of a source tree"


def _damaged_blobs(damaged: list[str]) -> BackupFault:
    named = ", ".join(damaged[:_NAMED_IN_ERRORS]) + (" …" if len(damaged) > _NAMED_IN_ERRORS else "")
    return BackupFault(
        f"{len(damaged)} original files are missing or damaged: {named}",
        remedy="bring them back (an earlier backup, or the files themselves), or allow damaged ones",
        damaged=damaged,
    )


def _report(directory: Path, manifest: Manifest) -> BackupReport:
    return BackupReport(
        directory=directory,
        position=manifest.position,
        organizations=manifest.rows_of("organization_profile"),
        documents=manifest.rows_of("document"),
        versions=manifest.rows_of("version"),
        events=manifest.rows_of("event"),
        blobs=manifest.blobs,
        damaged=manifest.damaged,
        files=manifest.files,
        bytes=manifest.file_bytes,
        seconds=(manifest.finished_at - manifest.started_at).total_seconds(),
    )
