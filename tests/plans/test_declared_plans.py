"""How declared indexes lead at 100,000 documents of an organization among 21: rows read, nothing sorted.

Each plan is looked at four times: planned for its parameters and for any, with statistics and without.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.operations import indexes
from octavo.postgres.record import Record, open_record
from octavo.store import types
from octavo.store.known import KnownTypes
from octavo.store.question import count_statement, page_statement
from octavo.store.scope import Scope
from octavo.values.declared import Declaration, DeclaredIndex
from octavo.values.page import Cursor
from tests.databases import administrator, migrated_database, settings_of, url_of
from tests.plans.test_find_plans import BIG, DOCUMENTS, FILL, SMALL, Crowd, Plan, _question

TICKET = Declaration(
    "ticket",
    1,
    {"type": "object"},
    (
        DeclaredIndex.of("index", ["price"]),
        DeclaredIndex.of("index", ["customer"]),
        DeclaredIndex.of("index", ["urgent"]),
        DeclaredIndex.of("index", ["status", "price"]),
        DeclaredIndex.of("index", ["language", "price"], {"status": "draft"}),
        DeclaredIndex.of("index", ["closed"]),
    ),
)


class TypedCrowd(Crowd):
    """The database, with what is declared known."""

    def __init__(self, record: Record, planning: str, known: KnownTypes) -> None:
        super().__init__(record, planning)
        self.known = known

    def scope(self, *arguments: Any, **limits: int) -> Scope:
        return msgspec.structs.replace(super().scope(*arguments, **limits), types=self.known)


@pytest.fixture(scope="module")
async def declared(server) -> Any:
    """An organization of 100,000 documents, a quarter of them tickets, and twenty of twenty; all indexes built."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("ALTER TABLE octavo.document_filter SET (autovacuum_enabled = off)")
            await admin.execute(FILL, BIG, DOCUMENTS)
            await admin.executemany(FILL, [(organization, 20) for organization in SMALL[:20]])
        settings = settings_of(server, name, record_admin=url_of(server, "octavo_admin", name))
        record = await open_record(settings)
        await types.register(record.system, TICKET, "test", None)
        assert {state.state for state in await indexes.apply(settings, record.system)} == {"ready"}
        known = KnownTypes()
        await types.refresh(record.app, known)
        yield record, known, name
        await record.close()


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
async def statistics(request, server, declared) -> tuple[Record, KnownTypes]:
    record, known, name = declared
    if request.param == "with statistics":
        async with administrator(server, name) as admin:
            await admin.execute("VACUUM ANALYZE octavo.document_filter")
    return record, known


@pytest.fixture(params=["custom", "generic"])
def crowd(request, statistics) -> TypedCrowd:
    record, known = statistics
    return TypedCrowd(record, request.param, known)


def declared_in(plan: Plan) -> bool:
    return any(name.startswith("type_key_") for name in plan.indexes)


def sorted_rows(plan: Plan) -> float:
    """The most rows that a part of the plan sorts: those of the page, at most."""
    return max((node["Actual Rows"] for node in plan.executed if "Sort" in node["Node Type"]), default=0)


@pytest.mark.parametrize("order", ["price", "-price"])
async def test_an_order_by_a_declared_field_reads_the_page_and_sorts_nothing(crowd: TypedCrowd, order):
    """S3-009, S3-063"""
    plan = await crowd.plan(type="ticket", order=order)

    assert declared_in(plan)
    assert plan.sorts == []
    assert plan.rows_of("document_filter") == 101


@pytest.mark.parametrize(
    ("where", "most"),
    [
        ({"price": {"$gte": 500}}, 101),
        ({"price": {"$gte": 500, "$lt": 600}}, 101),
        ({"price": {"$gt": 5, "$lte": 5}}, 0),
        ({"price": {"$gte": 997}, "status": "draft"}, 101),
        ({"price": {"$gte": 0}, "status": "nowhere"}, 0),
    ],
)
async def test_a_range_in_its_own_order_reads_the_page(crowd: TypedCrowd, where, most):
    plan = await crowd.plan(type="ticket", where=where, order="-price")

    assert declared_in(plan)
    assert plan.rows_of("document_filter") <= most
    assert sorted_rows(plan) <= most


@pytest.mark.parametrize("order", ["-@created_at", "@name", "@version", "closed"])
async def test_a_rare_range_is_found_by_its_index_in_every_other_order(crowd: TypedCrowd, order):
    """One ticket in a thousand is of the highest price."""
    plan = await crowd.plan(type="ticket", where={"price": {"$gte": 999}}, order=order)

    assert declared_in(plan)
    assert plan.rows_of("document_filter") < 250


async def test_a_prefix_of_a_declared_field_is_a_range_of_its_index(crowd: TypedCrowd):
    plan = await crowd.plan(type="ticket", where={"customer": {"$prefix": "c1234"}}, order="-@created_at")

    assert declared_in(plan)
    assert plan.rows_of("document_filter") < 250


async def test_a_field_that_few_documents_have_is_found_by_its_index(crowd: TypedCrowd):
    """Nothing is closed."""
    plan = await crowd.plan(type="ticket", where={"closed": {"$exists": True}})

    assert declared_in(plan)
    assert plan.rows_of("document_filter") < 65


async def test_two_fields_of_a_composite_index_lead_together(crowd: TypedCrowd):
    """S3-006, S2-007"""
    plan = await crowd.plan(type="ticket", where={"status": "draft", "price": {"$gte": 999}})

    assert declared_in(plan)
    assert plan.rows_of("document_filter") < 100


async def test_a_partial_index_is_used_by_questions_that_ask_for_its_condition(crowd: TypedCrowd):
    """S2-008"""
    where = {"status": "draft", "language": "de", "price": {"$lt": 2}}

    plan = await crowd.plan(type="ticket", where=where, order="price")

    assert declared_in(plan)
    assert plan.rows_of("document_filter") <= 101
    assert sorted_rows(plan) <= 101


@pytest.mark.parametrize("where", [{}, {"status": "published"}])
async def test_a_later_page_along_a_declared_index_reads_no_more_than_the_first(crowd: TypedCrowd, where):
    scope = crowd.scope()
    question = _question(scope, {"type": "ticket", "order": "-price", "where": where})
    after = Cursor(question.fingerprint, "500", UUID(int=2**127))
    statement = page_statement(question, scope.limits, after)
    plan = await crowd.explain(statement.text, [BIG, *statement.arguments])

    assert sorted_rows(plan) <= 101
    assert plan.rows_of("document_filter") == 101


async def test_a_declared_range_is_counted_by_its_index(crowd: TypedCrowd):
    scope = crowd.scope()
    question = _question(scope, {"type": "ticket", "where": {"price": {"$gte": 990}}})
    statement = count_statement(question.filter, scope.limits, None, crowd.known.ready("ticket"))

    plan = await crowd.explain(statement.text, [BIG, *statement.arguments])

    assert declared_in(plan)
    assert plan.rows_of("document_filter") == 200


async def test_a_small_organization_never_pays_for_a_large_one(crowd: TypedCrowd):
    for asked in ({"order": "-price"}, {"where": {"price": {"$gte": 0}}}, {"where": {"closed": None}}):
        plan = await crowd.plan(SMALL[7], type="ticket", **asked)

        assert plan.rows_of("document_filter") <= 20
