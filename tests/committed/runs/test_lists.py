"""A step that is called for each element of a list, and what it gives."""

from __future__ import annotations

import pytest

from octavo.testing.clock import FakeClock
from tests.committed.runs.flowing import CALLS

SPLIT = {"component": "split"}
SQUARE = {"component": "square", "each": "outputs.split.parts"}
TWICE = {"attempts": 2}


@pytest.fixture
def ran(acme):
    """Put steps as a pipeline, and run it here."""

    async def run(*steps, document=None, input=None, **more):
        await acme.pipelines.put("p", {"steps": list(steps), **more})
        return await acme.pipelines.run("p", document, input=input or {}, clock=FakeClock())

    return run


def calls_of(run):
    """The places that were called, in order."""
    return sorted(key.partition(":")[2] for key in CALLS if str(run.id) in key)


async def test_outputs_stand_in_the_order_of_the_list(ran):
    run = await ran(SPLIT, SQUARE, input={"parts": [3, 1, 2]})

    assert run.output["square"] == {"items": [{"square": 9}, {"square": 1}, {"square": 4}]}
    assert calls_of(run) == ["square[0]", "square[1]", "square[2]"]


async def test_what_all_elements_used_adds_up(ran):
    run = await ran(SPLIT, {**SQUARE, "at_once": 2}, input={"parts": list(range(25))})

    (_, square) = run.steps
    assert (square.items, square.items_failed, square.metrics.tokens_in, square.metrics.tries) == (
        25,
        0,
        25,
        25,
    )


async def test_a_list_without_elements_gives_one(ran):
    run = await ran(SPLIT, SQUARE, input={"parts": []})

    assert run.output["square"] == {"items": []}


async def test_one_step_alone_is_called_for_each_of_the_documents_list(ran, acme):
    document = await acme.documents.put("note", {"numbers": [1, 2]})

    run = await ran(
        {"component": "square", "each": "document.numbers", "into": "squares"}, document=document.id
    )

    assert run.state == "completed"
    assert (await acme.documents.get(document.id)).body["squares"]["items"] == [{"square": 1}, {"square": 4}]


async def test_the_next_step_sees_all_outputs(ran):
    run = await ran(SPLIT, SQUARE, {"component": "blocking"}, input={"parts": [1]})

    assert run.output["blocking"] == {"seen": ["split", "square"]}


async def test_an_element_that_fails_fails_the_step_and_the_others_are_not_repeated(ran):
    run = await ran(
        SPLIT,
        {**SQUARE, "at_once": 1},
        input={"parts": [1, 2, 3], "bad": [3], "times": 1},
        retry=TWICE,
    )

    assert (run.state, run.attempt) == ("completed", 2)
    assert calls_of(run) == ["square[0]", "square[1]", "square[2]", "square[2]"]
    assert [item["square"] for item in run.output["square"]["items"]] == [1, 4, 9]


async def test_a_list_of_one_step_alone_is_resumed_too(ran, acme):
    document = await acme.documents.put("note", {"numbers": [1, 2]})

    run = await ran(
        {"component": "square", "each": "document.numbers", "at_once": 1},
        document=document.id,
        input={"bad": [2], "times": 1},
        retry=TWICE,
    )

    assert calls_of(run) == ["square[0]", "square[1]", "square[1]"]


async def test_the_first_element_that_fails_is_the_reason(ran):
    run = await ran(SPLIT, SQUARE, input={"parts": [1, 2], "bad": [2]}, retry={"attempts": 1})

    assert (run.state, run.error["message"], run.error["step"]) == ("dead", "2 is bad", "square")


async def test_elements_that_fail_may_be_collected(ran):
    run = await ran(SPLIT, {**SQUARE, "failing_items": "collect"}, input={"parts": [1, 2, 3], "bad": [2]})

    assert run.output["square"] == {
        "items": [{"square": 1}, None, {"square": 9}],
        "failed": [{"index": 1, "code": "RuntimeError", "message": "2 is bad"}],
    }
    assert run.steps[-1].items_failed == 1


@pytest.mark.parametrize("parts", [None, 5, {"a": 1}])
async def test_what_is_no_list_kills_the_run(ran, parts):
    run = await ran({"component": "square", "each": "input.parts"}, input={"parts": parts})

    assert (run.state, run.error["code"], run.attempt) == ("dead", "step_failed", 1)


async def test_a_list_that_is_too_long_kills_the_run(ran):
    run = await ran({"component": "square", "each": "input.parts"}, input={"parts": [0] * 1_001})

    assert (run.state, run.error["code"]) == ("dead", "step_failed")
    assert calls_of(run) == []


async def test_no_output_of_an_element_is_left_when_the_run_has_ended(ran, fields):
    await ran({"component": "square", "each": "input.parts"}, input={"parts": [1, 2]})

    assert await fields("SELECT name FROM octavo.run_step") == []


async def test_a_run_that_was_given_up_half_way_lists_its_steps_and_not_their_elements(ran, acme):
    dead = await ran(
        SPLIT, {**SQUARE, "at_once": 1}, input={"parts": [1, 2], "bad": [2]}, retry={"attempts": 1}
    )

    cancelled = await acme.runs.cancel(dead.id)

    assert [step.name for step in dead.steps] == ["split"]
    assert [step.name for step in cancelled.steps] == ["split"]
