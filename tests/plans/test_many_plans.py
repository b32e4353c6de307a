"""What changes, groups or streams many documents, at 100,000 of an organization among others: rows read, memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from octavo.store import bulk
from octavo.store.filters import LOOKUP, Compiler
from octavo.store.find import as_filter, find, within
from octavo.store.groups import group_statement
from octavo.values.group import parse_grouping
from octavo.values.patch import parse as parse_patch
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import BIG, BODIES_OF, DOCUMENTS, DOCUMENTS_OF, FILL, SMALL, Crowd, Plan

_bulk, _changes = load("octavo.store", "bulk.sql"), load("octavo.store", "changes.sql")
_reads = load("octavo.store", "reads.sql")
LOOK = 20_000
CHUNK = 500
READ = 32  # as many as a worker's attempts read together
VERSIONS_OF = """
INSERT INTO octavo.version (
    organization_id, document_id, number, change, body_hash, metadata, created_at, created_by, created_by_kind)
SELECT organization_id, id, 1, 'created', body_hash, metadata, created_at, created_by, 'user'
FROM octavo.document WHERE organization_id = $1
"""
PROFILE_OF = """
INSERT INTO octavo.organization_profile (id, name, inner_pad, outer_pad)
VALUES ($1, 'big', decode(repeat('36', 64), 'hex'), decode(repeat('5c', 64), 'hex'))
"""


@pytest.fixture(scope="module")
async def crowded(server) -> Any:
    """An organization of 100,000 documents with bodies, and fifty of twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("ALTER TABLE octavo.document_filter SET (autovacuum_enabled = off)")
            await admin.execute(PROFILE_OF, BIG)
            await admin.execute(FILL, BIG, DOCUMENTS)
            await admin.executemany(FILL, [(organization, 20) for organization in SMALL[:50]])
            for statement, arguments in (
                (DOCUMENTS_OF, [BIG, DOCUMENTS]),
                (BODIES_OF, [BIG]),
                (VERSIONS_OF, [BIG]),
            ):
                await admin.execute(statement, *arguments)
        record = await open_record(settings_of(server, name))
        yield record, name
        await record.close()


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
async def statistics(request, server, crowded) -> Record:
    record, name = crowded
    if request.param == "with statistics":
        async with administrator(server, name) as admin:
            await admin.execute(
                "VACUUM ANALYZE octavo.document_filter, octavo.document, octavo.body, octavo.version"
            )
    return record


@pytest.fixture(params=["custom", "generic"])
def crowd(request, statistics) -> Crowd:
    return Crowd(statistics, request.param)


async def test_a_look_at_what_no_index_finds_reads_its_bound_along_an_index(crowd: Crowd):
    plan = await walked(crowd, {"price": {"$gte": 990}})

    assert plan.indexes == {"document_filter_created", "document_overdue"}
    assert plan.rows_of("document_filter") == LOOK


async def test_what_few_documents_equal_is_found_by_the_index_of_fields(crowd: Crowd):
    scope = crowd.scope()
    asked = within(as_filter({"customer": "c77", "price": {"$gte": 0}}), None, None, scope)
    statement = bulk.found_statement(scope, asked)
    assert statement is not None

    plan = await crowd.explain(statement.text, [BIG, *statement.arguments])

    assert plan.indexes == {"document_filter_fields", "document_overdue"}
    assert plan.rows_of("document_filter") < 20


async def test_locking_a_chunk_reads_its_heads_and_bodies_and_no_others(crowd: Crowd):
    plan = await crowd.explain(_bulk.lock_documents, [BIG, await first_ids(crowd), 2**40])

    assert plan.rows_of("document") == 2 * CHUNK
    assert plan.rows_of("body") == CHUNK


async def test_versions_of_many_documents_are_found_one_by_one(crowd: Crowd):
    ids = (await first_ids(crowd)).strip("{}").split(",")[:READ]
    numbers = ["1"] * READ

    plan = await crowd.explain(_reads.get_versions, [BIG, f"{{{','.join(ids)}}}", f"{{{','.join(numbers)}}}"])

    assert plan.rows_of("document") <= 2 * READ
    assert plan.rows_of("version") <= 2 * READ
    assert plan.rows_of("body") <= READ


async def test_changing_a_chunk_reads_its_own_rows_only(crowd: Crowd):
    compiler = Compiler(LOOKUP, 11)
    condition = compiler.sql(as_filter({"language": {"$in": ["de", "en", "fr"]}}).root)
    patch = parse_patch({"$inc": {"round": 1}})
    text = _changes.patch_documents.replace("{filter}", condition)
    origin: list[object] = ["ann", "user", None, None, None]

    ids = await first_ids(crowd)
    plan = await crowd.explain(
        text, [BIG, *origin, ids, patch.merge, patch.operations, None, *compiler.arguments]
    )

    assert "Seq Scan" not in {
        node["Node Type"]
        for node in plan.executed
        if node.get("Relation Name") in {"document", "body", "version"}
    }
    assert plan.rows_of("document_filter") <= 2 * CHUNK
    assert plan.rows_of("document") <= 3 * CHUNK
    assert plan.rows_of("body") <= 3 * CHUNK


async def test_a_group_of_few_documents_reads_these_only(crowd: Crowd):
    plan = await grouped(crowd, {"customer": "c77"})

    assert plan.indexes == {"document_filter_fields", "document_overdue"}
    assert plan.rows_of("document_filter") < 20


async def test_a_group_that_looks_at_documents_looks_at_the_bound_at_most(crowd: Crowd):
    plan = await grouped(crowd, {"price": {"$gte": 990}})

    assert plan.rows_of("document_filter") == LOOK + 1


async def test_all_documents_stream_in_the_memory_of_a_few_pages(crowded: tuple[Record, str]):
    scope = Crowd(crowded[0], "custom").scope()

    async def bind() -> Any:
        return scope

    found = find(bind, limit=1_000)
    first = await found.page()
    tracemalloc.start()
    try:
        one_page = await found.page()
        page_bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        streamed = 0
        async for page in found.pages():
            streamed += sum(bool(document.raw_body) for document in page.documents)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert streamed == DOCUMENTS
    assert len(first.documents) == len(one_page.documents) == 1_000
    # The page that is left, the next one, and the rows it is made from.
    assert peak_bytes < 6 * page_bytes


async def walked(crowd: Crowd, where: dict[str, Any]) -> Plan:
    scope = crowd.scope()
    statement = bulk.walk_statement(scope, within(as_filter(where), "article", None, scope), None)
    return await crowd.explain(statement.text, [BIG, *statement.arguments])


async def grouped(crowd: Crowd, where: dict[str, Any]) -> Plan:
    scope = crowd.scope()
    asked = within(as_filter(where), None, None, scope)
    grouping = parse_grouping(["status", "@created_at.day"], "-count", sum="price")
    statement = group_statement(grouping, asked, scope.limits, 100)
    return await crowd.explain(statement.text, [BIG, *statement.arguments])


async def first_ids(crowd: Crowd) -> str:
    """A chunk of ids, as PostgreSQL writes an array."""

    async def bind() -> Any:
        return crowd.scope()

    page = await find(bind, limit=CHUNK, order="@id", include_body=False).page()
    return "{" + ",".join(str(document.id) for document in page.documents) + "}"
