"""What starting runs costs among 100,000 runs and 20,000 documents, of two organizations: it reads what it is about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.pipelines.queueing.runs import Start, start
from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Origin
from octavo.values.pipeline import Reference
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan
from tests.plans.test_run_plans import FILL as RUNS

BIG, OTHER = UUID(int=1), UUID(int=2)
runs = load("octavo.pipelines.queueing", "runs.sql")
# The first document of each is the pipeline, and has the tag `production`.
DOCUMENTS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, name, version, body_hash, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT
    $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
    CASE WHEN i = 1 THEN 'octavo' ELSE 'default' END,
    CASE WHEN i = 1 THEN 'octavo.pipeline' ELSE 'note' END, 'named-' || i, 1, sha256(i::text::bytea), now(), 'ann',
    'user', now(), 'ann', 'user', 1, 1, '1', i
FROM generate_series(1, $2::integer) AS i
"""
BODIES = """
INSERT INTO octavo.body (organization_id, hash, value)
SELECT organization_id, body_hash, jsonb_build_object('steps', '[]'::jsonb, 'id', id) FROM octavo.document
"""
VERSIONS = """
INSERT INTO octavo.version (
    organization_id, document_id, number, change, body_hash, metadata, created_at, created_by, created_by_kind)
SELECT organization_id, id, 1, 'created', body_hash, '{}', created_at, 'ann', 'user' FROM octavo.document
"""
TAGS = """
INSERT INTO octavo.tag (organization_id, document_id, name, version, moved_at, moved_by, moved_by_kind)
SELECT organization_id, id, 'production', 1, now(), 'ann', 'user' FROM octavo.document
"""
PROFILES = """
INSERT INTO octavo.organization_profile (id, name, inner_pad, outer_pad, settings)
VALUES ($1, 'big', decode(repeat('00', 64), 'hex'), decode(repeat('00', 64), 'hex'), '{"runs_per_day": 1000000}')
"""
# New statistics in the middle of a test would have statements planned anew.
NO_VACUUM = """
DO $$
DECLARE relation regclass;
BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'octavo'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', relation);
    END LOOP;
END
$$
"""
# $1 to $7, input, key among the limits.
BEGIN = f"'{BIG}', 'ann', 'user', NULL, NULL, NULL, 5, '{{}}', NULL"
PIPELINE = "'octavo', 'octavo.pipeline', 'named-1'"
IDS = f"ARRAY['{UUID(int=8)}'::uuid, '{UUID(int=9)}'::uuid]"
ABOUT = f"ARRAY['00000000-0000-7000-8000-{7:012x}'::uuid, NULL]"
ASKED = {
    "start_newest": f"{BEGIN}, {IDS}, 2, {PIPELINE}",
    "start_newest_about": f"{BEGIN}, {IDS}, 2, {PIPELINE}, {ABOUT}",
    "start_asked": f"{BEGIN}, {IDS}, 2, {PIPELINE}, 'production', NULL, {ABOUT}",
    "start_runs": (
        f"'{BIG}', 'ann', 'user', NULL, NULL, NULL, 5, 60, NULL, NULL, NULL, {PIPELINE}, 'production', NULL, {IDS}, "
        f"{ABOUT}, '{{}}', 'key'"
    ),
}


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 runs, and 20,000 and 5,000 documents; the first one has a quota."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(NO_VACUUM)
            for organization, number, documents in ((BIG, 100_000, 20_000), (OTHER, 20_000, 5_000)):
                await admin.execute(RUNS, organization, number)
                await admin.execute(DOCUMENTS, organization, documents)
            for statement in (BODIES, VERSIONS, TAGS):
                await admin.execute(statement)
            await admin.execute(PROFILES, BIG)
            await admin.execute(
                "ANALYZE octavo.run, octavo.document, octavo.body, octavo.version, octavo.tag"
            )
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any; what it did is rolled back."""

    async def plan(text: str, arguments: str) -> Plan:
        rows: Any = []
        try:
            async with crowded.app.transaction() as tx:
                await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
                await tx.execute(f"PREPARE asked AS {text}")
                rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
                await tx.execute("DEALLOCATE asked")
                raise InterruptedError
        except InterruptedError:
            return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_a_start_reads_its_pipeline_and_its_documents_alone(planned: Any, name: str):
    plan = await planned(runs[name], ASKED[name])

    read = {
        table: plan.rows_of(table) for table in ("document", "body", "version", "tag") if plan.rows_of(table)
    }
    written = {node["Relation Name"] for node in plan.executed if node["Node Type"] == "ModifyTable"}
    assert {"run", "event"} <= written
    assert read.pop("document") == (1 if name == "start_newest" else 2)
    assert all(rows <= 2 for rows in read.values())


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_a_start_reads_no_run_from_end_to_end(planned: Any, name: str):
    plan = await planned(runs[name], ASKED[name])

    scanned = {node["Relation Name"] for node in plan.executed if node["Node Type"] == "Seq Scan"}
    # A sequence of one row, and tables of one row.
    assert scanned <= {"epoch", "organization_profile", "run_ticket", "event_position"}
    # What is handed on of the new ones, and the one that might have the key.
    assert plan.rows_of("run") <= 2


async def test_starts_are_planned_for_any_parameters(crowded: Record):
    """To plan one for its own costs more than to do it."""
    scope = Scope(crowded.app, BIG, "default", Origin(), Limits(), unheard)
    document = UUID(f"00000000-0000-7000-8000-{7:012x}")
    for documents in ([None], [document], [None] * 50, [document]):
        for _ in range(7):
            await start(scope, Start.of(Reference("named-1"), documents))
            await start(scope, Start.of(Reference("named-1", "production"), documents))

    async with crowded.app.transaction() as transaction:
        rows = await transaction.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE 'WITH%' || $1 || '%'",
            "document_versions",
        )

    assert len(rows) == 3
    # PostgreSQL makes five before it believes that they are no better.
    assert all(row["custom_plans"] <= 5 < row["generic_plans"] for row in rows)
