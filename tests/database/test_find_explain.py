"""What `explain` tells of a question: the index, what was looked at, estimates, and that it changed nothing."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidFilter
from octavo.store.scope import Scope
from octavo.values.plan import read_plan
from octavo.workspace import Documents
from octavo.workspace.transactions import unit_of_work


async def put_tickets(docs: Documents, count: int) -> None:
    await docs.put_many(
        [{"type": "ticket", "name": f"{n}", "body": {"n": n, "customer": f"c{n % 50}"}} for n in range(count)]
    )


async def test_a_plan_names_the_index_that_leads_and_counts_what_was_looked_at(docs: Documents):
    """S0-248, S2-016, S2-058"""
    await put_tickets(docs, 300)

    newest = await docs.find("ticket", limit=10).explain()
    rare = await docs.find("ticket", where={"customer": "c7"}).explain()
    ranged = await docs.find("ticket", where={"n": {"$lt": 3}}).explain()

    # A small organization may be walked along either index of times; tests/plans has the large ones.
    assert newest.index in {"document_filter_created", "document_filter_recent"}
    assert (newest.scanned, newest.rows) == (11, 11)
    assert rare.index is not None
    assert rare.rows == 6
    assert (ranged.scanned, ranged.rows) == (300, 3)
    assert newest.sequential == []
    assert newest.blocks > 0
    assert newest.execution_ms > 0
    assert all(step.estimated >= 0 and step.cost >= 0 for step in newest.steps)


async def test_a_later_page_can_be_explained(docs: Documents):
    await put_tickets(docs, 30)
    page = await docs.find("ticket", limit=10).page()

    plan = await docs.find("ticket", limit=10, cursor=page.cursor).explain()

    assert (plan.scanned, plan.rows) == (11, 11)


async def test_explaining_is_one_statement_in_a_transaction_that_may_only_read(docs: Documents, statements):
    """S2-057"""
    await put_tickets(docs, 3)
    statements.clear()

    await docs.find("ticket").explain()

    begin, explain, commit = statements
    assert (begin, commit) == ("BEGIN READ ONLY", "COMMIT")
    assert explain.startswith("EXPLAIN (ANALYZE")


async def test_a_question_can_be_explained_inside_a_transaction(docs: Documents, record, scope: Scope):
    await put_tickets(docs, 3)

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await tx.documents.put("ticket", {"n": 3})
        plan = await tx.documents.find("ticket").explain()

    assert plan.rows == 4


async def test_a_question_that_means_nothing_is_refused(docs: Documents):
    with pytest.raises(InvalidFilter):
        await docs.find("ticket", cursor="c1-nonsense").explain()


def test_an_estimate_that_is_ten_times_off_is_told():
    """S2-058"""
    node = {"Node Type": "Seq Scan", "Relation Name": "body", "Total Cost": 9.5, "Actual Loops": 2}
    answer = {
        "Plan": {
            "Node Type": "Limit",
            "Total Cost": 10.0,
            "Plan Rows": 10,
            "Actual Rows": 10,
            "Actual Loops": 1,
            "Actual Total Time": 1.5,
            "Shared Hit Blocks": 3,
            "Shared Read Blocks": 4,
            "Plans": [
                {
                    **node,
                    "Plan Rows": 5,
                    "Actual Rows": 50.5,
                    "Actual Total Time": 0.5,
                    "Rows Removed by Filter": 7,
                },
                {**node, "Plan Rows": 5, "Actual Rows": 5, "Actual Total Time": 0.5},
                {**node, "Actual Loops": 0, "Plan Rows": 5, "Actual Rows": 0, "Actual Total Time": 0},
            ],
        },
        "Planning Time": 0.1,
        "Execution Time": 1.6,
    }

    plan = read_plan(answer)

    assert [step.depth for step in plan.steps] == [0, 1, 1]
    assert [(step.estimated, step.rows, step.looked_at) for step in plan.far_off] == [(10, 101, 115)]
    assert (plan.sequential, plan.blocks, plan.index) == (["body"], 7, None)
    assert [step["far_off"] for step in plan.as_dict()["steps"]] == [False, True, False]
