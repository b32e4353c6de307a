"""An index of a partitioned table is built partition by partition, beside writers, and goes on where it was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from octavo.errors import MigrationFault
from octavo.postgres.migrator import migrate
from octavo.postgres.server import Server
from tests.databases import administrator, migrated_database
from tests.migration.ledgers import admin_of, ask, one_more, with_these

MAKE = """
SET ROLE octavo_owner;
CREATE TABLE octavo.log (day date NOT NULL, text text) PARTITION BY RANGE (day);
CREATE TABLE octavo.log_a PARTITION OF octavo.log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE octavo.log_b PARTITION OF octavo.log FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE octavo.log_rest PARTITION OF octavo.log DEFAULT;
INSERT INTO octavo.log SELECT day, 'text' FROM generate_series('2026-01-01'::date, '2026-04-01', '1 day') AS day;
"""
INDEXES = """
SELECT array_agg(format('%s %s', indrelid::regclass, indisvalid) ORDER BY indrelid::regclass::text)
FROM pg_index WHERE indrelid::regclass::text LIKE 'octavo.log%'
"""
ALL = ["octavo.log t", "octavo.log_a t", "octavo.log_b t", "octavo.log_rest t"]
BUILDING = one_more(
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS log_text ON octavo.log (text) WHERE text <> ';';",
    transactional=False,
)


@pytest.fixture
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(MAKE)
        yield name


# An autovacuum that meets the build makes it wait too, before it has begun: so the index has to be there.
WAITS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'octavo migrate' AND wait_event_type = 'Lock' AND datname = current_database()
    AND EXISTS (SELECT FROM pg_index WHERE indrelid = 'octavo.log_b'::regclass)
"""


async def waits(server: Server, database: str) -> int:
    while not (pid := await ask(server, database, WAITS)):
        pass
    return int(pid)


async def test_each_partition_gets_its_index_and_later_ones_too(server, database):
    """S3-064"""
    await migrate(admin_of(server, database), migrations=with_these(BUILDING))

    assert await ask(server, database, INDEXES) == ALL
    async with administrator(server, database) as admin:
        await admin.execute("CREATE TABLE octavo.log_c PARTITION OF octavo.log FOR VALUES FROM ('2027-01-01')"
                            " TO ('2027-02-01')")  # fmt: skip
    assert "octavo.log_c t" in await ask(server, database, INDEXES)


async def test_writers_of_every_partition_go_on_meanwhile(server, database):
    """S3-019, S3-064"""
    async with administrator(server, database) as holder, administrator(server, database) as writer:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO octavo.log_b VALUES ('2026-02-02', 'held')")
        migrating = asyncio.create_task(
            migrate(admin_of(server, database), migrations=with_these(BUILDING), lock_timeout_seconds=0.5)
        )
        await waits(server, database)
        for day in ("2026-01-05", "2026-02-05", "2028-01-01"):
            await asyncio.wait_for(
                writer.execute(f"INSERT INTO octavo.log VALUES ('{day}', 'meanwhile')"), timeout=60
            )
        assert not migrating.done()
        await transaction.commit()
        await migrating

    assert await ask(server, database, INDEXES) == ALL


async def test_a_build_that_was_killed_half_way_leaves_no_broken_index(server, database):
    """S1-134, S3-064: one partition is done, the next one half; both are right after the next run."""
    async with administrator(server, database) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO octavo.log_b VALUES ('2026-02-02', 'held')")
        migrating = asyncio.create_task(migrate(admin_of(server, database), migrations=with_these(BUILDING)))
        pid = await waits(server, database)
        await holder.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(MigrationFault):
            await migrating
        await transaction.commit()
    half = await ask(server, database, INDEXES)

    await migrate(admin_of(server, database), migrations=with_these(BUILDING))

    assert half == ["octavo.log f", "octavo.log_a t", "octavo.log_b f"]
    assert await ask(server, database, INDEXES) == ALL
