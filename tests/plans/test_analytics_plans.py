"""How facts and rollups are read among 100,000 facts of several organizations."""

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

# A fact a minute back from noon of the first of June; one in a hundred is of a rare type.
FACTS = """
INSERT INTO octavo.analytics_fact (
    organization_id, time, epoch, position_xid, id, recorded_at, type, kind, stream, document_type, actor, session,
    fields)
SELECT
    $1, '2026-06-01T12:00:00Z'::timestamptz - i * interval '1 minute', 1, '900', i, now(),
    CASE WHEN i % 100 = 0 THEN 'ticket.returned' ELSE 'ticket.sold' END, 'ticket', 'ticket-1', '', 'user:' || i % 50,
    '', jsonb_build_object('amount', i % 9)
FROM generate_series(1, $2::integer) AS i
"""
# Their sums: by the hour and the day, of two types and three fields.
TOTALS = """
INSERT INTO octavo.analytics_total (
    organization_id, grain, begins, type, kind, document_type, field, facts, total, least, greatest)
SELECT
    $1, grain, begins, type, 'ticket', '', field, 60, CASE WHEN field <> '' THEN 1 END,
    CASE WHEN field <> '' THEN 1 END, CASE WHEN field <> '' THEN 1 END
FROM (VALUES ('hour'), ('day')) AS grains (grain), (VALUES ('ticket.sold'), ('ticket.returned')) AS types (type),
    (VALUES (''), ('amount'), ('ms')) AS names (field),
    generate_series(
        '2026-06-01T12:00:00Z'::timestamptz - $2::integer * interval '1 minute', '2026-06-01T12:00:00Z',
        ('1 ' || grain)::interval
    ) AS begins
"""
asked = load("octavo.engines.analytics", "postgres_query.sql")


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Organizations with 100,000 and 20,000 facts and their sums, and thirty with twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            small = [(UUID(int=number), 20) for number in range(100, 130)]
            for organization, number in [(BIG, 100_000), (OTHER, 20_000), *small]:
                await admin.execute(FACTS, organization, number)
                await admin.execute(TOTALS, organization, number)
            await admin.execute("ANALYZE octavo.analytics_fact, octavo.analytics_total")
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


def read(plan: Plan, table: str) -> float:
    """Rows read of a table and of its partitions."""
    names = {
        node["Relation Name"] for node in plan.executed if node.get("Relation Name", "").startswith(table)
    }
    return sum(plan.rows_of(name) for name in names)


async def test_a_day_of_facts_reads_that_day_of_that_organization(planned: Any):
    statement = asked.totals_of_facts.format(keys="ARRAY[fact.actor]::text []", where="true")

    plan = await planned(
        statement, f"'{BIG}', '2026-05-20T00:00:00Z', '2026-05-21T00:00:00Z', 'hour', '{{\"\",amount}}', 100"
    )

    assert 0 < read(plan, "analytics_fact") <= 1_440


# A plan for any types cannot know that these are rare.
@pytest.mark.parametrize("planned", ["custom"], indirect=True)
async def test_facts_of_a_rare_type_are_found_without_the_others(planned: Any):
    statement = asked.totals_of_facts.format(keys="ARRAY[]::text []", where="fact.type = ANY($7::text [])")

    plan = await planned(
        statement,
        f"'{BIG}', '2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z', 'day', '{{\"\"}}', 1000, '{{ticket.returned}}'",
    )

    assert any("type" in name for name in plan.indexes)
    assert 0 < read(plan, "analytics_fact") <= 1_000


async def test_the_newest_facts_are_a_look_each(planned: Any):
    statement = asked.facts.format(where="true")

    plan = await planned(
        statement,
        f"'{BIG}', '1970-01-01T00:00:00Z', '2026-07-01T00:00:00Z', '2026-06-30T00:00:00Z', 2000000000, 1, 20",
    )

    # The page, and the first of each partition they are merged from.
    assert 0 < read(plan, "analytics_fact") <= 30


async def test_a_year_of_days_reads_the_days_of_the_field_and_no_facts(planned: Any):
    statement = asked.totals_rolled.format(keys="ARRAY[fact.type]::text []", where="true")

    plan = await planned(
        statement,
        f"'{BIG}', '2025-07-01T00:00:00Z', '2026-07-01T00:00:00Z', 'month', 'day', '{{\"\",amount}}', 1000",
    )

    assert read(plan, "analytics_fact") == 0
    # 70 days of two types and two fields; the hours and the third field are not looked at.
    assert 0 < read(plan, "analytics_total") <= 71 * 2 * 2
