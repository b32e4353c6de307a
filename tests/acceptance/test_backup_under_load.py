"""A backup that is made while everything is in use is a state the database really was in."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.operations import maintenance
from octavo.operations.backup import backup
from octavo.operations.restore import restore
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store import changes, organizations, tags
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.values.position import Position, parse
from tests.backups import put, put_file, scope_of
from tests.databases import administrator, empty_database, url_of

# What must hold between the tables of every state that ever was, by name.
INVARIANTS = {
    "a head whose version is not its newest": """
        SELECT head.id FROM octavo.document AS head
        WHERE purged_at IS NULL AND version <> (
            SELECT max(number) FROM octavo.version WHERE document_id = head.id)""",
    "a version without its body": """
        SELECT document_id FROM octavo.version LEFT JOIN octavo.body
            ON body.organization_id = version.organization_id AND body.hash = version.body_hash
        WHERE body.hash IS NULL""",
    "a stream whose last event is not the head's": """
        SELECT head.id FROM octavo.document AS head
        WHERE (event_sequence, position_id) IS DISTINCT FROM (
            SELECT (max(sequence), max(event.id)) FROM octavo.event WHERE document_id = head.id)::record""",
    "a stream with a gap": """
        SELECT document_id FROM octavo.event GROUP BY document_id HAVING count(*) <> max(sequence)""",
    "a live document that no filter finds, or a deleted one that it does": """
        SELECT coalesce(head.id, filter.document_id)
        FROM (SELECT * FROM octavo.document WHERE deleted_at IS NULL) AS head
        FULL JOIN octavo.document_filter AS filter ON filter.document_id = head.id
        WHERE head.version IS DISTINCT FROM filter.version""",
    "a purged document that left something": """
        SELECT head.id FROM octavo.document AS head INNER JOIN octavo.content ON document_id = head.id
        WHERE purged_at IS NOT NULL""",
}


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
async def scopes(fresh_record: Record) -> list[Scope]:
    return [
        scope_of(fresh_record, (await organizations.create(fresh_record.system, name)).id)
        for name in ("acme", "globex")
    ]


class Load:
    """Writers that put, change, tag, delete, purge and store files until they are stopped."""

    def __init__(self, record: Record, scopes: list[Scope], blobs: FileBlobs) -> None:
        self.acknowledged: set[Position] = set()
        self.swept_some = asyncio.Event()
        self.waited = 0
        self._busy = asyncio.Event()
        self._record = record
        self._scopes = scopes
        self._blobs = blobs
        self._stopping = False

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.create_task(self._write(seed)) for seed in range(4)]
        self._tasks.append(asyncio.create_task(self._sweep()))
        await self._busy.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _write(self, seed: int) -> None:
        chance = random.Random(seed)
        known: list[tuple[Scope, Document]] = []
        while not self._stopping:
            if len(self.acknowledged) > 100:
                self._busy.set()
            scope = chance.choice(self._scopes)
            if len(known) < 5 or chance.random() < 0.4:
                known.append((scope, await self._put(scope, chance)))
            else:
                scope, document = known.pop(chance.randrange(len(known)))
                if (changed := await self._change(scope, document, chance)) is not None:
                    known.append((scope, changed))

    async def _put(self, scope: Scope, chance: random.Random) -> Document:
        if chance.random() < 0.5:
            document = await put_file(scope, self._blobs, os.urandom(chance.randrange(20_000)))
        else:
            document = await put(scope, {"n": chance.random()})
        self.acknowledged.add(document.position)
        return document

    async def _change(self, scope: Scope, document: Document, chance: random.Random) -> Document | None:
        what = chance.choice(["patch", "tag", "delete", "purge"])
        if what == "purge":
            purged = await changes.purge(scope, document.id)
            self.acknowledged.add(purged.position)
            for key in purged.blobs:
                os.utime(self._blobs.directory / key, (0, 0))  # so the sweep takes it at once
            return None
        if what == "tag":
            self.acknowledged.add((await tags.move(scope, document.id, "current")).position)
            return document
        if what == "delete":
            document = await changes.delete(scope, document.id)
        else:
            document = await changes.patch(scope, document.id, {"n": chance.random()})
        self.acknowledged.add(document.position)
        return None if what == "delete" else document

    async def _sweep(self) -> None:
        while not self._stopping:
            done = await maintenance.sweep_blobs(self._record.system, self._blobs)
            if done.changed:
                self.swept_some.set()
            self.waited += done.waits is not None
            await maintenance.sweep_bodies(self._record.system)


async def test_a_backup_under_load_is_a_state_that_was(
    fresh_record: Record,
    scopes: list[Scope],
    blobs: FileBlobs,
    server: Server,
    fresh_database: str,
    tmp_path: Path,
) -> None:
    connect = server.running.dsn("octavo_backup", fresh_database)
    async with Load(fresh_record, scopes, blobs) as load:
        before = set(load.acknowledged)
        load.swept_some.clear()
        report = await backup(fresh_record, blobs, tmp_path / "backup", connect=connect)
        meanwhile = load.acknowledged - before
        await load.swept_some.wait()

    copies = FileBlobs(tmp_path / "copies")
    async with empty_database(server) as database:
        await restore(report.directory, url_of(server, "octavo_admin", database), blobs=copies)
        async with administrator(server, database) as admin:
            broken = {name: await admin.fetch(statement) for name, statement in INVARIANTS.items()}
            events = await admin.fetch("SELECT epoch, position_xid, id FROM octavo.event")
            keys = [row["blob"] for row in await admin.fetch("SELECT blob FROM octavo.content")]

    assert {name for name, rows in broken.items() if rows} == set()
    there = {Position(0, row["epoch"], row["position_xid"], row["id"]) for row in events}
    assert meanwhile, "writers went on while the backup was made"
    assert before <= there, "everything acknowledged before the backup is in it"
    assert {position for position in load.acknowledged if position < parse(report.position)} <= there
    assert len({await copies.get(key) for key in keys}) == report.blobs > 0
    assert load.waited, "sweeps waited for the backup"
