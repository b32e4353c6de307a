"""How finding works at 100,000 documents of an organization among others: which index, and how many rows.

Each plan is looked at four times: planned for its parameters and for any, with statistics and without. What a
statement costs must not depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.store.find import find, find_page
from octavo.store.question import Question, count_statement, page_statement
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Origin
from octavo.values.filter import parse
from octavo.values.page import parse_cursor
from tests.databases import administrator, migrated_database, settings_of

SMALL = [UUID(int=n) for n in range(100, 400)]
BIG, OTHER = UUID(int=1), UUID(int=2)
DOCUMENTS = 100_000
WITH_BODIES = 1_500

# 80 % published, one in 20,000 of each customer, five tickets in six old; the newest 40 urgent and nothing else.
FILL = """
INSERT INTO octavo.document_filter (
    organization_id, document_id, namespace, type, name, created_at, created_by, updated_at, updated_by, version,
    fields, metadata)
SELECT
    $1::uuid, md5($1::text || i)::uuid, 'default', (ARRAY['article', 'article', 'article', 'ticket'])[1 + i % 4],
    'doc-' || i, timestamptz '2026-01-01' + i * interval '1 second', 'user-' || i % 37,
    timestamptz '2026-02-01' + (i * 7919 % $2) * interval '1 second', 'user-' || i % 37, 1,
    jsonb_build_object(
        'status', CASE WHEN i * 7919 % 10 < 8 THEN 'published' ELSE 'draft' END,
        'customer', 'c' || i * 7919 % 20000, 'age', CASE WHEN i < $2 * 0.8 THEN 'old' ELSE 'new' END,
        'urgent', i > $2 - 40, 'language', (ARRAY['de', 'en', 'fr'])[1 + i % 3], 'price', i * 7919 % 1000),
    jsonb_build_object('source', 'system-' || i % 5000)
FROM generate_series(1, $2::integer) AS i
"""
DOCUMENTS_OF = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, name, version, body_hash, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT
    organization_id, document_id, namespace, type, name, 1, sha256(document_id::text::bytea), created_at, created_by,
    'user', updated_at, updated_by, 'user', 1, 1, '1', nextval('octavo.event_position')
FROM octavo.document_filter WHERE organization_id = $1 ORDER BY created_at DESC LIMIT $2
"""
BODIES_OF = """
INSERT INTO octavo.body (organization_id, hash, value)
SELECT organization_id, body_hash, jsonb_build_object('id', id) FROM octavo.document WHERE organization_id = $1
"""

# Unique together with more columns, since a foreign key refers to all of them.
REFERENCED = {"model_version_stage", "topic_set_length"}

# The longest known of an organization have expired, and the sweep has not come.
DUE = """
UPDATE octavo.document SET expires_at = now() - interval '1 hour'
WHERE organization_id = $1 AND id IN (
    SELECT id FROM octavo.document WHERE organization_id = $1 ORDER BY created_at LIMIT $2
)
"""


class Plan:
    """An executed plan, as EXPLAIN (ANALYZE, FORMAT JSON) tells it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.nodes = list(_nodes(root))
        self.executed = [node for node in self.nodes if node["Actual Loops"]]

    @property
    def indexes(self) -> set[str]:
        """Names of the indexes read."""
        return {node["Index Name"] for node in self.executed if "Index Name" in node}

    @property
    def sorts(self) -> list[str]:
        """Kinds of the nodes that sort, executed or not."""
        return [node["Node Type"] for node in self.nodes if "Sort" in node["Node Type"]]

    def rows_of(self, table: str) -> float:
        """Rows of a table that were read, those a filter threw away too."""
        return sum(
            node["Actual Loops"]
            * (
                node["Actual Rows"]
                + node.get("Rows Removed by Filter", 0)
                + node.get("Rows Removed by Index Recheck", 0)
            )
            for node in self.executed
            if node.get("Relation Name") == table
        )


class Crowd:
    """The database, and how questions are planned in it."""

    def __init__(self, record: Record, planning: str) -> None:
        self.record = record
        self.planning = planning

    def scope(self, organization: UUID = BIG, **limits: int) -> Scope:
        return Scope(self.record.app, organization, "default", Origin(), Limits(**limits), unheard)

    async def plan(self, organization: UUID = BIG, **asked: Any) -> Plan:
        scope = self.scope(organization)
        statement = page_statement(_question(scope, asked), scope.limits, None)
        return await self.explain(statement.text, [organization, *statement.arguments])

    async def explain(self, text: str, arguments: list[object]) -> Plan:
        """What EXPLAIN says of the statement, as the application's role runs it."""
        async with self.record.app.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{self.planning}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            values = ", ".join(_literal(argument) for argument in arguments)
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({values})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])


@pytest.fixture(scope="module")
async def crowded(server) -> Any:
    """Two organizations of 100,000 documents and three hundred of twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("ALTER TABLE octavo.document_filter SET (autovacuum_enabled = off)")
            for organization in (BIG, OTHER):
                await admin.execute(FILL, organization, DOCUMENTS)
            await admin.executemany(FILL, [(organization, 20) for organization in SMALL])
            await admin.execute(DOCUMENTS_OF, BIG, WITH_BODIES)
            await admin.execute(BODIES_OF, BIG)
            await admin.execute(DOCUMENTS_OF, SMALL[0], 20)
            await admin.execute(DUE, BIG, 3)
            await admin.execute(DUE, SMALL[0], 20)
        record = await open_record(settings_of(server, name))
        yield record, name
        await record.close()


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
async def statistics(request, server, crowded) -> Record:
    record, name = crowded
    if request.param == "with statistics":
        async with administrator(server, name) as admin:
            await admin.execute("VACUUM ANALYZE octavo.document_filter")
    return record


@pytest.fixture(params=["custom", "generic"])
def crowd(request, statistics) -> Crowd:
    return Crowd(statistics, request.param)


@pytest.mark.parametrize(
    ("type", "index"), [(None, "document_filter_recent"), ("ticket", "document_filter_created")]
)
async def test_newest_first_reads_the_page_from_an_index_and_sorts_nothing(crowd: Crowd, type, index):
    """S0-068, S0-073, S3-017, S3-054"""
    plan = await crowd.plan(type=type)

    assert plan.sorts == []
    assert index in plan.indexes
    assert plan.rows_of("document_filter") == 101


async def test_a_later_page_reads_no_more_than_the_first(crowd: Crowd):
    scope = crowd.scope()
    question = _question(scope, {"type": "article"})
    page = await find_page(scope, question)
    assert page.cursor is not None
    statement = page_statement(question, scope.limits, parse_cursor(page.cursor, question.fingerprint))
    plan = await crowd.explain(statement.text, [BIG, *statement.arguments])

    assert plan.sorts == []
    assert plan.rows_of("document_filter") == 101


async def test_a_value_that_most_documents_have_is_found_by_walking(crowd: Crowd):
    plan = await crowd.plan(where={"status": "published"})

    assert "document_filter_fields" not in plan.indexes
    assert plan.rows_of("document_filter") < 300


@pytest.mark.parametrize("order", ["-@created_at", "@updated_at", "@name", "@id"])
async def test_a_rare_value_is_found_by_its_index_in_every_order(crowd: Crowd, order):
    """S0-065"""
    plan = await crowd.plan(where={"customer": "c77"}, order=order)

    assert "document_filter_fields" in plan.indexes
    assert plan.rows_of("document_filter") < 64 + 10


async def test_a_rare_value_of_the_newest_documents_is_found_without_walking_through_the_others(crowd: Crowd):
    plan = await crowd.plan(where={"urgent": True})

    assert plan.rows_of("document_filter") < 64 + 4_001 + 41


async def test_a_common_value_that_only_old_documents_have_costs_the_walk_to_them(crowd: Crowd):
    plan = await crowd.plan(where={"age": "old"})

    assert plan.rows_of("document_filter") < 64 + 20_001 + DOCUMENTS * 0.2 + 200


@pytest.mark.parametrize(
    "where",
    [
        {"@created_by": "user-5", "status": "draft"},
        {"@created_by": "user-5", "customer": "c77"},
        {"customer": "c77", "language": "de"},
        {"@metadata.source": "system-77"},
        {"@metadata": {"$contains": {"source": "system-77"}}},
        {"customer": {"$in": ["c1", "c2", "c3"]}},
        {"$or": [{"customer": "c1"}, {"@metadata.source": "system-77"}]},
    ],
)
async def test_what_few_documents_equal_is_found_by_the_one_index(crowd: Crowd, where):
    """S0-067, S0-069, S0-070, S0-072, S0-074"""
    plan = await crowd.plan(where=where)

    assert "document_filter_fields" in plan.indexes
    assert plan.rows_of("document_filter") < 1_500


async def test_documents_of_a_rare_type_are_found_by_type(crowd: Crowd):
    """S0-066, S3-054"""
    plan = await crowd.plan(type="nothing", order="-@updated_at")

    assert plan.rows_of("document_filter") < 65


async def test_counting_leaves_out_what_expired_by_reading_that_alone(crowd: Crowd):
    statement = count_statement(parse({"@namespace": "default", "@type": "ticket"}), Limits(), None)
    plan = await crowd.explain(statement.text, [BIG, *statement.arguments])

    assert "document_overdue" in plan.indexes
    assert plan.rows_of("document") == 3
    assert plan.rows_of("document_filter") == DOCUMENTS / 4
    assert {
        node["Node Type"] for node in plan.executed if node.get("Relation Name") == "document_filter"
    } == {"Index Only Scan"}


async def test_a_small_organization_never_pays_for_a_large_one(crowd: Crowd):
    for where in ({}, {"status": "published"}, {"customer": "c77"}, {"price": {"$gt": 500}}):
        plan = await crowd.plan(SMALL[7], where=where)

        assert plan.rows_of("document_filter") <= 60


async def test_a_time_span_is_a_range_of_its_index(crowd: Crowd):
    start = datetime(2026, 1, 1, 10, tzinfo=UTC)
    where = {"@created_at": {"$gte": start, "$lt": start.replace(minute=1)}, "price": {"$gte": 0}}

    plan = await crowd.plan(where=where, order="@created_at")

    assert plan.rows_of("document_filter") == 60


async def test_a_thousand_headers_are_listed_without_reading_a_body(crowd: Crowd):
    """S3-004, S3-055"""
    plan = await crowd.plan(limit=1_000, include_body=False)

    assert plan.rows_of("document") == 1_001
    assert plan.rows_of("body") == 0
    assert "body_pkey" not in plan.indexes


async def test_no_index_repeats_the_beginning_of_another(statistics: Record):
    """S0-075"""
    rows = await statistics.system.fetch(
        """
        SELECT relation.relname AS on_table, name.relname AS name, definition.indkey::text AS columns,
               pg_get_indexdef(definition.indexrelid) AS definition
        FROM pg_index AS definition
        JOIN pg_class AS relation ON relation.oid = definition.indrelid
        JOIN pg_class AS name ON name.oid = definition.indexrelid
        JOIN pg_am AS method ON method.oid = name.relam
        WHERE relation.relnamespace = 'octavo'::regnamespace AND method.amname = 'btree'
            AND definition.indpred IS NULL AND definition.indexprs IS NULL
        """
    )
    columns = [
        (row["on_table"], row["name"], row["columns"].split())
        for row in rows
        if row["name"] not in REFERENCED
    ]

    assert [
        f"{one} is the beginning of {other}"
        for table, one, short in columns
        for other_table, other, long in columns
        if (table, one) != (other_table, other) and table == other_table and long[: len(short)] == short
    ] == []


def _question(scope: Scope, asked: Mapping[str, Any]) -> Question:
    async def bind() -> Scope:
        return scope

    return find(bind, **asked).question(scope)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for inner in node.get("Plans", []):
        yield from _nodes(inner)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]"
    text = value.decode() if isinstance(value, bytes) else str(value)
    return "'" + text.replace("'", "''") + "'"
