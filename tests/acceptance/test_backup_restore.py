"""Backup, restore, compare: everything comes back, and life goes on after it."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import octavo
from octavo.engines.blobs.files import FileBlobs
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.operations.backup import BackupReport, backup
from octavo.operations.manifest import Table
from octavo.operations.restore import RestoreReport, restore
from octavo.operations.verify import verify
from octavo.postgres import server as embedded
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.postgres.server.directory import leftovers
from octavo.settings import Settings
from octavo.store import changes, organizations, reads, tags
from octavo.values.position import parse
from tests.backups import Filled, digests, equal, fill, put, scope_of
from tests.databases import administrator, empty_database, migrated_database, settings_of, url_of


class Backed(msgspec.Struct):
    """A backup, and everything it was made of."""

    record: Record
    connect: dict[str, Any]
    blobs: FileBlobs
    filled: list[Filled]
    report: BackupReport
    told: list[tuple[int, int]]


class Restored(msgspec.Struct):
    """What a restore made, with the digests it had before any test wrote to it."""

    report: RestoreReport
    record: Record
    tables: dict[str, Table]
    leftovers: list[Path]


def names_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("backups")
    yield folder
    if (folder / "restored").exists():
        embedded.destroy(folder / "restored", force=True)


@pytest.fixture(scope="module")
async def backed(server: Server, folder: Path) -> AsyncIterator[Backed]:
    async with migrated_database(server) as database:
        record = await open_record(settings_of(server, database))
        blobs, told = FileBlobs(folder / "blobs"), []
        connect = server.running.dsn("octavo_backup", database)
        filled = [await fill(record, blobs, name) for name in ("acme", "globex")]
        report = await backup(
            record, blobs, folder / "backup", connect=connect, progress=lambda *done: told.append(done)
        )
        yield Backed(record, connect, blobs, filled, report, told)
        await record.close()


@pytest.fixture(scope="module")
async def restored(backed: Backed, folder: Path) -> AsyncIterator[Restored]:
    report = await restore(backed.report.directory, folder / "restored")
    without_directory = leftovers()
    record = await open_record(Settings(record=report.target))
    assert record.server is not None
    tables = await digests(record.server.running.dsn("octavo_backup"))
    yield Restored(report, record, tables, without_directory)
    await record.close()


async def test_a_restored_record_equals_the_one_that_was_backed_up(
    backed: Backed, restored: Restored
) -> None:
    """S1-148: blobs and record in one consistent backup; S1-166: integrity is compared after the restore."""
    before = await digests(backed.connect)

    assert before["octavo.document"].rows == 16
    assert equal(before, restored.tables)


async def test_a_restore_leaves_nothing_beside_its_data_directory(restored: Restored) -> None:
    """Nor does the data directory's cluster, which may be elsewhere, look as if it belonged to nobody."""
    target = Path(restored.report.target)

    assert [path.name for path in names_in(target.parent) if target.name in path.name] == [target.name]
    assert [home for home in restored.leftovers if _is_beside(home, target)] == []


def _is_beside(home: Path, target: Path) -> bool:
    """Whether what was left belongs to a directory there; what other tests left may be gone by now."""
    try:
        return (home / "data").readlink().parent == target.parent
    except FileNotFoundError:
        return False


async def test_documents_read_as_before(backed: Backed, restored: Restored) -> None:
    for organization in backed.filled:
        scope = scope_of(restored.record, organization.scope.organization)
        assert await reads.get(scope, organization.versions.id) == organization.versions
        assert (await reads.get(scope, organization.versions.id, version=2)).body["n"] == 2
        assert (await reads.get(scope, organization.tagged.id, tag="production")).body == {"title": "tagged"}
        assert [tag.name for tag in await tags.current(scope, organization.tagged.id)] == [
            "production",
            "staging",
        ]


async def test_a_deletion_can_be_undone_after_the_restore(backed: Backed, restored: Restored) -> None:
    scope = scope_of(restored.record, backed.filled[1].scope.organization)

    brought_back = await changes.restore(scope, backed.filled[1].deleted.id)

    assert brought_back.body == {"title": "deleted"}


async def test_every_original_file_is_there_again(backed: Backed, restored: Restored) -> None:
    copies = FileBlobs(Path(restored.report.target) / "blobs")

    keys = [blob.key async for blob in copies.listing()]

    assert len(keys) == restored.report.blobs == 6
    for key in keys:
        assert await copies.get(key) == await backed.blobs.get(key)


async def test_the_file_of_a_purged_document_is_not_in_the_backup(backed: Backed) -> None:
    assert len([blob async for blob in backed.blobs.listing()]) == 8

    assert backed.report.blobs == 6


async def test_writes_after_the_restore_come_after_everything_before_it(
    backed: Backed, restored: Restored
) -> None:
    """The sequence of the log goes on, in a new epoch, also for documents that carry the old one."""
    old, last = backed.filled[0].versions, backed.filled[1].files[-1]
    scope = scope_of(restored.record, backed.filled[0].scope.organization)

    changed = await changes.patch(scope, old.id, {"title": "after the restore"})
    added = await put(scope, {"title": "new"})

    assert changed.version == old.version + 1
    assert restored.report.epoch == restored.record.epoch == changed.position.epoch == old.position.epoch + 1
    assert last.position < changed.position < added.position
    assert changed.position.id > last.position.id
    assert parse(restored.report.position) < changed.position


async def test_row_level_security_holds_in_the_restored_record(backed: Backed, restored: Restored) -> None:
    acme, globex = backed.filled

    theirs = await reads.get_many(
        scope_of(restored.record, acme.scope.organization), [document.id for document in globex.files]
    )

    assert theirs == {}
    assert len(await restored.record.app.fetch("SELECT id FROM octavo.document")) == 0


async def test_a_restored_organization_is_found_by_name(backed: Backed, restored: Restored) -> None:
    found = await organizations.find(restored.record.system, "globex")

    assert found.id == backed.filled[1].scope.organization


async def test_search_fills_itself_after_the_restore(backed: Backed, restored: Restored) -> None:
    """Passages are derived: they are not in the backup, and made again."""
    manifest = (await verify(backed.report.directory)).manifest

    async with octavo.open(restored.report.target) as db:
        globex = db.organization("globex")
        hits = await globex.search("newer", after=await Feed(db.record.system, Wakeup()).position())

    assert {"octavo.search_passage", "octavo.search_text"} <= set(manifest.not_included)
    assert [hit.id for hit in hits.hits] == [backed.filled[1].tagged.id]


async def test_a_backup_can_be_restored_into_an_empty_database_by_url(
    backed: Backed, server: Server, tmp_path: Path
) -> None:
    async with empty_database(server) as database:
        url = url_of(server, "octavo_admin", database)
        report = await restore(backed.report.directory, url, blobs=FileBlobs(tmp_path / "second"))
        after = await digests(server.running.dsn("octavo_backup", database))

    assert (report.documents, report.epoch) == (16, 2)
    assert equal(await digests(backed.connect), after)


async def test_a_backup_of_a_restored_record_equals_the_first(
    backed: Backed, server: Server, tmp_path: Path
) -> None:
    """A backup carries nothing of the server it was made on."""
    blobs = FileBlobs(tmp_path / "second")
    async with empty_database(server) as database:
        await restore(backed.report.directory, url_of(server, "octavo_admin", database), blobs=blobs)
        record = await open_record(settings_of(server, database))
        connect = server.running.dsn("octavo_backup", database)
        again = await backup(record, blobs, tmp_path / "again", connect=connect)
        await record.close()

    first, then = (await verify(backed.report.directory)).manifest, (await verify(again.directory)).manifest
    assert equal(first.tables, then.tables)
    assert (again.blobs, again.documents) == (backed.report.blobs, backed.report.documents)


async def test_tables_of_the_user_are_in_the_backup_too(
    fresh_record: Record, server: Server, fresh_database: str, tmp_path: Path
) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    async with administrator(server, fresh_database) as admin:
        await admin.execute("CREATE SCHEMA shop")
        await admin.execute("CREATE TABLE shop.orders AS SELECT generate_series(1, 500) AS id")

    connect = server.running.dsn("octavo_backup", fresh_database)
    report = await backup(fresh_record, blobs, tmp_path / "backup", connect=connect)

    async with empty_database(server) as database:
        await restore(report.directory, url_of(server, "octavo_admin", database), blobs=blobs)
        assert (await digests(server.running.dsn("octavo_backup", database)))["shop.orders"].rows == 500


async def test_nobody_else_can_read_a_backup(backed: Backed) -> None:
    assert stat.S_IMODE(backed.report.directory.stat().st_mode) == 0o700
    for path in (backed.report.directory / "record").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


async def test_the_checksums_can_be_verified_without_octavo(backed: Backed) -> None:
    sha256sum = shutil.which("sha256sum")
    assert sha256sum is not None

    process = await asyncio.create_subprocess_exec(
        sha256sum, "--check", "--quiet", "SHA256SUMS", cwd=backed.report.directory
    )

    assert await process.wait() == 0


async def test_the_record_is_compressed_with_gzip(backed: Backed) -> None:
    """S1-140: the archive is gzip."""
    data = [path for path in (backed.report.directory / "record").iterdir() if path.name != "toc.dat"]

    assert data
    for path in data:
        assert path.read_bytes()[:2] == b"\x1f\x8b"


async def test_progress_never_goes_back_and_ends_at_the_total(backed: Backed) -> None:
    done = [done for done, _ in backed.told]

    assert done == sorted(set(done))
    assert done[0] == 0
    assert {total for _, total in backed.told} == {done[-1]}
