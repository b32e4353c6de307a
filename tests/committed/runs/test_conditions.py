"""Steps that are skipped, and what comes after them."""

from __future__ import annotations

import pytest

from octavo.testing.clock import FakeClock
from tests.committed.runs.flowing import CALLS

INVOICE = {"outputs.sort.kind": "invoice"}


@pytest.fixture
def ran(acme):
    """Put steps as a pipeline, and run it here."""

    async def run(*steps, document=None, input=None, **more):
        await acme.pipelines.put("p", {"steps": list(steps), **more})
        return await acme.pipelines.run("p", document, input=input or {}, clock=FakeClock())

    return run


def states(run):
    return {step.name: step.state for step in run.steps}


SORT = {"component": "kind", "name": "sort"}


async def test_a_step_whose_condition_holds_is_called(ran):
    run = await ran(SORT, {"component": "double", "when": INVOICE}, input={"kind": "invoice"})

    assert states(run) == {"sort": "completed", "double": "completed"}
    assert run.output["double"] == {"number": 2}


async def test_a_step_whose_condition_does_not_hold_is_skipped_and_told_so(ran):
    run = await ran(SORT, {"component": "double", "when": INVOICE}, input={"kind": "letter"})

    assert (run.state, states(run)) == ("completed", {"sort": "completed", "double": "skipped"})
    assert set(run.output) == {"sort"}


async def test_what_comes_after_a_skipped_step_in_a_list_is_called(ran):
    run = await ran(SORT, {"component": "double", "when": INVOICE}, {"component": "blocking"})

    assert run.output["blocking"] == {"seen": ["sort"]}


async def test_a_step_that_names_only_skipped_steps_is_skipped_with_them(ran):
    run = await ran(
        SORT,
        {"component": "double", "when": INVOICE},
        {"component": "blocking", "after": ["double"]},
        {"component": "kind", "name": "last", "after": ["blocking"]},
    )

    assert states(run) == {"sort": "completed", "double": "skipped", "blocking": "skipped", "last": "skipped"}


async def test_a_step_that_joins_a_skipped_branch_and_another_is_called(ran):
    run = await ran(
        SORT,
        {"component": "double", "after": ["sort"], "when": INVOICE},
        {"component": "kind", "name": "other", "after": ["sort"]},
        {"component": "blocking", "after": ["double", "other"]},
    )

    assert run.output["blocking"] == {"seen": ["other", "sort"]}


async def test_a_condition_looks_at_the_input_and_at_the_document(ran, acme):
    document = await acme.documents.put("note", {"number": 5, "tags": ["a", "b"]})
    when = {"input.kind": {"$in": ["x", "y"]}, "document.tags": "b", "document.number": {"$gt": 4}}

    run = await ran({"component": "double", "when": when}, document=document.id, input={"kind": "y"})

    assert run.output == {"double": {"number": 10}}


async def test_a_run_of_one_step_that_is_skipped_completes_and_writes_nothing(ran, acme):
    document = await acme.documents.put("note", {"number": 5})

    run = await ran(
        {"component": "double", "into": "out", "when": {"document.number": 6}}, document=document.id
    )

    assert (run.state, run.output) == ("completed", {})
    assert (await acme.documents.get(document.id)).version == 1


async def test_an_output_is_written_beside_one_that_is_not_there(ran, acme):
    document = await acme.documents.put("note", {"number": 5})

    await ran(
        {"component": "double", "into": "out.first"},
        {"component": "double", "name": "never", "into": "out.second", "when": {"input.a": 1}},
        document=document.id,
    )

    assert (await acme.documents.get(document.id)).body == {"number": 5, "out": {"first": {"number": 10}}}


async def test_the_next_attempt_skips_what_the_one_before_skipped(ran):
    run = await ran(
        SORT,
        {"component": "kind", "name": "never", "when": INVOICE},
        {"component": "fail"},
        input={"times": 1},
    )

    assert (run.state, run.attempt) == ("completed", 2)
    assert [key.partition(":")[2] for key in CALLS if str(run.id) in key] == ["sort"]
    assert states(run)["never"] == "skipped"
