"""The schema is brought up to date once, in order, and the ledger tells what happened."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from octavo.errors import MigrationFault
from octavo.postgres import server as embedded
from octavo.postgres.migration import read_migrations, required_number
from octavo.postgres.migrator import migrate, plan, status
from octavo.postgres.record import open_record
from octavo.postgres.server import Server
from tests.databases import administrator, empty_database, settings_of
from tests.migration.ledgers import LAST, admin_of, ask, entry, one_more, with_these

A_PROCESS = """
import asyncio, json, sys
from octavo.postgres.migrator import migrate
print(len(asyncio.run(migrate(json.loads(sys.argv[1])))))
"""


@pytest.fixture
async def empty(server: Server) -> AsyncIterator[str]:
    async with empty_database(server) as name:
        yield name


async def test_a_new_database_is_migrated_from_top_to_bottom_and_then_there_is_nothing_to_do(server, empty):
    """S0-063, S1-042"""
    first = await migrate(admin_of(server, empty))
    second = await migrate(admin_of(server, empty))

    assert [applied.number for applied in first] == [migration.number for migration in read_migrations()]
    assert second == []


async def test_many_processes_at_once_apply_each_migration_once(server, empty):
    """S1-133"""
    arguments = json.dumps(admin_of(server, empty))
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            A_PROCESS,
            arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]

    ends = await asyncio.gather(*(process.communicate() for process in processes))

    assert [faults.decode() for _, faults in ends] == [""] * 4
    assert sorted(int(count) for count, _ in ends) == [0, 0, 0, len(read_migrations())]
    assert await ask(server, empty, "SELECT count(*) FROM octavo.epoch") == 1


@pytest.fixture
def new_server() -> Iterator[Server]:
    """A server without any of the roles."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-roles-"))
    folder.chmod(0o755)
    running = embedded.open_server(folder / "data", settings={"fsync": "off", "shared_buffers": "32MB"})
    yield running
    running.close()
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder, ignore_errors=True)


async def test_several_databases_of_a_new_server_are_migrated_at_the_same_time(new_server):
    """Roles belong to the server, and no lock spans its databases."""
    names = [f"database_{number}" for number in range(4)] * 2

    done = await asyncio.gather(*(migrate(admin_of(new_server, name)) for name in names))

    assert sorted(len(applied) for applied in done) == [0] * 4 + [len(read_migrations())] * 4


async def test_a_failure_stays_in_the_ledger_and_nothing_it_did_stays(server, empty):
    """S1-131"""
    failing = one_more("CREATE TABLE octavo.half (id integer);\nSELECT 1 / 0;")

    with pytest.raises(
        MigrationFault, match=rf"{failing.title} failed \(DivisionByZeroError, SQLSTATE 22012\)"
    ):
        await migrate(admin_of(server, empty), migrations=with_these(failing))

    row = await entry(server, empty, failing.number)
    assert (row["state"], row["error"], row["completed_at"]) == ("failed", "division by zero", None)
    assert await ask(server, empty, "SELECT to_regclass('octavo.half')") is None
    assert (await entry(server, empty, LAST))["state"] == "completed"


async def test_a_failed_migration_may_be_mended_and_is_applied_then(server, empty):
    failing = one_more("SELECT 1 / 0;")
    with pytest.raises(MigrationFault):
        await migrate(admin_of(server, empty), migrations=with_these(failing))

    mended = one_more("CREATE TABLE octavo.whole (id integer);")
    applied = await migrate(admin_of(server, empty), migrations=with_these(mended))

    assert [done.number for done in applied] == [mended.number]
    row = await entry(server, empty, mended.number)
    assert (row["state"], row["error"], bytes(row["checksum"])) == ("completed", None, mended.checksum)


async def test_migrations_after_a_failed_one_are_not_applied(server, empty):
    failing, after = one_more("SELECT 1 / 0;"), one_more("SELECT 1;", number=LAST + 2, name="after")

    with pytest.raises(MigrationFault):
        await migrate(admin_of(server, empty), migrations=with_these(failing, after))

    assert await entry(server, empty, after.number) is None


async def test_an_interrupted_migration_is_told_as_started_and_applied_by_the_next_call(server, empty):
    await migrate(admin_of(server, empty))
    waiting = one_more("CREATE TABLE octavo.once (id integer);\nSELECT pg_advisory_xact_lock(4711);")

    async with administrator(server, empty) as holder:
        await holder.execute("SELECT pg_advisory_lock(4711)")
        task = asyncio.create_task(
            migrate(admin_of(server, empty), migrations=with_these(waiting), lock_timeout_seconds=60)
        )
        query = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'advisory'"
            " AND application_name = 'octavo migrate' AND datname = current_database()"
        )
        while not await holder.fetchval(query):
            pass
        with pytest.raises(MigrationFault):
            await task

    assert (await entry(server, empty, waiting.number))["state"] == "started"
    assert len(await migrate(admin_of(server, empty), migrations=with_these(waiting))) == 1
    assert (await entry(server, empty, waiting.number))["state"] == "completed"


async def test_the_state_of_every_migration_is_listed(server, empty):
    """S1-132"""
    failing, later = one_more("SELECT 1 / 0;"), one_more("SELECT 1;", number=LAST + 2, name="later")
    with pytest.raises(MigrationFault):
        await migrate(admin_of(server, empty), migrations=with_these(failing, later))

    told = await status(admin_of(server, empty), migrations=with_these(failing, later))

    assert [one.state for one in told] == ["completed"] * len(read_migrations()) + ["failed", "pending"]
    assert (told[0].applied_by, told[-2].error) == ("octavo_admin", "division by zero")
    assert told[0].completed_at >= told[0].started_at
    assert told[0].duration_ms >= 0


async def test_an_applied_migration_that_was_changed_is_named(server, empty):
    """S1-133"""
    await migrate(admin_of(server, empty), migrations=with_these(one_more("SELECT 1;")))
    changed = with_these(one_more("SELECT 2;"))

    with pytest.raises(MigrationFault, match=rf"{LAST + 1:04}_one_more was changed") as raised:
        await migrate(admin_of(server, empty), migrations=changed)

    assert raised.value.fields == {"migration": f"{LAST + 1:04}_one_more"}
    assert (await status(admin_of(server, empty), migrations=changed))[-1].state == "changed"


async def test_a_record_that_a_newer_version_contracted_is_refused(server, empty):
    narrower = one_more("SELECT 1;", phase="contract")
    await migrate(admin_of(server, empty), migrations=with_these(narrower))

    with pytest.raises(MigrationFault, match=rf"has migration {LAST + 1:04}_one_more, which this version"):
        await migrate(admin_of(server, empty))

    assert (await status(admin_of(server, empty)))[-1].state == "unknown"


@pytest.mark.parametrize("phase", ["expand", "backfill"])
async def test_an_older_version_starts_on_a_record_that_a_newer_one_only_expanded(server, empty, phase):
    """S4-119: while a deployment rolls, a process of the old release that restarts must come up again."""
    await migrate(admin_of(server, empty), migrations=with_these(one_more("SELECT 1;", phase=phase)))

    assert await migrate(admin_of(server, empty)) == []
    record = await open_record(settings_of(server, empty))
    await record.close()


async def test_a_migration_put_in_between_is_refused(server, empty):
    late, applied = one_more("SELECT 1;", name="late"), one_more("SELECT 1;", number=LAST + 2)
    await migrate(admin_of(server, empty), migrations=with_these(applied))

    with pytest.raises(MigrationFault, match=rf"{late.title} comes before {applied.number:04}"):
        await migrate(admin_of(server, empty), migrations=with_these(late, applied))


async def test_a_contraction_waits_until_it_is_asked_for(server, empty):
    """S4-119, S4-122"""
    steps = with_these(
        one_more("CREATE TABLE octavo.wider (id integer);"),
        one_more("INSERT INTO octavo.wider VALUES (1);", number=LAST + 2, name="fill", phase="backfill"),
        one_more("DROP TABLE octavo.wider;", number=LAST + 3, name="narrow", phase="contract"),
    )

    expanded = await migrate(admin_of(server, empty), migrations=steps, until="expand")
    filled = await migrate(admin_of(server, empty), migrations=steps, until="backfill")
    contracted = await migrate(admin_of(server, empty), migrations=steps)

    assert [[one.number for one in done][-1] for done in (expanded, filled, contracted)] == [
        LAST + 1, LAST + 2, LAST + 3,
    ]  # fmt: skip
    assert required_number(steps) == LAST + 2


async def test_a_plan_shows_the_sql_and_changes_nothing(server, empty):
    planned = await plan(admin_of(server, empty))

    assert [step.title for step in planned][:2] == ["0000_roles", "0001_record"]
    assert "CREATE ROLE" in planned[0].sql
    assert "CREATE TABLE octavo.document" in planned[1].sql
    assert await ask(server, empty, "SELECT to_regnamespace('octavo')") is None


async def test_a_plan_of_a_migrated_record_is_what_is_new(server, empty):
    await migrate(admin_of(server, empty))
    new = one_more("SELECT 1;")

    assert await plan(admin_of(server, empty), migrations=with_these(new)) == [new]


async def test_a_missing_database_is_made(server):
    """S1-028"""
    name = f"made_{LAST}_by_migrate"
    try:
        await migrate(admin_of(server, name))

        assert await ask(server, name, "SELECT current_database()") == name
        assert await migrate(admin_of(server, name)) == []
    finally:
        async with administrator(server) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def test_the_rights_a_copied_database_lacks_are_given_again(server, empty):
    await migrate(admin_of(server, empty))
    async with administrator(server, empty) as admin:
        await admin.execute(f"GRANT TEMPORARY ON DATABASE {empty} TO PUBLIC")

    assert await migrate(admin_of(server, empty)) == []

    question = "SELECT has_database_privilege('octavo_app', current_database(), 'TEMPORARY')"
    assert await ask(server, empty, question) is False


async def test_an_administrator_who_is_no_superuser_can_migrate_a_database_of_their_own(server, record):
    name = f"owned_{LAST}"
    async with administrator(server) as admin:
        await admin.execute("CREATE ROLE owner_of_one LOGIN CREATEROLE CREATEDB")
        await admin.execute(
            "GRANT octavo_owner, octavo_lookup, octavo_system TO owner_of_one WITH ADMIN OPTION"
        )
        await admin.execute(f"CREATE DATABASE {name} OWNER owner_of_one")
    async with administrator(server, name) as admin:
        await admin.execute(
            "CREATE EXTENSION vector WITH SCHEMA public"
        )  # which PostgreSQL trusts no owner with
    try:
        applied = await migrate(server.running.dsn("owner_of_one", name))

        assert len(applied) == len(read_migrations())
        assert await ask(server, name, "SELECT applied_by FROM octavo.migration LIMIT 1") == "owner_of_one"
    finally:
        async with administrator(server) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await admin.execute("DROP OWNED BY owner_of_one; DROP ROLE owner_of_one")
