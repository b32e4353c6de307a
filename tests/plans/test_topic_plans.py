"""Topics and their documents are read among 100,000 results of several organizations and versions of a model."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.registry.topics import _counting, _sql
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan
from tests.plans.test_result_plans import BIG, DOCUMENTS, OTHER

# One result in a thousand is by version 2 of the model, and one in twenty of all has topic 7 before all others.
RESULTS = """
INSERT INTO octavo.result (
    organization_id, id, document_id, version, fits_version, type, model, model_version, status, value, started_at,
    ended_at, actor, actor_kind
)
SELECT
    $1, ('00000000-0000-7001-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
    ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 1, 1, 'topic_modeling', 'press',
    CASE WHEN i % 1000 = 9 THEN '2' ELSE '1' END, 'completed',
    jsonb_build_object('dominant_topic', CASE WHEN i % 1000 = 9 THEN 7 ELSE i % 20 END, 'dominant_topic_score', 0.5),
    now(), now(), 'ann', 'user'
FROM generate_series(1, $2::integer) AS i
"""
SETS = """
INSERT INTO octavo.topic_set (
    organization_id, model, model_version, embedder_name, embedder_version, dimensions, made_by, made_by_kind)
SELECT $1, 'press', version::text, 'words', '1', 4, 'ann', 'user' FROM generate_series(1, 100) AS version
"""
TOPICS = """
INSERT INTO octavo.topic (
    organization_id, model, model_version, topic_id, name, keywords, dimensions, embedding)
SELECT $1, 'press', version::text, topic, 'a', '{a}', 4, '[1,2,3,4]'::public.vector
FROM generate_series(1, 100) AS version, generate_series(0, 19) AS topic
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Two organizations with 100,000 and 20,000 results, and 2,000 topics each."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin, admin.transaction():
            # Of the versions that results refer to nothing is read here.
            await admin.execute("SET LOCAL session_replication_role = replica")
            for organization, number in ((BIG, 100_000), (OTHER, 20_000)):
                await admin.execute(DOCUMENTS, organization, number)
                await admin.execute(RESULTS, organization, number)
                await admin.execute(SETS, organization)
                await admin.execute(TOPICS, organization)
        async with administrator(server, name) as admin:
            await admin.execute(
                "VACUUM (ANALYZE) octavo.document, octavo.result, octavo.topic, octavo.topic_set"
            )
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any."""

    async def plan(text: str, *arguments: object) -> Plan:
        async with crowded.app.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            literals = ", ".join(map(_literal, arguments))
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({literals})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


def read(plan: Plan, relation: str) -> int:
    """Rows of a table that were read, those that were thrown away included."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in plan.executed
        if node.get("Relation Name") == relation
    )


async def test_a_count_reads_the_results_of_its_version_alone(planned: Any) -> None:
    plan = await planned(_counting(_sql.list_topics, True), BIG, "press", "2", None, None)

    assert 0 < read(plan, "result") <= 200
    assert read(plan, "topic") <= 20


async def test_who_does_not_count_reads_no_result(planned: Any) -> None:
    plan = await planned(_counting(_sql.list_topics, False), BIG, "press", "1", None, None)

    assert read(plan, "result") == read(plan, "document") == 0


async def test_documents_of_a_topic_are_read_among_those_of_their_version(planned: Any) -> None:
    plan = await planned(_sql.documents_of_topic, BIG, "press", "2", 7, 0.0, None, None, 50)

    assert 0 < read(plan, "result") <= 200


async def test_the_nearest_are_compared_with_the_topics_of_the_organization_alone(planned: Any) -> None:
    near = _counting(_sql.nearest_topics, False)
    plan = await planned(near, BIG, None, None, [1.0, 0, 0, 0], "words", "1", 4, None, 2.0, 10)

    assert read(plan, "topic") <= 2_000
    assert read(plan, "result") == 0


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, UUID):
        return f"'{value}'"
    if isinstance(value, list):
        return f"'{{{json.dumps(value)[1:-1]}}}'"
    return f"'{value}'" if isinstance(value, str) else str(value)
