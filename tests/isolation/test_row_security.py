"""What PostgreSQL itself refuses, whatever the code above it does: shown in its catalog and by trying."""

from __future__ import annotations

import uuid

import pytest

from octavo.errors import AccessDenied, InvalidInput
from octavo.postgres.server import Server
from octavo.store import organizations
from tests.databases import administrator, connect

OF_THE_ORGANIZATION = "(NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid"
# Tables of the record as a whole. Of these the role of calls may at most read.
OF_ALL = "epoch", "migration", "document_type"

TABLES = """
SELECT
    relation.relname AS name,
    relation.relrowsecurity AS enabled,
    relation.relforcerowsecurity AS forced,
    relation.relispartition AS is_partition,
    (SELECT attname FROM pg_attribute WHERE attrelid = relation.oid AND attname = 'organization_id') AS owner_column,
    ARRAY(
        SELECT format('%s to %s: %s', policyname, roles[1], qual) FROM pg_policies
        WHERE schemaname = 'octavo' AND tablename = relation.relname ORDER BY policyname
    ) AS policies,
    ARRAY(
        SELECT word
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS word
        WHERE has_table_privilege('octavo_app', relation.oid, word)
    ) AS rights
FROM pg_class AS relation
WHERE relation.relnamespace = 'octavo'::regnamespace AND relation.relkind IN ('r', 'p')
"""
# Two indexes of one table: the columns, with operator class and order, of the first begin those of the second.
REDUNDANT = """
SELECT shorter.indexrelid::regclass::text AS shorter, longer.indexrelid::regclass::text AS longer
FROM pg_index AS shorter
INNER JOIN pg_index AS longer
    ON longer.indrelid = shorter.indrelid AND longer.indexrelid <> shorter.indexrelid
INNER JOIN pg_class AS one ON one.oid = shorter.indexrelid
INNER JOIN pg_class AS two ON two.oid = longer.indexrelid AND two.relam = one.relam
WHERE one.relnamespace = 'octavo'::regnamespace
    AND shorter.indnkeyatts <= longer.indnkeyatts
    AND (shorter.indkey::int2[])[0:shorter.indnkeyatts - 1] = (longer.indkey::int2[])[0:shorter.indnkeyatts - 1]
    AND (shorter.indclass::oid[])[0:shorter.indnkeyatts - 1] = (longer.indclass::oid[])[0:shorter.indnkeyatts - 1]
    AND (shorter.indoption::int2[])[0:shorter.indnkeyatts - 1] = (longer.indoption::int2[])[0:shorter.indnkeyatts - 1]
    AND shorter.indexprs IS NOT DISTINCT FROM longer.indexprs
    AND pg_get_expr(shorter.indpred, shorter.indrelid) IS NOT DISTINCT FROM pg_get_expr(longer.indpred, longer.indrelid)
    -- A unique index does more than find rows, unless the other one is as short and does it too.
    AND (NOT shorter.indisunique OR (longer.indisunique AND shorter.indnkeyatts = longer.indnkeyatts))
"""
DEFINERS = """
SELECT proname AS name, proconfig AS config, has_function_privilege('public', oid, 'EXECUTE') AS anybody
FROM pg_proc WHERE pronamespace = 'octavo'::regnamespace AND prosecdef
"""


@pytest.fixture
async def tables(server: Server, record):
    async with administrator(server) as admin:
        return await admin.fetch(TABLES)


async def test_every_table_of_organizations_is_under_forced_row_level_security(tables):
    """S0-062"""
    tenants = [table for table in tables if table["name"] not in OF_ALL and not table["is_partition"]]
    owned = [t for t in tenants if t["owner_column"] or t["name"] == "organization_profile"]

    assert len(owned) >= 11
    for table in owned:
        column = table["owner_column"] or "id"
        assert (table["enabled"], table["forced"]) == (True, True), table["name"]
        assert f"organization to octavo_app: ({column} = {OF_THE_ORGANIZATION})" in table["policies"], table[
            "name"
        ]
        assert "system to octavo_system: true" in table["policies"], table["name"]


async def test_a_table_without_an_organization_is_nothing_the_role_of_calls_may_write(tables):
    for table in tables:
        if table["owner_column"] is None and table["name"] != "organization_profile":
            assert set(table["rights"]) <= {"SELECT"}, table["name"]


async def test_partitions_of_the_log_are_reached_only_through_it(tables):
    """Policies hold for the table a statement names; a partition has none, so nobody may name it."""
    partitions = [table for table in tables if table["is_partition"]]

    assert len(partitions) >= 4
    assert [table["name"] for table in partitions if table["rights"]] == []


async def test_no_policy_lets_the_role_of_calls_past_its_organization(server: Server, record):
    async with administrator(server) as admin:
        loose = await admin.fetch(
            "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'octavo'"
            " AND (roles && ARRAY['octavo_app', 'public']::name[]) AND coalesce(qual, '') NOT LIKE $1",
            f"%= {OF_THE_ORGANIZATION})",
        )

    assert loose == []


async def test_no_index_repeats_another(server: Server, record):
    """S0-075"""
    async with administrator(server) as admin:
        assert [dict(row) for row in await admin.fetch(REDUNDANT)] == []


async def test_the_search_for_repeated_indexes_finds_one(server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        await admin.execute("CREATE INDEX repeated ON octavo.tag (organization_id, name)")

        found = await admin.fetch(REDUNDANT)

    assert [dict(row) for row in found] == [{"shorter": "octavo.repeated", "longer": "octavo.tag_name"}]


async def test_functions_with_their_owners_rights_are_closed_to_everybody_else(server: Server, record):
    async with administrator(server) as admin:
        functions = await admin.fetch(DEFINERS)

    assert len(functions) >= 1
    for function in functions:
        assert any(setting.startswith("search_path=") for setting in function["config"] or []), function[
            "name"
        ]
        assert not function["anybody"], function["name"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE octavo.event SET actor = 'somebody else'",
        "DELETE FROM octavo.event",
        "TRUNCATE octavo.event",
        "SELECT FROM octavo.event_default",
        "TRUNCATE octavo.document",
        "UPDATE octavo.epoch SET number = number + 1",
        "INSERT INTO octavo.organization_profile SELECT * FROM octavo.organization_profile",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE TABLE octavo.mine ()",
        "CREATE TABLE public.mine ()",
        "ALTER TABLE octavo.document DISABLE ROW LEVEL SECURITY",
        "DROP POLICY organization ON octavo.document",
        "SET LOCAL ROLE octavo_system",
        "SET LOCAL ROLE octavo_lookup",
        "SET LOCAL SESSION AUTHORIZATION octavo_admin",
        "SELECT octavo.keep_event_partitions(1)",
        "COPY octavo.document TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
async def test_the_role_of_calls_is_refused(record, statement):
    """S3-029: what is in the log stays as it was written."""
    with pytest.raises(AccessDenied):
        async with record.app.transaction() as transaction:
            await transaction.execute(statement)


async def test_a_null_organization_is_refused(record, organization):
    with pytest.raises(InvalidInput, match="one_organization_a_transaction"):
        await record.app.fetch(
            "SELECT FROM octavo.organization_profile WHERE id = $1::octavo.organization", None
        )


async def test_a_statement_that_binds_nothing_reads_nothing(record, organization):
    assert await record.app.fetch("SELECT name FROM octavo.organization_profile") == []


async def test_an_organization_in_a_plain_parameter_reads_nothing(record, organization):
    assert (
        await record.app.fetch("SELECT FROM octavo.organization_profile WHERE id = $1::uuid", organization.id)
        == []
    )


async def test_an_organization_bound_as_it_must_be_reads_its_own(record, organization):
    [row] = await record.app.fetch(
        "SELECT name FROM octavo.organization_profile WHERE id = $1::octavo.organization", organization.id
    )

    assert row["name"] == organization.name


async def test_asking_for_another_organizations_rows_reads_nothing(record, organization):
    other = await organizations.create(record.system, f"other-{uuid.uuid4().hex}")

    rows = await record.app.fetch(
        "SELECT FROM octavo.organization_profile WHERE $1::octavo.organization IS NOT NULL AND id = $2",
        organization.id,
        other.id,
    )

    assert rows == []


async def test_a_row_cannot_be_written_for_another_organization(record, organization):
    other = await organizations.create(record.system, f"other-{uuid.uuid4().hex}")

    with pytest.raises(AccessDenied, match="another organization"):
        await record.app.execute(
            "INSERT INTO octavo.stream (organization_id, name, sequence, epoch, position_xid, position_id)"
            " SELECT $2, 'theirs', 1, 1, pg_current_xact_id(), 1 WHERE $1::octavo.organization IS NOT NULL",
            organization.id,
            other.id,
        )


async def test_the_binding_ends_with_the_statement_that_made_it(record, organization):
    async with record.app.connection() as connection:
        await connection.fetch("SELECT $1::octavo.organization", organization.id)

        assert await connection.fetchval("SELECT current_setting('octavo.organization', true)") == ""


async def test_organizations_take_turns_on_one_connection_and_never_meet(record, server: Server):
    """S1-027: also when PostgreSQL has made one generic plan for all of them."""
    made = [await organizations.create(record.system, f"turn-{uuid.uuid4().hex}") for _ in range(5)]
    question = "SELECT name FROM octavo.organization_profile WHERE id = $1::octavo.organization"
    connection = await connect(server, "octavo_app", "octavo")
    try:
        statement = await connection.prepare(question)
        told = [await statement.fetch(made[turn % 5].id) for turn in range(100)]
    finally:
        await connection.close()

    assert [[row["name"] for row in rows] for rows in told] == [[made[turn % 5].name] for turn in range(100)]


async def test_a_second_organization_in_one_transaction_is_refused_and_the_first_may_come_again(
    record, organization
):
    other = await organizations.create(record.system, f"other-{uuid.uuid4().hex}")
    bind = "SELECT $1::octavo.organization"

    async def twice_the_same() -> None:
        async with record.app.transaction() as transaction:
            await transaction.fetch(bind, organization.id)
            await transaction.fetch(bind, organization.id)

    async def two() -> None:
        async with record.app.transaction() as transaction:
            await transaction.fetch(bind, organization.id)
            await transaction.fetch(bind, other.id)

    await twice_the_same()
    with pytest.raises(InvalidInput, match="one_organization_a_transaction"):
        await two()


async def test_two_organizations_in_one_statement_are_refused(record, organization):
    other = await organizations.create(record.system, f"other-{uuid.uuid4().hex}")

    with pytest.raises(InvalidInput, match="one_organization_a_transaction"):
        await record.app.fetch(
            "SELECT $1::octavo.organization, $2::octavo.organization", organization.id, other.id
        )


async def test_who_dumps_sees_all_and_may_change_nothing(server: Server, record, organization):
    connection = await connect(server, "octavo_backup", "octavo")
    try:
        assert await connection.fetchval("SELECT count(*) FROM octavo.organization_profile") >= 1
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute("DELETE FROM octavo.organization_profile")
    finally:
        await connection.close()
