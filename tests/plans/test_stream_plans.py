"""How streams, traces and expiry are looked up among 100,000 events and documents of several organizations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BIG, OTHER = UUID(int=1), UUID(int=2)
SMALL = [UUID(int=n) for n in range(100, 150)]

# A thousand streams; one event in a hundred has a correlation, and of one correlation there are five.
EVENTS = """
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind,
    correlation_id)
SELECT
    now() - i * interval '1 second', 1, '900', nextval('octavo.event_position'), $1, 'ops-' || i % 1000,
    1 + i / 1000, 'host.seen', '{}', 'ann', 'user', CASE WHEN i % 100 = 0 THEN 'c-' || i % 200 * 100 + i / 500 END
FROM generate_series(1, $2::integer) AS i
"""
STREAMS = """
INSERT INTO octavo.stream (organization_id, name, sequence, epoch, position_xid, position_id)
SELECT $1, 'ops-' || i, 100, 1, '900', i FROM generate_series(0, 999) AS i
"""
# One in a thousand expires, and of those every tenth is due.
DOCUMENTS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, name, version, body_hash, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id, expires_at)
SELECT
    $1::uuid, md5($1::uuid::text || i)::uuid, 'default', 'session', 'doc-' || i, 1, sha256(i::text::bytea), now(),
    'ann', 'user', now(), 'ann', 'user', 1, 1, '1', nextval('octavo.event_position'),
    CASE WHEN i % 10000 = 0 THEN now() - interval '1 minute' WHEN i % 1000 = 0 THEN now() + interval '1 day' END
FROM generate_series(1, $2::integer) AS i
"""
events, snapshots, retention, expiry = (
    load("octavo.store", f"{file}.sql") for file in ("events", "snapshots", "retention", "expiry")
)


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 events and documents, and fifty with twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in [(BIG, 100_000), (OTHER, 100_000), *((one, 20) for one in SMALL)]:
                await admin.execute(
                    "INSERT INTO octavo.organization_profile (id, name, inner_pad, outer_pad)"
                    " VALUES ($1, $2, repeat('x', 64)::bytea, repeat('y', 64)::bytea)",
                    *(organization, f"o{organization.int}"),
                )
                await admin.execute(EVENTS, organization, number)
                await admin.execute(STREAMS, organization)
                await admin.execute(DOCUMENTS, organization, number)
            await admin.execute("ANALYZE octavo.event, octavo.stream, octavo.document")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any."""

    async def plan(text: str, arguments: str, *, system: bool = False) -> Plan:
        pool = crowded.system if system else crowded.app
        async with pool.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def read(plan: Plan, table: str) -> float:
    """Rows read of a table and of its partitions."""
    names = {
        node["Relation Name"] for node in plan.executed if node.get("Relation Name", "").startswith(table)
    }
    return sum(plan.rows_of(name) for name in names)


async def test_a_trace_reads_its_own_events_only(planned: Any):
    plan = await planned(events["trace"], f"'{BIG}', 'c-0', 0, '0', 0, 1000")

    assert {node["Node Type"] for node in plan.executed if "Scan" in node["Node Type"]} <= {
        "Index Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Result", "Subquery Scan",
    }  # fmt: skip
    assert any("correlation" in name for name in plan.indexes)
    assert 0 < read(plan, "event") <= 20


async def test_a_snapshot_is_found_by_its_key(planned: Any):
    plan = await planned(snapshots["find_snapshot"], f"'{BIG}', 'ops-1', 'Account', 1")

    assert "stream_pkey" in plan.indexes
    assert plan.rows_of("stream") == 1


async def test_the_oldest_events_of_a_page_of_streams_are_one_look_each(planned: Any):
    plan = await planned(retention["page_of_streams"], f"'{BIG}', 'ops-', '', '7 days', 500")

    assert "stream_pkey" in plan.indexes
    assert read(plan, "stream") <= 501
    # One of each stream, from each partition that has any.
    assert read(plan, "event") <= 500 * 3


async def test_the_events_to_drop_are_found_by_their_stream(planned: Any):
    plan = await planned(retention["count_old_events"], f"'{BIG}', 'ops-1', '7 days', 1000")

    assert 0 < read(plan, "event") <= 101


async def test_documents_that_are_due_are_found_without_the_others(planned: Any):
    plan = await planned(expiry["due_documents"], "100", system=True)

    assert plan.indexes & {"document_expiry", "document_overdue"}  # both know only what expires
    assert plan.rows_of("document") == 20


async def test_a_read_of_one_document_reads_one_row_still(planned: Any):
    reads = load("octavo.store", "reads.sql")

    plan = await planned(reads["get_document"], f"'{BIG}', md5('{BIG}' || 7)::uuid")

    assert plan.rows_of("document") == 1
