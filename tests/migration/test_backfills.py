"""A backfill in chunks goes through each row once, beside writers, however often it is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from octavo.errors import MigrationFault
from octavo.postgres.backfill import CHUNK_SECONDS, Progress, next_size
from octavo.postgres.migration import Migration, parse
from octavo.postgres.migrator import migrate, status
from octavo.postgres.server import Server
from tests.databases import administrator, migrated_database
from tests.migration.ledgers import LAST, admin_of, ask, entry, with_these

ROWS = 1_000
# Each visit adds one, so a row visited twice or never is seen; `touched` is what a backfill must leave alone.
MAKE = f"""
CREATE TABLE octavo.old (id bigint PRIMARY KEY, visits integer NOT NULL DEFAULT 0, price integer, cents integer,
    touched timestamptz NOT NULL DEFAULT '2020-01-01');
INSERT INTO octavo.old (id, price) SELECT n, n FROM generate_series(1, {ROWS}) AS n;
ANALYZE octavo.old;
"""
FILL = """\
-- phase: backfill
-- chunk: {chunk}
-- table: octavo.old
SET LOCAL ROLE octavo_owner;
WITH chunk AS (
    SELECT id FROM octavo.old
    WHERE id > coalesce(($1::jsonb ->> 'id')::bigint, 0) ORDER BY id LIMIT $2
    FOR UPDATE
), filled AS (
    UPDATE octavo.old SET visits = visits + 1, cents = coalesce(cents, price * 100)
    FROM chunk WHERE old.id = chunk.id
)
SELECT count(*) AS rows, max(id) AS id FROM chunk;
"""
A_PROCESS = """
import asyncio, json, pathlib, sys
from octavo.postgres.migration import parse, read_migrations
from octavo.postgres.migrator import migrate
file = pathlib.Path(sys.argv[2])
fill = parse(file.name, file.read_text())
asyncio.run(migrate(json.loads(sys.argv[1]), migrations=[*read_migrations(), fill], lock_timeout_seconds=60))
"""


def fill(chunk: int = 100, text: str = FILL) -> Migration:
    return parse(f"{LAST + 1:04}_fill.sql", text.format(chunk=chunk))


@pytest.fixture
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(f"SET ROLE octavo_owner; {MAKE}")
        yield name


async def test_every_row_is_filled_and_nothing_else_of_it_changed(server, database):
    """S4-124, S4-126"""
    await migrate(admin_of(server, database), migrations=with_these(fill()))

    question = (
        "SELECT count(*) FROM octavo.old WHERE visits = 1 AND cents = price * 100 AND touched = '2020-01-01'"
    )
    assert await ask(server, database, question) == ROWS
    assert (await entry(server, database, LAST + 1))["state"] == "completed"


async def test_a_chunk_is_one_statement_for_all_its_rows(server, database):
    """S4-127: as many statements as chunks, none a row."""
    await migrate(admin_of(server, database), migrations=with_these(fill(chunk=100)))

    transactions = "SELECT count(DISTINCT xmin::text) FROM octavo.old"
    assert await ask(server, database, transactions) == ROWS // 100


async def test_its_progress_is_told_and_kept(server, database):
    seen: list[Progress] = []
    these = with_these(fill(chunk=400))

    await migrate(admin_of(server, database), migrations=these, report=seen.append)

    assert [progress.rows_done for progress in seen] == [400, 800, ROWS]
    assert seen[0].rows_estimated == ROWS
    assert seen[0].rows_per_second > 0
    assert seen[0].remaining_seconds > seen[-1].remaining_seconds == 0
    told = (await status(admin_of(server, database), migrations=these))[-1]
    assert (told.state, told.rows_done, told.rows_estimated) == ("completed", ROWS, ROWS)


async def test_a_process_killed_in_the_middle_has_lost_no_chunk_and_done_none_twice(
    server, database, tmp_path: Path
):
    """S4-121, S4-124: a row that somebody holds stops it at half; then it is killed, and run again."""
    file = tmp_path / f"{LAST + 1:04}_fill.sql"
    file.write_text(FILL.format(chunk=100))
    waiting = (
        "SELECT true FROM pg_stat_activity WHERE application_name = 'octavo migrate' AND datname = $1"
        " AND wait_event_type = 'Lock'"
    )
    async with administrator(server, database) as holder, administrator(server, database) as other:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM octavo.old WHERE id = 550 FOR UPDATE")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", A_PROCESS, json.dumps(admin_of(server, database)), str(file)
        )
        while not await other.fetchval(waiting, database):
            pass
        process.kill()
        await process.wait()
        await transaction.rollback()

    assert (await entry(server, database, LAST + 1))["state"] == "started"
    half = (await status(admin_of(server, database), migrations=with_these(fill())))[-1].rows_done
    seen: list[Progress] = []
    await migrate(admin_of(server, database), migrations=with_these(fill()), report=seen.append)

    assert half == 500
    assert seen[0].rows_done == 600
    assert await ask(server, database, "SELECT count(*) FROM octavo.old WHERE visits = 1") == ROWS


async def test_a_row_that_changes_meanwhile_keeps_its_change(server, database):
    """S4-127: the writer commits while the backfill waits for that very row."""
    async with administrator(server, database) as writer, administrator(server, database) as other:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("UPDATE octavo.old SET price = 7, cents = 777 WHERE id = 550")
        filling = asyncio.create_task(
            migrate(admin_of(server, database), migrations=with_these(fill()), lock_timeout_seconds=60)
        )
        waiting = (
            "SELECT true FROM pg_stat_activity WHERE application_name = 'octavo migrate' AND datname = $1"
            " AND wait_event_type = 'Lock'"
        )
        while not await other.fetchval(waiting, database):
            pass
        await transaction.commit()
        await filling

    row = "SELECT ARRAY[price, cents, visits] FROM octavo.old WHERE id = 550"
    assert await ask(server, database, row) == [7, 777, 1]


async def test_rows_written_all_the_time_are_all_filled_and_none_is_overwritten(server, database):
    """S4-127: writers that know the new column, beside the backfill of the old rows."""
    stop = asyncio.Event()

    async def write(number: int) -> int:
        async with administrator(server, database) as connection:
            done = 0
            while not stop.is_set():
                done += 1
                await connection.execute(
                    "UPDATE octavo.old SET price = price + 1, cents = (price + 1) * 100 WHERE id % 4 = $1"
                    " AND id % 50 = $2",
                    number,
                    done % 50,
                )
            return done

    writing = [asyncio.create_task(write(number)) for number in range(4)]
    await migrate(admin_of(server, database), migrations=with_these(fill(chunk=20)))
    stop.set()
    writes = await asyncio.gather(*writing)

    assert min(writes) >= 1
    question = "SELECT count(*) FROM octavo.old WHERE cents = price * 100 AND visits = 1"
    assert await ask(server, database, question) == ROWS


async def test_a_backfill_that_was_changed_begins_anew(server, database):
    failing = fill(text=FILL.replace("visits + 1", "visits + 1 / (550 - old.id)::integer"), chunk=100)
    with pytest.raises(MigrationFault, match="DivisionByZeroError"):
        await migrate(admin_of(server, database), migrations=with_these(failing))
    async with administrator(server, database) as admin:
        await admin.execute("UPDATE octavo.old SET visits = 0")

    await migrate(admin_of(server, database), migrations=with_these(fill()))

    assert await ask(server, database, "SELECT count(*) FROM octavo.old WHERE visits = 1") == ROWS


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT 5 AS rows, $2::bigint AS key WHERE $1::jsonb IS NULL OR true", "does not get past the key"),
        ("SELECT $1::jsonb AS key, $2::bigint AS size", "does not return one row with `rows`"),
        ("SELECT $2::bigint AS rows WHERE $1::jsonb IS NULL", "does not return one row with `rows`"),
        (
            "SELECT id AS rows, id FROM octavo.old WHERE $1::jsonb IS NULL LIMIT $2",
            "does not return one row",
        ),
    ],
)
async def test_a_chunk_that_cannot_get_on_is_refused_by_name(server, database, statement, words):
    wrong = fill(text=f"-- phase: backfill\n-- chunk: {{chunk}}\n{statement};\n")

    with pytest.raises(MigrationFault, match=words):
        await migrate(admin_of(server, database), migrations=with_these(wrong))

    assert (await entry(server, database, LAST + 1))["state"] == "failed"


def test_chunks_shrink_to_fit_their_time_and_grow_back():
    assert next_size(1_000, 5_000, CHUNK_SECONDS * 4) == 500
    assert next_size(1_000, 5_000, CHUNK_SECONDS / 4) == 2_000
    assert next_size(1_000, 5_000, CHUNK_SECONDS) == 1_000
    assert next_size(4_000, 5_000, 0.0) == 5_000
    assert next_size(1, 5_000, 60.0) == 1
