"""How results and models are found among 100,000 results of several organizations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.registry.results import Wanted, _Asked, _sql
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BIG, OTHER = UUID(int=1), UUID(int=2)
LAST = UUID(int=2**128 - 1)
# One in a thousand is a sentiment, one in five hundred has the label `rare`, one in a thousand failed.
DOCUMENTS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind, updated_at,
    updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id
)
SELECT
    $1, ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'default', 'ticket', 1, sha256('x'), now(),
    'ann', 'user', now(), 'ann', 'user', 1, 1, '1', i
FROM generate_series(1, $2::integer) AS i
"""
RESULTS = """
INSERT INTO octavo.result (
    organization_id, id, document_id, version, fits_version, type, model, model_version, status, value, error,
    started_at, ended_at, actor, actor_kind
)
SELECT
    $1, ('00000000-0000-7001-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
    ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 1, 1,
    (CASE WHEN i % 1000 = 7 THEN 'sentiment' ELSE 'classification' END)::octavo.processing_type, 'topic',
    CASE WHEN i % 1000 = 9 THEN '2' ELSE '1' END,
    (CASE WHEN i % 1000 = 5 THEN 'failed' ELSE 'completed' END)::octavo.run_state,
    CASE WHEN i % 1000 <> 5 THEN jsonb_build_object(
        'predicted_category', CASE WHEN i % 500 = 3 THEN 'rare' ELSE 'common' END, 'confidence', (i % 100) / 100.0
    ) END,
    CASE WHEN i % 1000 = 5 THEN '{"message": "down"}'::jsonb END, now(), now(), 'ann', 'user'
FROM generate_series(1, $2::integer) AS i
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 results."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin, admin.transaction():
            # Of the versions that results refer to nothing is read here.
            await admin.execute("SET LOCAL session_replication_role = replica")
            for organization, number in ((BIG, 100_000), (OTHER, 20_000)):
                await admin.execute(DOCUMENTS, organization, number)
                await admin.execute(RESULTS, organization, number)
        async with administrator(server, name) as admin:
            await admin.execute("VACUUM (ANALYZE) octavo.document, octavo.result")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any."""

    async def plan(text: str, *arguments: object) -> Plan:
        literals = ", ".join(_literal(argument) for argument in arguments)
        async with crowded.app.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({literals})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


async def listed(planned: Any, **wanted: Any) -> Plan:
    asked = _Asked(Wanted(**wanted))
    text = _sql.list_results.replace("{narrowed}", asked.narrowed).replace("{guard}", asked.guard)
    looks = 20_000 if asked.looks_further else 50
    plan: Plan = await planned(text, BIG, LAST, looks, 50, wanted.get("fresh", False), *asked.arguments)
    return plan


def indexes(plan: Plan) -> set[str]:
    """The indexes of results that were read."""
    found = {node.get("Index Name", "") for node in plan.executed}
    return {name for name in found if name.startswith("result")}


def read(plan: Plan) -> int:
    """Rows of results that were read, those that were thrown away included."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in plan.executed
        if node.get("Relation Name") == "result"
    )


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "result_id"),
        ({"type": "sentiment"}, "result_of_type"),
        ({"type": "classification", "status": "failed"}, "result_failed"),
        ({"model": "topic@2"}, "result_of_model"),
        ({"type": "classification", "label": "rare"}, "result_label"),
    ],
)
async def test_a_page_is_read_along_an_index_and_not_much_more_than_it(planned: Any, wanted, index):
    """S0-147, S0-148, S0-149, S0-150"""
    plan = await listed(planned, **wanted)

    assert indexes(plan) == {index}
    assert read(plan) <= 100


async def test_what_has_to_be_looked_at_is_bounded(planned: Any):
    plan = await listed(planned, type="classification", where={"confidence": {"$gt": 2}})

    assert indexes(plan) <= {"result_of_type", "result_id"}
    assert 0 < read(plan) <= 21_000


async def test_the_results_of_a_document_are_found_by_it(planned: Any):
    """S0-146, S0-151"""
    document = UUID("00000000-0000-7000-8000-000000000100")

    plan = await planned(_sql.results_of, BIG, document, None, "classification", None, "completed", 1)

    assert indexes(plan) == {"result_pkey"}
    assert read(plan) == 1


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
