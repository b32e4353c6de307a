"""The schema changes while the old code works: no call fails, and an old process may start again meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import octavo
from octavo.database import Octavo
from octavo.postgres.migration import Migration, parse
from octavo.postgres.migrator import migrate, status
from octavo.postgres.server import Server
from tests.databases import administrator, url_of
from tests.migration.ledgers import LAST, admin_of, ask, entry, with_these

# What a next release might bring: columns on the hottest tables, an index beside the writers, a backfill.
NEXT = {
    "wider": (
        "-- phase: expand\nSET LOCAL ROLE octavo_owner;\n"
        "ALTER TABLE octavo.document ADD COLUMN colour text;\n"
        "ALTER TABLE octavo.version ADD COLUMN weight integer NOT NULL DEFAULT 1;\n"
    ),
    "by_colour": (
        "-- phase: expand\n-- transaction: none\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS document_colour ON octavo.document (organization_id, colour);\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS event_kind ON octavo.event (organization_id, type);\n"
    ),
    "fill_colour": (
        "-- phase: backfill\n-- chunk: 25\n-- table: octavo.document\n"
        "SET LOCAL ROLE octavo_system;\n"
        "WITH chunk AS (\n"
        "    SELECT id FROM octavo.document\n"
        "    WHERE id > coalesce(($1::jsonb ->> 'id')::uuid, '00000000000000000000000000000000')\n"
        "    ORDER BY id LIMIT $2 FOR UPDATE\n"
        "), filled AS (\n"
        "    UPDATE octavo.document SET colour = 'grey' FROM chunk\n"
        "    WHERE document.id = chunk.id AND colour IS NULL\n"
        ")\n"
        "SELECT id, count(*) OVER () AS rows FROM chunk ORDER BY id DESC LIMIT 1;\n"
    ),
}
A_PROCESS = """
import asyncio, json, pathlib, sys
from octavo.postgres.migration import read_migrations
from octavo.postgres.migrator import migrate
these = [*read_migrations(), *read_migrations(pathlib.Path(sys.argv[2]))]
asyncio.run(migrate(json.loads(sys.argv[1]), migrations=these))
"""
DOCUMENTS = 200
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'octavo migrate' AND wait_event_type = 'Lock'"
    " AND datname = current_database()"
)


def next_release() -> list[Migration]:
    return [
        parse(f"{number:04}_{name}.sql", text) for number, (name, text) in enumerate(NEXT.items(), LAST + 1)
    ]


def opened(server: Server, database: str, place: Path) -> Octavo:
    return octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        blobs=f"file:{place}",
        background=False,
    )


@pytest.fixture
async def db(server: Server, fresh_database: str, tmp_path: Path) -> AsyncIterator[Octavo]:
    async with opened(server, fresh_database, tmp_path) as old:
        for number in range(DOCUMENTS):
            await old.documents.put("note", {"number": number}, name=f"note-{number}")
        yield old


class Load:
    """Calls of every kind, one after the other in several tasks, until it is stopped; the first fault ends it."""

    def __init__(self, db: Octavo) -> None:
        self._db = db
        self._stop = asyncio.Event()
        self._reached = asyncio.Event()
        self._goal = 0
        self.rounds = 0

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.create_task(self._run(name)) for name in ("a", "b", "c")]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)  # raises what any call raised

    async def more_rounds(self) -> None:
        """Return when several more rounds are done, or a call has failed."""
        self._goal = self.rounds + 2 * len(self._tasks)
        self._reached.clear()
        await asyncio.wait(
            [asyncio.create_task(self._reached.wait()), *self._tasks], return_when=asyncio.FIRST_COMPLETED
        )

    async def _run(self, name: str) -> None:
        docs = self._db.documents
        for number in itertools.count():
            made = await docs.put("note", {"number": number, "by": name}, name=f"{name}-{number}")
            await docs.patch(made.id, {"number": number + 1}, expect=made.version)
            assert (await docs.get(made.id)).body["number"] == number + 1
            assert [found.id async for found in docs.find("note", where={"@name": f"{name}-{number}"})]
            await docs.put("note", {"visits": number, "by": name}, name=f"note-{number % DOCUMENTS}")
            self.rounds += 1
            if self.rounds >= self._goal:
                self._reached.set()
            if self._stop.is_set():
                return


async def test_old_code_works_on_while_the_next_release_migrates(db, server, fresh_database, tmp_path):
    """S4-119, S4-120, S4-121: every call of the old code succeeds, before, while and after; and a restart too."""
    async with Load(db) as load:
        await load.more_rounds()
        await migrate(
            admin_of(server, fresh_database), migrations=with_these(*next_release()), until="expand"
        )
        await load.more_rounds()
        async with opened(server, fresh_database, tmp_path) as restarted:
            await restarted.documents.put("note", {"number": -1}, name="restarted")
        await migrate(admin_of(server, fresh_database), migrations=with_these(*next_release()))
        await load.more_rounds()

    old_documents = "SELECT count(*) FROM octavo.document WHERE name LIKE 'note-%' AND colour = 'grey'"
    assert await ask(server, fresh_database, old_documents) == DOCUMENTS
    indexes = (
        "SELECT bool_and(indisvalid) FROM pg_index"
        " WHERE indexrelid IN ('octavo.document_colour'::regclass, 'octavo.event_kind'::regclass)"
    )
    assert await ask(server, fresh_database, indexes)


async def test_a_backfill_makes_no_document_newer(db, server, fresh_database):
    """S4-126: no version, no event, no change of updated_at."""
    question = (
        "SELECT md5(string_agg(format('%s %s %s', id, version, updated_at), ',' ORDER BY id))"
        " || (SELECT count(*) FROM octavo.event) || (SELECT count(*) FROM octavo.version) FROM octavo.document"
    )
    before = await ask(server, fresh_database, question)

    await migrate(admin_of(server, fresh_database), migrations=with_these(*next_release()))

    assert await ask(server, fresh_database, question) == before


@pytest.mark.parametrize("before", range(len(NEXT)), ids=list(NEXT))
async def test_a_migration_killed_under_load_is_finished_by_the_next_run(
    db, server, fresh_database, tmp_path, before
):
    """S1-134, S4-121: client and server process die while it waits for a writer, and no call of others fails."""
    folder = write_files(tmp_path)
    admin = admin_of(server, fresh_database)
    await db.documents.put("note", {"held": True}, name="held")
    await migrate(admin, migrations=with_these(*next_release()[:before]))

    async with Load(db) as load:
        async with administrator(server, fresh_database) as holder, holder.transaction():
            await holder.execute("UPDATE octavo.document SET updated_at = updated_at WHERE name = 'held'")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", A_PROCESS, json.dumps(admin), str(folder)
            )
            while not (pid := await ask(server, fresh_database, WAITING)):
                pass
            process.kill()
            await process.wait()
            await ask(server, fresh_database, "SELECT pg_terminate_backend($1, 5000)", pid)
        state = (await entry(server, fresh_database, LAST + 1 + before))["state"]
        await load.more_rounds()
        await migrate(admin, migrations=with_these(*next_release()))

    assert state == "started"
    told = await status(admin, migrations=with_these(*next_release()))
    assert {one.state for one in told} == {"completed"}
    unfinished = (
        "SELECT (SELECT count(*) FROM octavo.document WHERE colour IS NULL AND name LIKE 'note-%')"
        " + (SELECT count(*) FROM pg_index WHERE NOT indisvalid)"
    )
    assert await ask(server, fresh_database, unfinished) == 0


def write_files(place: Path) -> Path:
    folder = place / "next"
    folder.mkdir()
    for migration in next_release():
        (folder / f"{migration.title}.sql").write_text(migration.sql)
    return folder
