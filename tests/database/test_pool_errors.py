"""What PostgreSQL says of stored values never leaves: every error is ours, typed, and quotes no data."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg.exceptions import _base as driver

from octavo.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    Contention,
    InvalidInput,
    MigrationNeeded,
    NotFound,
    OctavoError,
    RecordFault,
    StorageFault,
)
from octavo.postgres.pool import Pool
from octavo.postgres.server import Server
from octavo.postgres.translate import translate
from tests.pools import Pools

SECRET = "secret4711"

SCHEMA = """
CREATE SCHEMA {schema};
CREATE TYPE {schema}.mood AS ENUM ('calm');
CREATE TABLE {schema}.one (
    id text PRIMARY KEY,
    amount integer CHECK (amount > 0),
    parent text REFERENCES {schema}.one (id),
    note text,
    EXCLUDE USING btree (note WITH =)
);
INSERT INTO {schema}.one VALUES ('secret4711', 1, NULL, 'secret4711');
CREATE FUNCTION {schema}.shout() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'stored: secret4711'; END $$;
CREATE FUNCTION {schema}.own() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'the field title holds no number' USING ERRCODE = 'OC001'; END $$;
"""

# Each provokes an error whose PostgreSQL text quotes the stored value, and the error it becomes.
QUOTING = {
    "unique": ("INSERT INTO {schema}.one VALUES ('secret4711')", AlreadyExists),
    "check": ("INSERT INTO {schema}.one SELECT id || '2', -1 FROM {schema}.one", InvalidInput),
    "not null": ("INSERT INTO {schema}.one SELECT NULL, 4, id FROM {schema}.one", InvalidInput),
    "foreign key": ("INSERT INTO {schema}.one SELECT 'x', 4, id || '2' FROM {schema}.one", NotFound),
    "exclusion": ("INSERT INTO {schema}.one SELECT 'x', 4, NULL, note FROM {schema}.one", AlreadyExists),
    "number": ("SELECT id::integer FROM {schema}.one", InvalidInput),
    "uuid": ("SELECT id::uuid FROM {schema}.one", InvalidInput),
    "date": ("SELECT id::date FROM {schema}.one", InvalidInput),
    "boolean": ("SELECT id::boolean FROM {schema}.one", InvalidInput),
    "json": ("SELECT id::jsonb FROM {schema}.one", InvalidInput),
    "enumeration": ("SELECT id::{schema}.mood FROM {schema}.one", InvalidInput),
    "relation": ("SELECT id::regclass FROM {schema}.one", InvalidInput),
    "role": ("SELECT id::regrole FROM {schema}.one", InvalidInput),
    "language": ("SELECT to_tsvector(id::regconfig, 'x') FROM {schema}.one", InvalidInput),
    "own function": ("SELECT {schema}.shout()", RecordFault),
}  # fmt: skip


@pytest.fixture(scope="module")
async def pool(server: Server, record) -> AsyncIterator[Pool]:
    """As the administrator, so that nothing but the value is in the way."""
    made = Pools(server, "octavo")
    yield await made.open("octavo_admin")
    await made.close()


@pytest.fixture(scope="module")
async def schema(pool: Pool) -> AsyncIterator[str]:
    name = f"errors_{uuid.uuid4().hex}"
    await pool.execute(SCHEMA.format(schema=name))
    yield name
    await pool.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.mark.parametrize("case", QUOTING)
async def test_no_error_quotes_a_stored_value(pool, schema, case):
    statement, kind = QUOTING[case]

    with pytest.raises(kind) as raised:
        await pool.fetch(statement.format(schema=schema))

    assert SECRET not in str(raised.value)
    assert SECRET not in repr(raised.value.as_dict())
    assert isinstance(raised.value.__cause__, asyncpg.PostgresError)


@pytest.mark.parametrize("case", QUOTING)
async def test_postgresql_itself_does_quote(pool, schema, case):
    """Else the test above would prove nothing."""
    with pytest.raises(OctavoError) as raised:
        await pool.fetch(QUOTING[case][0].format(schema=schema))

    assert SECRET in str(raised.value.__cause__)


async def test_an_error_our_own_sql_raises_comes_through_with_its_words(pool, schema):
    with pytest.raises(InvalidInput, match="the field title holds no number"):
        await pool.fetch(f"SELECT {schema}.own()")


async def test_a_full_disk_is_a_storage_fault(pool):
    with pytest.raises(StorageFault, match="refuses to be written"):
        await pool.execute("COPY (SELECT generate_series(1, 100000)) TO '/dev/full'")


@pytest.mark.parametrize(("source", "kind"), [("md.c", StorageFault), ("aclchk.c", AccessDenied)])
def test_a_read_only_disk_is_told_from_a_missing_right(source, kind):
    """PostgreSQL reports both as 42501; the fields are those of its message."""
    fields = {"S": "ERROR", "V": "ERROR", "C": "42501", "M": "could not open file", "F": source}

    assert isinstance(translate(driver.PostgresError.new(fields)), kind)


async def test_a_missing_right_is_access_denied(server, record):
    with pytest.raises(AccessDenied, match="connected role"):
        await record.app.fetch("SELECT * FROM pg_authid")


async def test_a_deadlock_is_tried_again_and_both_writers_succeed(pool, schema):
    await pool.execute(
        f"CREATE TABLE {schema}.pair (id integer PRIMARY KEY, hits integer NOT NULL DEFAULT 0)"
    )
    await pool.execute(f"INSERT INTO {schema}.pair VALUES (1), (2)")
    both = (
        f"WITH first AS (UPDATE {schema}.pair SET hits = hits + 1 WHERE id = $1 RETURNING pg_sleep(0.05))"
        f" UPDATE {schema}.pair SET hits = hits + 1 WHERE id = $2 AND EXISTS (SELECT FROM first)"
    )

    await asyncio.gather(pool.execute(both, 1, 2), pool.execute(both, 2, 1))

    assert [row["hits"] for row in await pool.fetch(f"SELECT hits FROM {schema}.pair")] == [2, 2]


async def test_a_serialization_failure_in_a_transaction_is_contention(pool, schema):
    await pool.execute(f"CREATE TABLE {schema}.counter AS SELECT 1 AS hits")

    async def overtake() -> None:
        async with pool.transaction(snapshot=True) as transaction:
            await transaction.fetch(f"SELECT hits FROM {schema}.counter")
            await pool.execute(f"UPDATE {schema}.counter SET hits = hits + 1")
            await transaction.execute(f"UPDATE {schema}.counter SET hits = hits + 1")

    with pytest.raises(Contention, match="concurrent writers"):
        await overtake()


async def test_a_lock_that_is_taken_is_a_conflict(pool, schema):
    await pool.execute(f"CREATE TABLE {schema}.guarded AS SELECT 1 AS hits")

    async with pool.transaction() as transaction:
        await transaction.execute(f"SELECT FROM {schema}.guarded FOR UPDATE")
        with pytest.raises(Conflict, match="holds the lock"):
            await pool.execute(f"SELECT FROM {schema}.guarded FOR UPDATE NOWAIT")


async def test_a_missing_part_of_our_schema_asks_for_a_migration(pool):
    with pytest.raises(MigrationNeeded, match="lacks something"):
        await pool.fetch("SELECT FROM octavo.table_of_the_next_version")


async def test_a_mistake_in_the_callers_own_sql_is_told_as_such(pool):
    with pytest.raises(InvalidInput, match='relation "no_such_table" does not exist'):
        await pool.fetch("SELECT FROM no_such_table")


async def test_a_value_of_a_wrong_type_names_its_parameter_and_costs_no_connection(pool):
    before = pool.open_connections

    with pytest.raises(InvalidInput, match=r"parameter \$2") as raised:
        await pool.fetchrow("SELECT $1::text, $2::integer", "x", SECRET)

    assert SECRET not in str(raised.value)
    assert pool.open_connections == before


async def test_a_text_with_a_zero_character_is_invalid_input(pool):
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        await pool.fetchrow("SELECT $1::text", "a\x00b")


async def test_json_with_a_zero_character_is_invalid_input(pool):
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        await pool.fetchrow("SELECT $1::jsonb", b'{"a": "\\u0000"}')


async def test_a_value_too_large_for_an_index_is_invalid_input(pool, schema):
    await pool.execute(f"CREATE TABLE {schema}.wide (word text PRIMARY KEY)")

    with pytest.raises(InvalidInput, match="larger than PostgreSQL can hold"):
        await pool.execute(
            f"INSERT INTO {schema}.wide SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) AS n"
        )
