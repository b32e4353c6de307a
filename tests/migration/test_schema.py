"""`schema.sql` is what the migrations make: read there, believed because of this."""

from __future__ import annotations

import asyncio
from pathlib import Path

import octavo.postgres
from octavo.postgres.migrator import migrate
from octavo.postgres.schema import dump_schema, normalised
from octavo.postgres.server import Server
from tests.databases import administrator, empty_database
from tests.migration.ledgers import admin_of

SCHEMA = Path(octavo.postgres.__file__).with_name("schema.sql")
MEND = "write it anew: python -m octavo.postgres.schema > octavo/postgres/schema.sql"


async def test_the_migrations_make_exactly_schema_sql(server: Server, fresh_database: str):
    """S1-136"""
    made = await asyncio.to_thread(dump_schema, admin_of(server, fresh_database))

    assert made == SCHEMA.read_text("utf-8"), MEND


async def test_schema_sql_makes_exactly_what_it_says(server: Server, record):
    """It is valid SQL that stands on its own, next to the roles and extensions."""
    async with empty_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(
                "CREATE EXTENSION btree_gin; CREATE EXTENSION pg_trgm; CREATE EXTENSION vector"
            )
            await admin.execute("SET check_function_bodies = off")
            await admin.execute(SCHEMA.read_text("utf-8"))

        assert await asyncio.to_thread(dump_schema, admin_of(server, name)) == SCHEMA.read_text("utf-8")


async def test_event_partitions_come_and_go_without_changing_the_schema(server: Server, fresh_database: str):
    before = await asyncio.to_thread(dump_schema, admin_of(server, fresh_database))
    async with administrator(server, fresh_database) as admin:
        made = await admin.fetch("SELECT octavo.keep_event_partitions(14)")

    assert len(made) >= 12
    assert await asyncio.to_thread(dump_schema, admin_of(server, fresh_database)) == before


async def test_a_second_migration_run_changes_nothing(server: Server, fresh_database: str):
    before = await asyncio.to_thread(dump_schema, admin_of(server, fresh_database))

    await migrate(admin_of(server, fresh_database))

    assert await asyncio.to_thread(dump_schema, admin_of(server, fresh_database)) == before


def test_what_differs_between_two_dumps_of_one_schema_is_left_out():
    dump = "--\n-- Name: x\n--\n\n\\restrict abc\nSET row_security = off;\nCREATE TABLE a (\n    b integer\n);\n\n\n\n"

    assert normalised(dump) == "CREATE TABLE a (\n    b integer\n);\n"
