"""A migration gives way to who works, and an index is built while others write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from octavo.errors import MigrationFault
from octavo.postgres.migrator import migrate
from octavo.postgres.server import Server
from tests.databases import administrator, migrated_database
from tests.migration.ledgers import admin_of, ask, entry, one_more, with_these

BUSY = "SELECT pid FROM pg_stat_activity WHERE application_name = 'octavo migrate' AND datname = $1 AND {}"


@pytest.fixture
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("SET ROLE octavo_owner")
            await admin.execute("CREATE TABLE octavo.busy (id integer)")
        yield name


async def test_a_migration_steps_back_from_a_lock_and_readers_get_through(server, database):
    """S4-120"""
    altering = one_more("ALTER TABLE octavo.busy ADD COLUMN more integer;")

    async with administrator(server, database) as holder, administrator(server, database) as reader:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO octavo.busy VALUES (1)")
        migrating = asyncio.create_task(
            migrate(admin_of(server, database), migrations=with_these(altering), lock_timeout_seconds=0.05)
        )
        while not await reader.fetchval(BUSY.format("wait_event_type = 'Lock'"), database):
            pass
        # It waits for its lock now, and whoever comes after it waits for it: for 50 ms, and no longer.
        assert await asyncio.wait_for(reader.fetchval("SELECT count(*) FROM octavo.busy"), 60) == 0
        assert not migrating.done()
        await transaction.commit()

        assert len(await migrating) == 1


async def test_a_migration_that_never_gets_its_lock_fails_and_says_so(server, database):
    altering = one_more("ALTER TABLE octavo.busy ADD COLUMN more integer;")

    async with administrator(server, database) as holder, holder.transaction():
        await holder.execute("INSERT INTO octavo.busy VALUES (1)")
        with pytest.raises(MigrationFault, match="got no lock on its tables"):
            await migrate(
                admin_of(server, database),
                migrations=with_these(altering),
                lock_timeout_seconds=0.01,
                lock_attempts=2,
            )

    assert (await entry(server, database, altering.number))["state"] == "failed"


async def test_an_index_is_built_without_a_transaction_while_another_process_waits_to_migrate(
    server, database
):
    """S1-134, S3-019: a waiting process must not hold a snapshot, or the two would wait for each other."""
    building = one_more(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS busy_id ON octavo.busy (id);\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS busy_id_desc ON octavo.busy (id DESC);",
        transactional=False,
    )
    these = with_these(building)

    done = await asyncio.wait_for(
        asyncio.gather(*(migrate(admin_of(server, database), migrations=these) for _ in range(4))), 60
    )

    assert sum(len(applied) for applied in done) == 1
    valid = "SELECT count(*) FROM pg_index WHERE indrelid = 'octavo.busy'::regclass AND indisvalid"
    assert await ask(server, database, valid) == 2


async def test_writers_go_on_while_an_index_is_built(server, database):
    """S3-019"""
    building = one_more(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS busy_id ON octavo.busy (id);", transactional=False
    )

    async with administrator(server, database) as holder, administrator(server, database) as writer:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO octavo.busy VALUES (1)")
        migrating = asyncio.create_task(
            migrate(admin_of(server, database), migrations=with_these(building), lock_timeout_seconds=60)
        )
        while not await writer.fetchval(BUSY.format("wait_event_type = 'Lock'"), database):
            pass
        await asyncio.wait_for(writer.execute("INSERT INTO octavo.busy VALUES (2)"), 60)
        assert not migrating.done()
        await transaction.commit()
        await migrating

    assert await ask(server, database, "SELECT count(*) FROM octavo.busy") == 2


async def test_an_interrupted_index_is_dropped_and_built_again(server, database):
    """S1-134"""
    building = one_more(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS busy_id ON octavo.busy (id);", transactional=False
    )
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('octavo.busy_id')"

    async with administrator(server, database) as holder, administrator(server, database) as other:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO octavo.busy VALUES (1)")
        migrating = asyncio.create_task(
            migrate(admin_of(server, database), migrations=with_these(building), lock_timeout_seconds=60)
        )
        while not (pid := await other.fetchval(BUSY.format("wait_event_type = 'Lock'"), database)):
            pass
        await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(MigrationFault):
            await migrating
        await transaction.commit()

    assert await ask(server, database, valid) is False
    await migrate(admin_of(server, database), migrations=with_these(building))
    assert await ask(server, database, valid) is True
