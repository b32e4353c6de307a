"""Candidates come from a view that keeps its index under row-level security, and why only total
expressions may be applied to it.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import asyncpg
import pytest

from octavo.postgres.server import Server
from tests.databases import administrator, connect, migrated_database

ROWS = 100_000
ORGANIZATIONS = 10
LARGE = uuid.UUID(int=1)

FILL = """
INSERT INTO octavo.document_filter (
    organization_id, document_id, namespace, type, created_at, created_by, updated_at, updated_by, version, fields,
    metadata
)
SELECT
    -- three quarters of all rows belong to the first organization
    lpad(to_hex(CASE WHEN n % 4 < 3 THEN 1 ELSE 2 + (n / 4) % ($2 - 1) END), 32, '0')::uuid,
    gen_random_uuid(), 'default', 'order', now(), 'ann', now(), 'ann', 1,
    jsonb_build_object(
        'number', n, 'status', 'status ' || n % 1000,
        -- the first organization's codes are numbers, everybody else's are none of its business
        'code', CASE WHEN n % 4 < 3 THEN n::text ELSE 'secret-' || n END),
    '{}'
FROM generate_series(1, $1) AS n
"""
FROM_VIEW = """
SELECT document_id FROM octavo.lookup WHERE organization_id = $1::octavo.organization AND fields @> $2
"""
FROM_TABLE = FROM_VIEW.replace("octavo.lookup", "octavo.document_filter")
THEN_ROWS = f"""
WITH candidate AS MATERIALIZED ({FROM_VIEW})
SELECT stored.document_id, stored.fields FROM candidate
INNER JOIN octavo.document_filter AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.document_id = candidate.document_id
"""
WANTED = json.dumps({"status": "status 42"})


@pytest.fixture(scope="module")
async def filled(server: Server) -> Any:
    """A database with 100,000 documents of ten organizations, one of them large."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("SET synchronous_commit = off")
            await admin.execute(FILL, ROWS, ORGANIZATIONS)
            await admin.execute("VACUUM ANALYZE octavo.document_filter")
        yield name


@pytest.fixture
async def app(server: Server, filled: str) -> Any:
    connection = await connect(server, "octavo_app", filled)
    yield connection
    await connection.close()


async def plan(connection: asyncpg.Connection, statement: str, *arguments: Any) -> str:
    rows = await connection.fetch(
        f"EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, SUMMARY OFF) {statement}", *arguments
    )
    return "\n".join(row[0] for row in rows)


async def test_the_view_finds_candidates_by_the_index_of_fields(app):
    told = await plan(app, FROM_VIEW, LARGE, WANTED)

    assert "Index Scan on document_filter_fields" in told
    assert "fields @> " in told.split("Index Cond:")[1].splitlines()[0]


async def test_the_table_under_row_level_security_reads_the_whole_organization(app):
    """The reason for the view: @> is not leakproof, so it is asked only of rows the policy let through."""
    told = await plan(app, FROM_TABLE, LARGE, WANTED)

    assert all("fields @>" not in line for line in told.splitlines() if "Index Cond" in line)
    assert int(told.split("Rows Removed by Filter: ")[1].split()[0]) > 70_000


async def test_both_find_the_same_rows_and_only_the_organizations_own(app):
    through_view = {row["document_id"] for row in await app.fetch(FROM_VIEW, LARGE, WANTED)}
    through_table = {row["document_id"] for row in await app.fetch(FROM_TABLE, LARGE, WANTED)}

    assert through_view == through_table
    assert len(through_view) == ROWS // 1000


async def test_rows_are_read_from_the_table_after_the_candidates(app):
    """Without MATERIALIZED the planner removes the self-join, and the index with it."""
    told = await plan(app, THEN_ROWS, LARGE, WANTED)
    joined = await plan(
        app,
        "SELECT stored.document_id, stored.fields FROM octavo.lookup AS candidate"
        " INNER JOIN octavo.document_filter AS stored USING (organization_id, document_id)"
        " WHERE organization_id = $1::octavo.organization AND candidate.fields @> $2",
        LARGE,
        WANTED,
    )

    assert "Index Scan on document_filter_fields" in told
    assert "fields @> " in told.split("document_filter_fields")[1]
    assert all("fields @>" not in line for line in joined.splitlines() if "Index Cond" in line)


async def test_the_view_gives_nothing_to_who_is_bound_to_nothing(app):
    assert await app.fetch("SELECT FROM octavo.lookup") == []


CAST = "SELECT count(*) FROM octavo.lookup WHERE (fields ->> 'code')::integer IS NOT NULL"
BIND = f"SELECT set_config('octavo.organization', '{LARGE}', true)"


@pytest.fixture
async def small(server: Server, fresh_database: str) -> Any:
    """A connection bound to the first organization in a table so small that PostgreSQL reads it whole."""
    async with administrator(server, fresh_database) as admin:
        await admin.execute(FILL, 40, 3)
        await admin.execute("ANALYZE octavo.document_filter")
    connection = await connect(server, "octavo_app", fresh_database)
    async with connection.transaction():
        await connection.execute(BIND)
        yield connection
    await connection.close()


async def test_a_cast_through_a_view_without_barrier_raises_another_organizations_value(
    small, server, fresh_database
):
    """The reason for total expressions: PostgreSQL asks the cheaper condition first, which is the cast."""
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "CREATE VIEW public.naive AS SELECT * FROM octavo.document_filter"
            " WHERE organization_id = nullif(current_setting('octavo.organization', true), '')::uuid;"
            " GRANT SELECT ON public.naive TO octavo_app"
        )

    with pytest.raises(asyncpg.InvalidTextRepresentationError, match='integer: "secret-'):
        await small.fetch(CAST.replace("octavo.lookup", "public.naive"))
    await small.execute("ROLLBACK; BEGIN")


async def test_the_lookup_view_asks_for_the_organization_first(small):
    """Its owner is under a policy, so conditions that are not leakproof wait for the ones that are.

    PostgreSQL promises this order of no plan, so the filters' compiler emits total expressions all the same.
    """
    [told] = [row[0] for row in await small.fetch(f"EXPLAIN {CAST}") if "Filter:" in row[0]]

    assert told.index("organization_id") < told.index("integer")
    assert await small.fetchval(CAST) == 30


async def test_the_same_cast_on_the_table_raises_nothing(small):
    assert await small.fetchval(CAST.replace("octavo.lookup", "octavo.document_filter")) == 30


async def test_a_total_expression_through_the_view_raises_nothing(small):
    assert await small.fetchval("SELECT count(*) FROM octavo.lookup WHERE fields @? '$.code ? (@ > 1)'") == 0
