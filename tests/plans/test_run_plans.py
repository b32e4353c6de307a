"""How runs are claimed, ended and found among 100,000 of them, of several organizations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.pool import Pool
from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BIG, OTHER = UUID(int=1), UUID(int=2)
WORKER = UUID(int=7)
queue = load("octavo.pipelines.queueing", "queue.sql")
runs = load("octavo.pipelines.queueing", "runs.sql")
# A hundredth of them is under way; as many lie in the history.
FILL = """
INSERT INTO octavo.run (
    organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, ticket, fence, attempt,
    max_attempts, started_at, actor, actor_kind, event_sequence, epoch, position_xid, position_id
)
SELECT
    $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'p', $1, 1, 5,
    (CASE WHEN i % 100 = 0 THEN 'running' ELSE 'queued' END)::octavo.run_state, '{}', nextval('octavo.run_ticket'),
    1, 1, 5, now() + interval '1 second', 'ann', 'user', 1, 1, '1', i
FROM generate_series(1, $2::integer) AS i
"""
TICKETS = """
INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
SELECT organization_id, priority, ticket, id FROM octavo.run WHERE state = 'queued'
"""
LEASES = """
INSERT INTO octavo.run_lease (organization_id, run_id, worker_id, fence)
SELECT organization_id, id, '00000000-0000-0000-0000-000000000007', fence FROM octavo.run WHERE state = 'running'
"""
HISTORY = """
INSERT INTO octavo.run_history (
    organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, output, attempt,
    max_attempts, created_at, started_at, ended_at, actor, actor_kind, epoch, position_xid, position_id
)
SELECT
    organization_id, ('00000000-0000-6000-8000-' || right(id::text, 12))::uuid, pipeline, pipeline_id, 1, 5,
    'completed', '{}', '{}', 1, 5, created_at, started_at, greatest(started_at, created_at), actor, actor_kind, 1,
    '1', position_id
FROM octavo.run
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 runs that wait, a hundredth under way, as many ended."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in ((BIG, 100_000), (OTHER, 20_000)):
                await admin.execute(FILL, organization, number)
            for statement in (TICKETS, LEASES, HISTORY):
                await admin.execute(statement)
            await admin.execute("ANALYZE octavo.run, octavo.run_queue, octavo.run_lease, octavo.run_history")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any; what it did is rolled back."""

    async def plan(text: str, arguments: str, pool: Pool | None = None) -> Plan:
        rows: Any = []
        try:
            async with (pool or crowded.system).transaction() as tx:
                await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
                await tx.execute(f"PREPARE asked AS {text}")
                rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
                await tx.execute("DEALLOCATE asked")
                raise InterruptedError
        except InterruptedError:
            return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def scanned(plan: Plan) -> set[str]:
    """The tables of runs that were read from end to end."""
    return {
        node["Relation Name"]
        for node in plan.executed
        if node["Node Type"] == "Seq Scan"
        and node["Relation Name"].startswith("run")
        and node["Relation Name"] != "run_ticket"  # a sequence, of one row
    }


async def test_a_claim_reads_what_it_takes(planned: Any):
    plan = await planned(
        queue["claim"], f"'{WORKER}', '{{{BIG},{OTHER}}}', '{{5,5}}', '{{0,0}}', '{{50,50}}', 100"
    )

    assert scanned(plan) == set()
    assert plan.rows_of("run_queue") <= 300
    # Found for its limits, found to be changed, changed.
    assert plan.rows_of("run") <= 300


async def test_a_look_reads_a_page_of_tickets(planned: Any):
    plan = await planned(queue["look"], "0, 1000, 0, 1000")

    assert scanned(plan) == set()
    assert plan.rows_of("run_queue") <= 1_000


async def test_ending_reads_what_ends(planned: Any):
    ended = f"'00000000-0000-7000-8000-{100:012x}'"

    plan = await planned(
        queue["finish_runs"],
        f"ARRAY['{BIG}'::uuid], ARRAY[{ended}::uuid], '{{1}}', '{{completed}}', "
        "ARRAY['{}'::jsonb], ARRAY[NULL::jsonb], ARRAY['[]'::jsonb], 1",
    )

    assert plan.rows_of("run") <= 2
    assert "run" not in scanned(plan)


async def test_a_page_of_runs_reads_a_page(planned: Any, crowded: Record):
    last = UUID(int=2**128 - 1)

    plan = await planned(runs["list_runs"], f"'{BIG}', '{last}', 100, NULL, NULL, NULL, 100", crowded.app)

    assert scanned(plan) == set()
    assert plan.rows_of("run") + sum(plan.rows_of(t) for t in ("run_history_default",)) <= 300


async def test_a_run_is_found_by_its_key(planned: Any, crowded: Record):
    plan = await planned(runs["find_run"], f"'{BIG}', '00000000-0000-7000-8000-{55:012x}'", crowded.app)

    assert scanned(plan) == set()
    assert plan.rows_of("run") <= 1


async def test_keeping_steps_reads_the_leases_of_their_runs(planned: Any, crowded: Record):
    run = UUID("00000000-0000-7000-8000-000000000064")

    plan = await planned(
        queue["keep_steps"],
        f"'{BIG}', '{{{run}}}', '{{1}}', '{{a}}', '{{1}}', '{{\"{{}}\"}}', '{{2026-01-01}}', '{{2026-01-01}}',"
        " '{\"{}\"}'",
        crowded.app,
    )

    assert scanned(plan) == set()
    assert plan.rows_of("run_lease") <= 2
