"""What waits for room or for other runs is found among 100,000 of them, and costs nothing to those that do not wait."""

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

BIG, OTHER, PIPELINE = UUID(int=1), UUID(int=2), UUID(int=9)
WORKER = UUID(int=7)
queue = load("octavo.pipelines.queueing", "queue.sql")
held = load("octavo.pipelines.queueing", "held.sql")
schedules = load("octavo.pipelines.starting", "schedules.sql")
RUNS = """
INSERT INTO octavo.run (
    organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, ticket, fence, attempt,
    max_attempts, max_running, waits_for, started_at, actor, actor_kind, event_sequence, epoch, position_xid,
    position_id
)
SELECT
    $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'p', $3, 1, 5,
    (CASE i % 4 WHEN 0 THEN 'running' WHEN 1 THEN 'delayed' ELSE 'queued' END)::octavo.run_state, '{}',
    nextval('octavo.run_ticket'), 1, 1, 5, CASE WHEN i % 4 < 3 THEN 2 END, CASE WHEN i % 4 = 1 THEN 1 ELSE 0 END,
    now() + interval '1 second', 'ann', 'user', 1, 1, '1', i
FROM generate_series(1, $2::integer) AS i
"""
FILL = (
    """
INSERT INTO octavo.run_held (organization_id, lane, rank, run_id, priority, queued_at, at_most)
SELECT organization_id, pipeline_id::text, created_at, id, priority, created_at, 2 FROM octavo.run
WHERE state = 'queued' AND max_running IS NOT NULL
""",
    """
INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
SELECT organization_id, priority, ticket, id FROM octavo.run WHERE state = 'queued' AND max_running IS NULL
""",
    """
INSERT INTO octavo.run_lease (organization_id, run_id, worker_id, fence, pipeline_id)
SELECT organization_id, id, '00000000-0000-0000-0000-000000000007', fence, CASE WHEN position_id % 8 = 0
    THEN pipeline_id END FROM octavo.run WHERE state = 'running'
""",
    # Each that waits waits for the one before it, which is under way.
    """
INSERT INTO octavo.run_dependency (organization_id, needs, run_id, any_end)
SELECT organization_id, ('00000000-0000-7000-8000-' || lpad(to_hex(position_id - 1), 12, '0'))::uuid, id, false
FROM octavo.run WHERE waits_for > 0 AND position_id > 1
""",
    # One waits for a run that is gone.
    """
INSERT INTO octavo.run_dependency (organization_id, needs, run_id, any_end)
SELECT organization_id, ('00000000-0000-7000-8000-' || lpad(to_hex(200000), 12, '0'))::uuid, id, true
FROM octavo.run WHERE position_id = 5
""",
    """
INSERT INTO octavo.schedule (
    organization_id, id, name, pipeline, input, priority, cron, timezone, catch_up, overlap, next_at, actor, actor_kind
)
SELECT
    organization_id, id, 's' || id, 'p', '{}', 5, '0 0 * * *', 'UTC', 'last', true,
    now() + interval '1 day' * (position_id % 100 - 1), 'ann', 'user'
FROM octavo.run WHERE position_id <= 20000
""",
    "ANALYZE octavo.run, octavo.run_queue, octavo.run_lease, octavo.run_held, octavo.run_dependency, octavo.schedule",
)


@pytest.fixture(scope="module")
async def waiting(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 runs: under way, waiting, held back and free, a quarter each."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in ((BIG, 100_000), (OTHER, 20_000)):
                await admin.execute(RUNS, organization, number, PIPELINE)
            for statement in FILL:
                await admin.execute(statement)
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, waiting: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any; what it did is rolled back."""

    async def plan(text: str, arguments: str, pool: Pool | None = None) -> Plan:
        rows: Any = []
        try:
            async with (pool or waiting.system).transaction() as tx:
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
        and node["Relation Name"].startswith(("run", "schedule"))
        and node["Relation Name"] != "run_ticket"  # a sequence, of one row
    }


async def test_a_claim_of_runs_without_a_limit_reads_no_lease_and_nothing_that_is_held(planned: Any):
    plan = await planned(
        queue["claim"], f"'{WORKER}', '{{{BIG},{OTHER}}}', '{{5,5}}', '{{0,0}}', '{{50,50}}', 100"
    )

    assert scanned(plan) == set()
    assert plan.rows_of("run_lease") == plan.rows_of("run_held") == 0
    # Found for its limits, found to be changed, changed.
    assert plan.rows_of("run") <= 300


async def test_the_end_of_a_run_looks_for_those_that_wait_for_it_alone(planned: Any):
    ended = f"'00000000-0000-7000-8000-{100:012x}'"

    plan = await planned(
        queue["finish_runs"],
        f"ARRAY['{BIG}'::uuid], ARRAY[{ended}::uuid], '{{1}}', '{{completed}}', "
        "ARRAY['{}'::jsonb], ARRAY[NULL::jsonb], ARRAY['[]'::jsonb], 1",
    )

    assert scanned(plan) == set()
    assert plan.rows_of("run_dependency") == 1


async def test_those_that_wait_for_an_ended_run_are_found_by_it(planned: Any):
    ended = f"'00000000-0000-7000-8000-{200_000:012x}'"

    plan = await planned(queue["resolve"], f"ARRAY['{BIG}'::uuid], ARRAY[{ended}::uuid], 1000")

    assert scanned(plan) == set()
    assert 1 <= plan.rows_of("run_dependency") <= 4
    assert 1 <= plan.rows_of("run") <= 4


async def test_the_next_of_a_lane_is_found_by_its_rank(planned: Any):
    plan = await planned(held["admit"], f"ARRAY['{BIG}'::uuid], ARRAY['{PIPELINE}'], '{{3}}'")

    assert scanned(plan) == set()
    assert plan.rows_of("run_held") <= 9
    assert plan.rows_of("run") <= 6


async def test_lanes_are_looked_through_without_what_is_in_them(planned: Any):
    plan = await planned(held["find_room"], f"'{UUID(int=0)}', '', 500, 1000")

    assert scanned(plan) == set()
    # Two lanes, each entered by the index; what is under way of them is counted.
    assert plan.rows_of("run_held") <= 10


async def test_a_page_of_dependencies_reads_a_page(planned: Any):
    plan = await planned(held["find_settled"], f"'{UUID(int=0)}', '{UUID(int=0)}', 1000")

    assert scanned(plan) == set()
    assert plan.rows_of("run_dependency") <= 1_000
    assert plan.rows_of("run") <= 1_000


async def test_what_is_due_is_found_by_its_time(planned: Any):
    plan = await planned(schedules["due_schedules"], "100")

    assert scanned(plan) == set()
    assert plan.rows_of("schedule") <= 100


async def test_firing_reads_the_schedules_that_it_moves(planned: Any):
    names = ",".join(f"s00000000-0000-7000-8000-{place:012x}" for place in (100, 200))
    due = "2000-01-01 00:00+00,2000-01-01 00:00+00"
    of_schedules = f"'{{{BIG},{BIG}}}', '{{{names}}}', '{{{due}}}', '{{{due}}}', '{{NULL,NULL}}'"
    of_times = f"'{{{BIG},{BIG}}}', '{{{names}}}', '{{{due}}}', '{{{WORKER},{BIG}}}'"

    plan = await planned(schedules["fire"], f"{of_schedules}, {of_times}, 'octavo', 'octavo.pipeline'")

    assert scanned(plan) == set()
    assert plan.rows_of("schedule") <= 2
