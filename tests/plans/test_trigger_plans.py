"""What a look for missing runs reads among 40,000 documents of several organizations, and as many runs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BIG, OTHER, PIPELINE = UUID(int=1), UUID(int=2), UUID(int=9)
triggers = load("octavo.pipelines.starting", "triggers.sql")
# One document in four is a note. Each has a completed run, of every second one about the version it has.
FILTERS = """
INSERT INTO octavo.document_filter (
    organization_id, document_id, namespace, type, created_at, created_by, updated_at, updated_by, version, fields,
    metadata)
SELECT
    $1::uuid, md5($1::text || i)::uuid, 'default', (ARRAY['note', 'article', 'ticket', 'page'])[1 + i % 4],
    timestamptz '2026-01-01' + i * interval '1 second', 'ann',
    timestamptz '2026-02-01' + (i + $2) * interval '1 second', 'ann', 2, '{}', '{}'
FROM generate_series(1, $2::integer) AS i
"""
DOCUMENTS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind, updated_at,
    updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT
    organization_id, document_id, namespace, type, 2, sha256(document_id::text::bytea), created_at, 'ann', 'user',
    updated_at, 'ann', 'user', 1, 1, '1', nextval('octavo.event_position')
FROM octavo.document_filter
"""
HISTORY = """
INSERT INTO octavo.run_history (
    organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state,
    input, output, attempt, max_attempts, created_at, started_at, ended_at, actor, actor_kind, epoch, position_xid,
    position_id, trigger
)
SELECT
    organization_id, id, 'p', $1, 1, id, 1 + (position_id / 4 % 2)::integer, 5, 'completed', '{}', '{}', 1, 5,
    created_at, created_at, updated_at, 'ann', 'user', 1, '1', position_id, 't'
FROM octavo.document
"""
EVENTS = """
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version, data, actor,
    actor_kind)
SELECT
    updated_at, 1, '1', position_id, organization_id, 'document-' || id, 2, 'document.updated', id, 2, '{}', 'ann',
    'user'
FROM octavo.document
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in ((BIG, 30_000), (OTHER, 10_000)):
                await admin.execute(FILTERS, organization, number)
            await admin.execute(DOCUMENTS)
            await admin.execute(HISTORY, PIPELINE)
            await admin.execute(EVENTS)
            await admin.execute(
                "ANALYZE octavo.document, octavo.document_filter, octavo.run_history, octavo.event"
            )
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any."""

    async def plan(text: str, arguments: str) -> Plan:
        async with crowded.app.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def document(number: int) -> UUID:
    """The id of a document of the big organization."""
    return UUID(hashlib.md5(f"{BIG}{number}".encode()).hexdigest())


def read(plan: Plan, prefix: str) -> float:
    """Rows that were read of a table and of its partitions."""
    tables = {node["Relation Name"] for node in plan.executed if "Relation Name" in node}
    return sum(plan.rows_of(table) for table in tables if table.startswith(prefix))


@pytest.mark.parametrize("number", [0, 15_000], ids=["first", "middle"])
async def test_a_page_of_a_look_for_missing_runs_reads_its_page(planned: Any, number: int):
    behind = f"'{BEGIN + timedelta(seconds=number)}', '{document(number)}'"
    models = "'production', 'octavo', 'octavo.model'"
    arguments = f"'{BIG}', 'default', 'note', {behind}, 500, '{PIPELINE}', 1, NULL, NULL, {models}"

    plan = await planned(triggers.page_without_run, arguments)

    assert plan.rows_of("document_filter") <= 501
    assert plan.rows_of("document") <= 501
    assert read(plan, "run") <= 500
    # Those whose run is about an older version are asked who wrote the newest one.
    assert read(plan, "event") <= 300


async def test_whether_a_newer_run_is_there_reads_the_runs_of_one_document(planned: Any):
    plan = await planned(triggers.newer_run, f"'{BIG}', '{document(7)}', 1, 't', '{UUID(int=5)}'")

    assert read(plan, "run") <= 2
