"""What batches cost among 100,000 runs that wait and as many that ended, of several batches and organizations."""

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
LAST = UUID(int=2**128 - 1)
batches = load("octavo.pipelines.starting", "batches.sql")
queue = load("octavo.pipelines.queueing", "queue.sql")
runs = load("octavo.pipelines.queueing", "runs.sql")
# Every tenth run belongs to no batch, and of the others a hundredth to the batch 7.
BATCH = (
    "CASE WHEN i % 10 = 0 THEN NULL WHEN i % 100 = 7 THEN '00000000-0000-0000-0000-000000000007'::uuid "
    "ELSE '00000000-0000-0000-0000-000000000008'::uuid END"
)
FILL = f"""
INSERT INTO octavo.run (
    organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, ticket, fence, attempt,
    max_attempts, started_at, actor, actor_kind, event_sequence, epoch, position_xid, position_id, error, batch_id
)
SELECT
    $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'p', $1, 1, 5,
    (CASE WHEN i % 5 = 0 THEN 'dead' ELSE 'queued' END)::octavo.run_state, '{{}}', nextval('octavo.run_ticket'),
    1, 1, 5, now() + interval '1 second', 'ann', 'user', 1, 1, '1', i, '{{}}', {BATCH}
FROM generate_series(1, $2::integer) AS i
"""
QUEUED = """
INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
SELECT organization_id, priority, ticket, id FROM octavo.run WHERE state = 'queued'
"""
DEAD = """
INSERT INTO octavo.run_dead (organization_id, run_id, died_at)
SELECT organization_id, id, now() + position_id * interval '1 millisecond' FROM octavo.run WHERE state = 'dead'
"""
HISTORY = """
INSERT INTO octavo.run_history (
    organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, output, attempt,
    max_attempts, created_at, started_at, ended_at, actor, actor_kind, epoch, position_xid, position_id, batch_id
)
SELECT
    organization_id, ('00000000-0000-6000-8000-' || right(id::text, 12))::uuid, pipeline, pipeline_id, 1, 5,
    'completed', '{}', '{}', 1, 5, created_at, started_at, greatest(started_at, created_at), actor, actor_kind, 1,
    '1', position_id, batch_id
FROM octavo.run
"""
BATCHES = """
INSERT INTO octavo.batch (
    organization_id, id, request, pipeline, pipeline_id, pipeline_version, priority, input, asked, filled_at,
    settled_at, completed, failed, cancelled, created_at, actor, actor_kind, event_sequence, epoch, position_xid,
    position_id
)
SELECT
    $1, ('00000000-0000-0000-0000-' || lpad(to_hex(i), 12, '0'))::uuid, '', 'p', $1, 1, 5, '{}', '{}', now(),
    CASE WHEN i > 8 THEN now() END, CASE WHEN i > 8 THEN 1 END, CASE WHEN i > 8 THEN 0 END,
    CASE WHEN i > 8 THEN 0 END, now() - interval '1 day', 'ann', 'user', 1, 1, '1', i
FROM generate_series(7, 2000) AS i
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 2,000 runs that wait or are dead, as many ended, and 2,000 batches each."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in ((BIG, 100_000), (OTHER, 2_000)):
                await admin.execute(FILL, organization, number)
                await admin.execute(BATCHES, organization)
            for statement in (QUEUED, DEAD, HISTORY):
                await admin.execute(statement)
            await admin.execute(
                "VACUUM ANALYZE octavo.run, octavo.run_queue, octavo.run_dead, octavo.run_history, octavo.batch"
            )
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any; what it did is rolled back."""

    async def plan(text: str, arguments: str, pool: Pool | None = None) -> Plan:
        rows: Any = []
        try:
            async with (pool or crowded.app).transaction() as tx:
                await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
                await tx.execute(f"PREPARE asked AS {text}")
                rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
                await tx.execute("DEALLOCATE asked")
                raise InterruptedError
        except InterruptedError:
            return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def scanned(plan: Plan) -> set[str]:
    """The tables of runs and batches that were read from end to end."""
    return {
        node["Relation Name"]
        for node in plan.executed
        if node["Node Type"] == "Seq Scan"
        and node["Relation Name"].startswith(("run", "batch"))
        and node["Relation Name"] != "run_ticket"  # a sequence, of one row
    }


SMALL, LARGE = (f"00000000-0000-0000-0000-{n:012d}" for n in (7, 8))


async def test_a_batch_is_counted_by_its_own_runs(planned: Any):
    """S4-055: a thousand of 100,000; what ended from the index alone."""
    plan = await planned(batches["find_batch"], f"'{BIG}', '{SMALL}'")

    assert scanned(plan) == set()
    assert plan.rows_of("run") == 1_000
    assert {
        node["Node Type"] for node in plan.executed if node.get("Index Name", "").startswith("run_history")
    } == {"Index Only Scan"}


async def test_a_page_of_batches_that_are_over_reads_no_run(planned: Any):
    """S4-061: their sums are kept."""
    plan = await planned(batches["list_batches"], f"'{BIG}', '{LAST}', 50")

    assert scanned(plan) == set()
    assert plan.rows_of("batch") <= 50
    assert plan.rows_of("run") + plan.rows_of("run_history_default") == 0


async def test_whether_something_is_left_reads_the_last_run(planned: Any):
    plan = await planned(batches["is_batch_left"], f"'{BIG}', '{LARGE}'")

    assert scanned(plan) == set()
    assert plan.rows_of("run") <= 2


async def test_what_there_is_to_do_reads_the_batches_that_are_not_over(planned: Any, crowded: Record):
    plan = await planned(batches["open_batches"], f"'{UUID(int=0)}', 100, 10", crowded.system)

    assert plan.rows_of("batch") <= 4
    assert "run" not in scanned(plan)
    assert plan.rows_of("run") <= 8


async def test_a_page_of_a_batchs_runs_reads_a_page(planned: Any):
    """S4-055"""
    plan = await planned(runs["list_batch_runs"], f"'{BIG}', '{LAST}', 100, NULL, '{SMALL}', 100")

    assert scanned(plan) == set()
    assert plan.rows_of("run") + plan.rows_of("run_history_default") <= 200


async def test_a_piece_of_a_cancellation_reads_a_piece(planned: Any):
    plan = await planned(queue["cancel_batch"], f"'{BIG}', 'ann', 'user', '{LARGE}', '{UUID(int=0)}', 100")

    assert scanned(plan) == set()
    assert plan.rows_of("run") <= 400
    assert plan.rows_of("run_queue") <= 400


async def test_a_piece_of_a_retry_reads_a_piece(planned: Any):
    plan = await planned(queue["retry_batch"], f"'{BIG}', 'ann', 'user', '{LARGE}', '{UUID(int=0)}', 100")

    assert scanned(plan) == set()
    assert plan.rows_of("run") <= 300


async def test_a_piece_of_retrying_the_dead_reads_a_piece(planned: Any):
    first = f"'-infinity', '{UUID(int=0)}'"
    plan = await planned(queue["retry_dead"], f"'{BIG}', 'ann', 'user', {first}, NULL, 'p', NULL, 100")

    assert scanned(plan) == set()
    assert plan.rows_of("run_dead") <= 500


async def test_old_batches_are_found_by_their_end(planned: Any):
    plan = await planned(batches["old_batches"], f"'{BIG}', now() + interval '1 minute', 10")

    assert scanned(plan) == set()
    assert plan.rows_of("batch") <= 20
