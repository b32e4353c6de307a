"""Maintenance: bounded, resumable, previewable, and safe beside writers and backups."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import InvalidInput
from octavo.operations import maintenance, snapshot
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store import changes, organizations, reads
from octavo.store.scope import Scope
from tests.backups import put, put_file, scope_of
from tests.databases import administrator


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
async def acme(fresh_record: Record) -> Scope:
    return scope_of(fresh_record, (await organizations.create(fresh_record.system, "acme")).id)


@pytest.fixture
async def globex(fresh_record: Record) -> Scope:
    return scope_of(fresh_record, (await organizations.create(fresh_record.system, "globex")).id)


async def bodies(record: Record) -> int:
    return await count(record, "octavo.body")


async def count(record: Record, table: str) -> int:
    row = await record.system.fetchrow(f"SELECT count(*) AS n FROM {table}")
    assert row is not None
    return int(row["n"])


async def purge_without_collecting(scope: Scope, number: int) -> None:
    """What a process leaves that is killed between a purge and the collection of its bodies."""
    for place in range(number):
        document = await put(scope, {"left": place})
        await changes.purge(scope, document.id)


def age(blobs: FileBlobs, days: float) -> None:
    """Make every blob so many days old."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in blobs.directory.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


async def test_bodies_of_purged_documents_are_swept_in_every_organization(
    fresh_record: Record, acme: Scope, globex: Scope
) -> None:
    kept = [await put(scope, {"kept": True}) for scope in (acme, globex)]
    await purge_without_collecting(acme, 3)
    await purge_without_collecting(globex, 4)

    done = await maintenance.sweep_bodies(fresh_record.system)

    assert (done.examined, done.changed, done.after) == (9, 7, None)
    assert await bodies(fresh_record) == len(kept)


async def test_a_dry_run_tells_the_same_and_changes_nothing(
    fresh_record: Record, acme: Scope, blobs: FileBlobs
) -> None:
    await put(acme, {"kept": True})
    await purge_without_collecting(acme, 3)
    await changes.purge(acme, (await put_file(acme, blobs, b"purged")).id)
    age(blobs, 2)

    tasks = maintenance.tasks(fresh_record.system, blobs)
    told = await maintenance.maintain(tasks, dry_run=True)
    before = await bodies(fresh_record)
    done = await maintenance.maintain(tasks)

    assert before == 5
    assert [(step.task, step.changed) for step in told] == [(step.task, step.changed) for step in done]
    assert {step.task: step.changed for step in done} == {
        "partitions": 0,
        "expiry": 0,
        "events": 0,
        "queries": 0,
        "answers": 0,
        "figures": 0,
        "batches": 0,
        "bodies": 4,
        "gate": 0,
        "blobs": 1,
    }


async def test_a_sweep_of_bodies_that_was_bounded_goes_on_where_it_stopped(
    fresh_record: Record, acme: Scope, globex: Scope
) -> None:
    await purge_without_collecting(acme, 5)
    await purge_without_collecting(globex, 5)

    steps, after = [], None
    while not steps or after is not None:
        steps.append(await maintenance.sweep_bodies(fresh_record.system, after=after, limit=3))
        after = steps[-1].after

    assert [step.examined for step in steps] == [3, 3, 3, 1]
    assert sum(step.changed for step in steps) == 10
    assert await bodies(fresh_record) == 0


async def test_a_place_that_is_none_is_refused(fresh_record: Record) -> None:
    with pytest.raises(InvalidInput, match="no place where a sweep stopped"):
        await maintenance.sweep_bodies(fresh_record.system, after="everywhere")


async def test_a_body_taken_up_again_by_a_writer_stays(
    fresh_record: Record, acme: Scope, server: Server, fresh_database: str
) -> None:
    """The sweep finds the body unused, since the writer has not committed; the foreign key tells it better."""
    await purge_without_collecting(acme, 2)
    async with administrator(server, fresh_database) as watcher:
        async with fresh_record.app.transaction() as transaction:
            again = await put(msgspec.structs.replace(acme, runner=transaction), {"left": 0})
            sweeping = asyncio.create_task(maintenance.sweep_bodies(fresh_record.system))
            while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not sweeping.done()
        done = await sweeping

    assert done.changed == 1
    assert (await reads.get(acme, again.id)).body == {"left": 0}


async def test_only_answers_older_than_a_week_are_forgotten(fresh_record: Record, acme: Scope) -> None:
    for number, days in enumerate((0, 6.9, 7.1, 30)):
        await fresh_record.system.execute(
            "INSERT INTO octavo.idempotency (organization_id, key, request, created_at)"
            " VALUES ($1, $2, '\\x00', clock_timestamp() - $3::interval)",
            acme.organization,
            f"key-{number}",
            timedelta(days=days),
        )

    told = await maintenance.forget_answers(fresh_record.system, dry_run=True)
    done = await maintenance.forget_answers(fresh_record.system)

    assert (told.changed, done.changed) == (2, 2)
    rows = await fresh_record.system.fetch("SELECT key FROM octavo.idempotency ORDER BY key")
    assert [row["key"] for row in rows] == ["key-0", "key-1"]


async def test_answers_are_forgotten_up_to_a_limit(fresh_record: Record, acme: Scope) -> None:
    await fresh_record.system.execute(
        "INSERT INTO octavo.idempotency (organization_id, key, request, created_at)"
        " SELECT $1, 'key-' || n, '\\x00', now() - interval '8 days' FROM generate_series(1, 1200) AS n",
        acme.organization,
    )

    done = await maintenance.forget_answers(fresh_record.system, limit=700)

    assert done.changed == 700
    assert await count(fresh_record, "octavo.idempotency") == 500


async def test_files_that_nothing_refers_to_go_after_a_day(
    fresh_record: Record, acme: Scope, globex: Scope, blobs: FileBlobs
) -> None:
    kept = await put_file(acme, blobs, b"the same file", name="kept")
    purged = await put_file(globex, blobs, b"the same file", name="purged")
    await changes.purge(globex, purged.id)
    await blobs.put(acme.organization, b"an ingest was killed before its row")

    young = await maintenance.sweep_blobs(fresh_record.system, blobs)
    age(blobs, 1.1)
    old = await maintenance.sweep_blobs(fresh_record.system, blobs)

    assert (young.examined, young.changed) == (3, 0)
    assert (old.examined, old.changed) == (3, 2)
    assert [blob.key async for blob in blobs.listing()] == [
        row["blob"] for row in await fresh_record.system.fetch("SELECT blob FROM octavo.content")
    ]
    assert kept.version == 1


async def test_the_file_of_an_old_version_stays(fresh_record: Record, acme: Scope, blobs: FileBlobs) -> None:
    document = await put_file(acme, blobs, b"first", name="file")
    await put_file(acme, blobs, b"second", name="file")
    await changes.delete(acme, document.id)
    age(blobs, 30)

    assert (await maintenance.sweep_blobs(fresh_record.system, blobs)).changed == 0


async def test_a_sweep_of_files_waits_while_a_backup_is_made(
    fresh_record: Record, acme: Scope, blobs: FileBlobs, server: Server, fresh_database: str
) -> None:
    document = await put_file(acme, blobs, b"in the backup's snapshot")
    await changes.purge(acme, document.id)
    age(blobs, 30)
    connect = server.running.dsn("octavo_backup", fresh_database)

    async with snapshot.reading(connect) as pool, pool.transaction() as guard:
        await snapshot.hold_blobs(guard)
        waited = await maintenance.sweep_blobs(fresh_record.system, blobs)
    done = await maintenance.sweep_blobs(fresh_record.system, blobs)

    assert (waited.changed, waited.waits) == (0, "a backup is being made")
    assert (done.changed, done.waits) == (1, None)


async def test_a_sweep_of_files_that_was_bounded_goes_on_where_it_stopped(
    fresh_record: Record, acme: Scope, blobs: FileBlobs
) -> None:
    for number in range(250):
        await blobs.put(acme.organization, b"%d" % number)
    age(blobs, 30)

    first = await maintenance.sweep_blobs(fresh_record.system, blobs, limit=100)
    rest = await maintenance.sweep_blobs(fresh_record.system, blobs, after=first.after or "")

    assert (first.examined, rest.examined, rest.after) == (100, 150, None)
    assert [blob async for blob in blobs.listing()] == []


async def test_partitions_are_made_ahead(fresh_record: Record) -> None:
    told = await maintenance.keep_partitions(fresh_record.system, months_ahead=6, dry_run=True)
    made = await maintenance.keep_partitions(fresh_record.system, months_ahead=6)
    again = await maintenance.keep_partitions(fresh_record.system, months_ahead=6)

    assert (told.changed, made.changed, again.changed) == (12, 12, 0)  # of the log, runs and facts
