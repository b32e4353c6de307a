"""Backups that must not be trusted are refused, with one clear error that names what is wrong."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import AccessDenied, BackupFault, InvalidInput, InvalidSetting
from octavo.operations.backup import backup
from octavo.operations.manifest import read_manifest, write_manifest
from octavo.operations.restore import restore
from octavo.operations.verify import verify
from octavo.postgres import server as embedded
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.store import organizations
from tests.backups import put_file, scope_of
from tests.databases import administrator, empty_database, migrated_database, settings_of, url_of


class Small(msgspec.Struct):
    """A small backup, the record it was made of, and a file in it."""

    record: Record
    connect: Mapping[str, Any]
    blobs: FileBlobs
    directory: Path
    key: str


@pytest.fixture(scope="module")
async def original(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Small]:
    folder = tmp_path_factory.mktemp("original")
    async with migrated_database(server) as database:
        record = await open_record(settings_of(server, database))
        blobs = FileBlobs(folder / "blobs")
        acme = await organizations.create(record.system, "acme")
        await put_file(scope_of(record, acme.id), blobs, os.urandom(5000), name="file")
        connect = server.running.dsn("octavo_backup", database)
        await backup(record, blobs, folder / "backup", connect=connect)
        key = await anext(blob.key async for blob in blobs.listing())
        yield Small(record, connect, blobs, folder / "backup", key)
        await record.close()


@pytest.fixture
def small(original: Small, tmp_path: Path) -> Small:
    """A copy, to be damaged."""
    shutil.copytree(original.directory, tmp_path / "backup")
    shutil.copytree(original.blobs.directory, tmp_path / "blobs")
    return msgspec.structs.replace(
        original, directory=tmp_path / "backup", blobs=FileBlobs(tmp_path / "blobs")
    )


def flip(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def largest(directory: Path) -> Path:
    return max(directory.iterdir(), key=lambda path: path.stat().st_size)


DAMAGE: dict[str, tuple[Callable[[Small], object], str]] = {
    "a flipped byte in the record": (lambda small: flip(largest(small.directory / "record")), "record/"),
    "a flipped byte in a file": (lambda small: flip(small.directory / "blobs" / small.key), "blobs/"),
    "a missing table": (lambda small: largest(small.directory / "record").unlink(), "record/"),
    "a missing file": (lambda small: (small.directory / "blobs" / small.key).unlink(), "blobs/"),
    "a shortened file": (lambda small: os.truncate(small.directory / "blobs" / small.key, 10), "blobs/"),
    "changed checksums": (lambda small: flip(small.directory / "SHA256SUMS", 3), "SHA256SUMS"),
    "missing checksums": (lambda small: (small.directory / "SHA256SUMS").unlink(), "SHA256SUMS"),
    "a changed manifest": (lambda small: flip(small.directory / "manifest.json", 40), "manifest.json"),
    "a missing manifest": (lambda small: (small.directory / "manifest.json").unlink(), "no complete backup"),
    "an empty manifest": (lambda small: os.truncate(small.directory / "manifest.json", 0), "manifest.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_verify_names_what_is_damaged(small: Small, damage: str) -> None:
    """S0-082: a flipped byte is reported by the integrity scan."""
    do_damage, named = DAMAGE[damage]
    assert (await verify(small.directory)).entries > 100
    do_damage(small)

    with pytest.raises(BackupFault, match=named):
        await verify(small.directory)


async def test_a_damaged_backup_is_not_restored(small: Small, tmp_path: Path) -> None:
    flip(small.directory / "blobs" / small.key)

    with pytest.raises(BackupFault, match="damaged"):
        await restore(small.directory, tmp_path / "restored")

    assert names_in(tmp_path) == ["backup", "blobs"]


async def test_a_record_that_pg_restore_cannot_read_is_refused_although_its_checksums_are_right(
    small: Small,
) -> None:
    toc = small.directory / "record" / "toc.dat"
    toc.write_bytes(b"not an archive")
    sign_again(small.directory)

    with pytest.raises(BackupFault, match="pg_restore"):
        await verify(small.directory)


async def test_rows_that_differ_from_the_digests_are_refused(small: Small, tmp_path: Path) -> None:
    """Checksums tell that files are what was written; digests tell that the rows are what was read."""
    table = next(
        path
        for path in (small.directory / "record").glob("*.dat.gz")
        if b"\tfile\t" in gzip.decompress(path.read_bytes())
    )
    table.write_bytes(gzip.compress(gzip.decompress(table.read_bytes()).replace(b"\tfile\t", b"\tbile\t")))
    sign_again(small.directory)

    with pytest.raises(BackupFault, match=r"differs from the backup in octavo\.document"):
        await restore(small.directory, tmp_path / "restored")

    assert names_in(tmp_path) == ["backup", "blobs"]


async def test_a_backup_of_a_later_format_is_refused(small: Small) -> None:
    rewrite(small.directory, format=2)

    with pytest.raises(BackupFault, match="has format 2, and this version of Octavo reads up to 1"):
        await verify(small.directory)


async def test_a_backup_of_a_later_schema_is_refused(small: Small, tmp_path: Path) -> None:
    manifest = read_manifest(small.directory)
    write_manifest(small.directory, msgspec.structs.replace(manifest, migration=9999, octavo="9.9"))

    with pytest.raises(BackupFault, match=r"migration 9999 of Octavo 9\.9"):
        await restore(small.directory, tmp_path / "restored")


async def test_a_backup_of_a_later_server_is_refused(small: Small, server: Server, tmp_path: Path) -> None:
    manifest = read_manifest(small.directory)
    write_manifest(small.directory, msgspec.structs.replace(manifest, postgres="99.1"))

    async with empty_database(server) as database:
        with pytest.raises(BackupFault, match=r"of PostgreSQL 99\.1, and the server is"):
            await restore(small.directory, url_of(server, "octavo_admin", database), blobs=small.blobs)


async def test_an_interrupted_backup_is_refused_by_its_name(small: Small) -> None:
    left = small.directory.rename(small.directory.with_name("backup.incomplete"))

    with pytest.raises(BackupFault, match="interrupted"):
        await verify(left)


async def test_a_directory_with_something_in_it_gets_no_backup(small: Small) -> None:
    with pytest.raises(BackupFault, match="is not empty"):
        await backup(small.record, small.blobs, small.directory, connect=small.connect)

    await verify(small.directory)


async def test_a_data_directory_with_something_in_it_is_not_restored_into(
    small: Small, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("mine")

    with pytest.raises(BackupFault, match="is not empty"):
        await restore(small.directory, tmp_path / "data")

    assert (tmp_path / "data" / "mine.txt").read_text() == "mine"


async def test_a_database_with_something_in_it_is_not_restored_into(
    small: Small, server: Server, fresh_database: str
) -> None:
    with pytest.raises(BackupFault, match=r"is not empty: it holds octavo\."):
        await restore(small.directory, url_of(server, "octavo_admin", fresh_database), blobs=small.blobs)


async def test_a_database_keeps_nothing_of_a_restore_that_fails(small: Small, server: Server) -> None:
    table = next(
        path
        for path in (small.directory / "record").glob("*.dat.gz")
        if b"document.created" in gzip.decompress(path.read_bytes())
    )
    table.write_bytes(gzip.compress(b"not\ta\trow\n"))
    sign_again(small.directory)

    async with empty_database(server) as database:
        with pytest.raises(BackupFault, match="pg_restore"):
            await restore(small.directory, url_of(server, "octavo_admin", database), blobs=small.blobs)
        async with administrator(server, database) as admin:
            assert await admin.fetchval("SELECT to_regnamespace('octavo')") is None


async def test_a_restore_by_url_needs_a_place_for_the_files(small: Small) -> None:
    with pytest.raises(InvalidInput, match="blob store"):
        await restore(small.directory, "postgresql://octavo_admin@localhost/nowhere")


async def test_a_record_outside_is_backed_up_with_a_role_that_sees_everything(
    small: Small, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSetting, match="octavo_backup"):
        await backup(small.record, small.blobs, tmp_path / "second")


async def test_a_role_that_does_not_see_every_row_fails_instead_of_leaving_rows_out(
    small: Small, server: Server, tmp_path: Path
) -> None:
    connect = {**small.connect, "user": "octavo_app"}

    with pytest.raises(AccessDenied):
        await backup(small.record, small.blobs, tmp_path / "second", connect=connect)

    assert not (tmp_path / "second").exists()


async def test_a_missing_original_fails_the_backup_unless_it_is_allowed(small: Small, tmp_path: Path) -> None:
    (small.blobs.directory / small.key).unlink()

    with pytest.raises(BackupFault, match=small.key):
        await backup(small.record, small.blobs, tmp_path / "second", connect=small.connect)
    report = await backup(
        small.record, small.blobs, tmp_path / "second", connect=small.connect, allow_damaged=True
    )

    assert (report.damaged, report.blobs) == ([small.key], 0)
    assert (await verify(tmp_path / "second")).manifest.damaged == [small.key]


async def test_a_damaged_original_is_found_when_it_is_backed_up(small: Small, tmp_path: Path) -> None:
    """S0-082"""
    flip(small.blobs.directory / small.key)

    with pytest.raises(BackupFault, match="1 original files are missing or damaged"):
        await backup(small.record, small.blobs, tmp_path / "second", connect=small.connect)


KILLED = """
import asyncio, sys
from pathlib import Path
from octavo.operations.staging import staged

async def main():
    async with staged(Path(sys.argv[1])) as building:
        (building / "half").write_text("half")
        print("filling", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_killed_backup_is_never_taken_for_one_and_the_next_takes_its_place(
    small: Small, tmp_path: Path
) -> None:
    target = tmp_path / "second"
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(target), stdout=asyncio.subprocess.PIPE
    )
    assert killed.stdout is not None
    assert await killed.stdout.readline() == b"filling\n"

    with pytest.raises(BackupFault, match="another process is filling"):
        await backup(small.record, small.blobs, target, connect=small.connect)
    killed.kill()
    await killed.wait()
    with pytest.raises(BackupFault, match="no complete backup"):
        await verify(target)
    with pytest.raises(BackupFault, match="interrupted"):
        await verify(tmp_path / "second.incomplete")
    await backup(small.record, small.blobs, target, connect=small.connect)

    assert (await verify(target)).manifest.blobs == 1
    assert not (tmp_path / "second.incomplete").exists()
    assert not list(target.rglob("half"))


RESTORING = """
import asyncio, sys
from pathlib import Path
from octavo.operations.restore import restore

def told(done, total):
    print(done, flush=True)

asyncio.run(restore(Path(sys.argv[1]), Path(sys.argv[2]), progress=told))
"""


async def test_a_killed_restore_leaves_no_data_directory_and_the_next_one_cleans_up(
    small: Small, tmp_path: Path
) -> None:
    """Killed when the files are in place and the record's server runs."""
    target, verified = tmp_path / "restored", read_manifest(small.directory).file_bytes
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RESTORING, str(small.directory), str(target), stdout=asyncio.subprocess.PIPE
    )
    assert killed.stdout is not None
    while int(await killed.stdout.readline()) <= verified:
        pass
    killed.kill()
    await killed.wait()

    left = [name for name in names_in(tmp_path) if "restored" in name]
    report = await restore(small.directory, target)

    assert [name.startswith(".restored.restoring-") for name in left] == [True]
    assert [name for name in names_in(tmp_path) if "restored" in name] == ["restored"]
    assert report.documents == 1
    embedded.destroy(target)


async def test_a_cancelled_backup_leaves_nothing_and_ends_pg_dump(
    small: Small, server: Server, tmp_path: Path
) -> None:
    """A catalog that pg_dump reads, and nobody else, is held: so it is in the middle when it is cancelled."""
    async with administrator(server, small.connect["database"]) as admin, admin.transaction():
        await admin.execute("LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(
            backup(small.record, small.blobs, tmp_path / "second", connect=small.connect)
        )
        async with administrator(server) as watcher:
            while not await _waits(watcher):
                assert not running.done()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert not await _waits(watcher)

    assert names_in(tmp_path) == ["backup", "blobs"]


async def _waits(watcher: Any) -> bool:
    return bool(
        await watcher.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
        )
    )


def rewrite(directory: Path, **changes: Any) -> None:
    content = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps(content | changes))


def sign_again(directory: Path) -> None:
    """Make the checksums those of the files as they are now, as a program that writes wrong rows would."""
    lines = [line[66:] for line in (directory / "SHA256SUMS").read_text().splitlines()]
    (directory / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in lines)
    )
    sums = hashlib.sha256((directory / "SHA256SUMS").read_bytes()).hexdigest()
    write_manifest(directory, msgspec.structs.replace(read_manifest(directory), sums=sums))
