"""Restore a backup into an empty place, compare it with its digests, and begin a new life of the log.

A restored record is another life than the one the backup was made of: transaction ids mean nothing on another
server, and positions handed out after the backup must not be taken for new ones. So it begins a new epoch.
What projections keep in PostgreSQL was not dumped, and is made again from the log; subscriptions keep their
positions, so that their readers go on where they were at the backup.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.blobs import open_blobs
from octavo.errors import AccessDenied, BackupFault, InvalidInput, ServerFault, StorageFault
from octavo.operations import dumps, snapshot
from octavo.operations.manifest import BLOBS, RECORD, SUMS, Manifest, Table, read_manifest
from octavo.operations.meter import Meter, watch_copies
from octavo.operations.progress import Progress, silent
from octavo.operations.staging import refuse_used, sync_file
from octavo.operations.together import beside, together
from octavo.operations.verify import verify
from octavo.postgres import server as embedded
from octavo.postgres.application import make_owners
from octavo.postgres.epoch import begin_epoch, keep_epoch
from octavo.postgres.migration import read_migrations
from octavo.postgres.migrator import migrate
from octavo.postgres.pool import Pool
from octavo.postgres.server import directory as places
from octavo.postgres.server import locks
from octavo.postgres.statements import load
from octavo.roles.blobs import Blobs

_sql = load("octavo.operations", "restore.sql")
_roles = load("octavo.postgres", "roles.sql")
_search = load("octavo.engines.search", "postgres_index.sql")
_analytics = load("octavo.engines.analytics", "postgres.sql")

URL_SCHEMES = ("postgresql://", "postgres://")
_RESTORING = ".restoring-"
_AT_ONCE = 8
_KEEPER_SECONDS = 60.0
# COPY into a table made in the same transaction needs no WAL then; all of it is on the disk at the commit.
_LOADING = {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off", "max_wal_size": "4GB"}


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored; `position` is that of the backup, `migrations` were applied on top of it."""

    target: str
    position: str
    epoch: int
    organizations: int
    documents: int
    versions: int
    events: int
    blobs: int
    damaged: list[str]
    migrations: list[str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return msgspec.structs.asdict(self)


async def restore(
    directory: Path,
    target: Path | str,
    *,
    blobs: Blobs | None = None,
    jobs: int = 2,
    progress: Progress = silent,
) -> RestoreReport:
    """Restore a backup, after every file of it was verified.

    Args:
        directory: what `backup` made.
        target: a new or empty data directory, which appears when everything is restored and compared; or the
            `postgresql://` URL of an empty database, as a superuser and past any pooler, which stays empty
            when the restore fails.
        blobs: where the original files go; by default `blobs` in the data directory. Needed with a URL.
        jobs: tables and indexes restored at the same time; a database by URL takes one transaction instead.
        progress: told bytes of bytes to do.

    Returns:
        What was restored. Search is empty then, and fills itself when the database is opened.

    Raises:
        BackupFault: the backup is damaged or too new, the target is not empty, or what was restored differs.
        ServerFault, StorageFault, AccessDenied, Unavailable: the target refuses.
    """
    begun = time.monotonic()
    by_url = _is_url(target)
    if by_url and blobs is None:
        raise InvalidInput("a restore by URL has no place for the original files", remedy="name a blob store")
    if not by_url:
        await asyncio.to_thread(refuse_used, Path(target))
    manifest = await asyncio.to_thread(read_manifest, directory)
    _refuse_newer(manifest)
    meter = Meter(progress, manifest.file_bytes + manifest.blob_bytes + sum(manifest.part_bytes.values()))
    await verify(directory, progress=lambda done, _: meter.reach(done))
    work = _Work(directory, manifest, meter)
    if by_url and blobs is not None:
        await _restore_blobs(work, blobs)
        restored = await _restore_record(work, {"dsn": target}, jobs=None)
    else:
        restored = await _restore_directory(work, Path(target), blobs, jobs)
    meter.finish()
    return _report(target, manifest, restored, time.monotonic() - begun)


class _Work(msgspec.Struct, frozen=True):
    directory: Path
    manifest: Manifest
    meter: Meter


class _Restored(msgspec.Struct, frozen=True):
    epoch: int
    migrations: list[str]


def _is_url(target: Path | str) -> bool:
    return str(target).startswith(URL_SCHEMES)


def _refuse_newer(manifest: Manifest) -> None:
    known = max(migration.number for migration in read_migrations())
    if manifest.migration > known:
        raise BackupFault(
            f"the backup has migration {manifest.migration:04} of Octavo {manifest.octavo},"
            f" and this version knows {known:04} as its last",
            remedy=f"restore it with Octavo {manifest.octavo} or newer",
        )


async def _restore_directory(work: _Work, target: Path, blobs: Blobs | None, jobs: int) -> _Restored:
    """Restore beside the target and rename, so that a data directory is there only when it is whole."""
    async with _beside(target) as building:
        server = await asyncio.to_thread(embedded.open_server, building, settings=_LOADING)
        try:
            await _restore_blobs(work, blobs or open_blobs(f"file:{building / BLOBS}"))
            restored = await _restore_record(work, server.running.dsn("octavo_admin"), jobs=jobs)
        finally:
            server.close()
        await asyncio.to_thread(_let_go, building)
    return restored


def _let_go(building: Path) -> None:
    """Stop the server and wait for its keeper to end, which would take a renamed directory for a deleted one."""
    embedded.stop(building)
    with locks.exclusive(building / "lock" / "keeper", _KEEPER_SECONDS):
        pass


@asynccontextmanager
async def _beside(target: Path) -> AsyncIterator[Path]:
    final = await asyncio.to_thread(_make_way, target)
    building = final.with_name(f".{final.name}{_RESTORING}{token_hex(4)}")
    try:
        yield building
        await asyncio.to_thread(_publish, building, final)
    except BaseException:
        with suppress(ServerFault):
            await asyncio.to_thread(embedded.destroy, building, force=True)
        raise


def _publish(building: Path, final: Path) -> None:
    building.rename(final)
    sync_file(final.parent)
    places.refuse_copy(places.at(final))  # a cluster that is elsewhere learns where its directory is now


def _make_way(target: Path) -> Path:
    """Remove an empty target, and what restores that were killed have left beside it."""
    final = target.expanduser().resolve()
    final.parent.mkdir(parents=True, exist_ok=True)
    for left in final.parent.glob(f".{final.name}{_RESTORING}*"):
        with suppress(ServerFault):  # in use: another process restores to the same place, and one will fail
            embedded.destroy(left)
    try:
        final.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StorageFault(
            f"{final} cannot be replaced: {error.strerror}", remedy="restore into a new directory below it"
        ) from error
    return final


async def _restore_blobs(work: _Work, blobs: Blobs) -> None:
    """Put every blob of the backup; a key is made of the content again, so a wrong one cannot get in."""

    async def put(name: str) -> None:
        organization = UUID(name.split("/")[1])
        work.meter.add((await blobs.put(organization, work.directory / name)).size_bytes)

    with (work.directory / SUMS).open(encoding="utf-8") as sums:
        names = (line[66:].rstrip("\n") for line in sums)
        wanted = (name for name in names if name.startswith(f"{BLOBS}/"))
        while chunk := list(islice(wanted, _AT_ONCE)):
            await together(put(name) for name in chunk)


async def _restore_record(work: _Work, connect: Mapping[str, Any], *, jobs: int | None) -> _Restored:
    manifest = work.manifest
    async with snapshot.reading(connect, size=2) as pool:
        await _examine(pool, manifest)
        await pool.execute(_roles.create_roles)
        await make_owners(pool, "\n".join(await dumps.listing(work.directory / RECORD)))
        done = manifest.file_bytes + manifest.blob_bytes
        async with beside(watch_copies(pool, manifest.part_bytes, work.meter, after=done)):
            await dumps.load(work.directory / RECORD, connect=connect, jobs=jobs)
        await _compare(pool, manifest)
        applied = await migrate(connect)
        epoch = await keep_epoch(pool)
        if epoch <= manifest.epoch:
            epoch = await begin_epoch(pool)
        await pool.execute(_search.begin_generation)  # its passages were not in the dump
        await pool.execute(_analytics.begin_generation)  # nor its facts
        await pool.execute(_sql.analyze)
    return _Restored(epoch, [f"{migration.number:04}_{migration.name}" for migration in applied])


async def _examine(pool: Pool, manifest: Manifest) -> None:
    row = await pool.fetchrow(_sql.examine_target)
    assert row is not None
    if row["holds"] or row["has_schema"]:
        raise BackupFault(
            f"the database {row['database']} is not empty: it holds {row['holds'] or 'the schema octavo'}",
            remedy="restore into a new database",
        )
    if not row["is_superuser"]:
        raise AccessDenied("a restore makes roles and their rights, which needs a superuser")
    if row["major"] < int(manifest.postgres.split(".")[0]):
        raise BackupFault(
            f"the backup is of PostgreSQL {manifest.postgres}, and the server is {row['major']}",
            remedy="restore into a server of the same major version or a newer one",
        )


async def _compare(pool: Pool, manifest: Manifest) -> None:
    """Refuse what differs from the backup's digests in any row."""
    async with pool.transaction(read_only=True, snapshot=True) as transaction:
        found = {relation.name: relation for relation in await snapshot.relations(transaction)}
        wrong = [
            name
            for name, table in manifest.tables.items()
            if name not in found or not _equal(await snapshot.digest(transaction, found[name]), table)
        ]
        sequences = await snapshot.sequences(transaction)
    wrong += [name for name, last in manifest.sequences.items() if sequences.get(name, -1) < last]
    if wrong:
        raise BackupFault(
            f"what was restored differs from the backup in {', '.join(wrong)}",
            remedy="do not use it; restore again, or use another backup",
            tables=wrong,
        )


def _equal(restored: Table, wanted: Table) -> bool:
    return (restored.rows, restored.digest) == (wanted.rows, wanted.digest)


def _report(target: Path | str, manifest: Manifest, restored: _Restored, seconds: float) -> RestoreReport:
    shown = str(target) if isinstance(target, Path) or "@" not in target else target.rpartition("@")[2]
    return RestoreReport(
        target=shown,
        position=manifest.position,
        epoch=restored.epoch,
        organizations=manifest.rows_of("organization_profile"),
        documents=manifest.rows_of("document"),
        versions=manifest.rows_of("version"),
        events=manifest.rows_of("event"),
        blobs=manifest.blobs,
        damaged=manifest.damaged,
        migrations=restored.migrations,
        seconds=round(seconds, 3),
    )
