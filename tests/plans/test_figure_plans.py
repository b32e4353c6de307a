"""An answer about 100,000 runs reads what was added up of them, and few runs; adding up reads a page of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.pipelines import statistics
from octavo.pipelines.figures import add_up
from octavo.postgres.pool import Pool
from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Origin
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BIG, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 5, 17, 13, 37, 42, tzinfo=UTC)
SINCE = NOW - timedelta(hours=40, seconds=7)
sql = load("octavo.pipelines", "statistics.sql")
# Runs of an organization that ended, evenly over so many hours: $1 organization, $2 runs, $3 the last moment, $4 hours.
# Each has four events; in between there are others of documents.
FILL = """
WITH made AS MATERIALIZED (
    SELECT
        at.*, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch,
        (
            lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0')
        )::uuid AS id
    FROM (
        SELECT i, $3::timestamptz - i * make_interval(secs => $4::float8 * 3600 / $2::integer) AS moment
        FROM generate_series(1, $2::integer) AS i
    ) AS at
),
told AS MATERIALIZED (
    SELECT made.*, word.type, nextval('octavo.event_position') AS place
    FROM made
    CROSS JOIN (VALUES ('run.queued'), ('run.started'), ('result.stored'), ('run.completed')) AS word (type)
),
kept AS (
    INSERT INTO octavo.run_history (
        organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, output, steps, attempt,
        max_attempts, created_at, started_at, ended_at, actor, actor_kind, epoch, position_xid, position_id
    )
    SELECT
        $1, id, 'p', $1, 1, 5, 'completed', '{}', '{}',
        '[{"component": "c 1", "model": "m@1", "started_at": "2026-05-17T00:00Z", "ended_at": "2026-05-17T00:01Z"}]',
        1, 5, moment, moment, moment + i % 97 * interval '1 second', 'ann', 'user', epoch, xid, place
    FROM told
    WHERE type = 'run.completed'
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind
)
SELECT moment, epoch, xid, place, $1, 'run-' || id, place, type, '{}', 'ann', 'user'
FROM told
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 runs that ended; 100 and 5,000 of them are not added up yet."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        async with administrator(server, name) as admin:
            await admin.execute(FILL, BIG, 99_900, NOW - timedelta(hours=1), 48)
            await admin.execute(FILL, OTHER, 15_000, NOW - timedelta(hours=1), 48)
            while (await add_up(record.system, events=100_000)).more:
                pass
            await admin.execute(FILL, OTHER, 5_000, NOW, 1)
            await admin.execute(FILL, BIG, 100, NOW, 1)
            await admin.execute("ANALYZE octavo.run, octavo.run_history, octavo.run_figure, octavo.event")
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest) -> Any:
    """A statement's executed plan, planned for its parameters or for any; what it did is rolled back."""

    async def plan(pool: Pool, text: str, *arguments: object) -> Plan:
        rows: Any = []
        try:
            async with pool.transaction() as tx:
                await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
                await tx.execute(f"PREPARE asked AS {text}")
                given = ", ".join(map(literal, arguments))
                rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({given})")
                await tx.execute("DEALLOCATE asked")
                raise InterruptedError
        except InterruptedError:
            return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def literal(value: object) -> str:
    """A value as SQL has it."""
    match value:
        case None:
            return "NULL"
        case list():
            return "'{" + ", ".join(f'"{one}"' for one in value) + "}'"
        case _:
            return f"'{value}'"


def read_whole(plan: Plan) -> set[str]:
    """Tables with rows that were read from end to end."""
    return {
        node["Relation Name"]
        for node in plan.executed
        if node["Node Type"] == "Seq Scan" and plan.rows_of(node["Relation Name"]) > 10
    }


@pytest.mark.parametrize(
    ("name", "by"), [("of_pipelines", "true"), ("of_steps", "component"), ("of_steps", "model")]
)
async def test_an_answer_reads_what_was_added_up_and_few_runs(
    planned: Any, crowded: Record, name: str, by: str
):
    """S4-035"""
    scope = Scope(crowded.app, BIG, "default", Origin(), Limits(), unheard)

    plan = await planned(crowded.app, sql[name], *statistics._asked(scope, None, SINCE, None), by)

    assert read_whole(plan) == set()
    # A minute that is cut has 35 runs; 100 are not added up.
    assert 100 <= plan.rows_of("run_history_default") <= 300
    # Their four events, and none of the 20,000 of the other organization.
    assert plan.rows_of("event_default") <= 400
    # Hours and minutes at the beginning, hours of two days, and a day.
    assert 0 < plan.rows_of("run_figure") <= 24 + 60 + 48 + 2


async def test_a_short_time_reads_its_own_runs(planned: Any, crowded: Record):
    scope = Scope(crowded.app, BIG, "default", Origin(), Limits(), unheard)
    begin = NOW - timedelta(hours=5)

    asked = statistics._asked(scope, None, begin, begin + timedelta(seconds=30))
    plan = await planned(crowded.app, sql.of_pipelines, *asked, "true")

    assert read_whole(plan) == set()
    assert plan.rows_of("run_figure") == 0
    assert plan.rows_of("run_history_default") <= 150


async def test_adding_up_reads_a_page_of_the_log_and_the_runs_that_it_tells_of(planned: Any, crowded: Record):
    stands = await crowded.system.fetchrow(sql.cursor)
    assert stands is not None

    plan = await planned(
        crowded.system, sql.add_up, stands["epoch"], stands["position_xid"], stands["position_id"], 1_000
    )

    assert read_whole(plan) == set()
    assert plan.rows_of("event_default") == 1_000
    assert plan.rows_of("run_history_default") == 250
