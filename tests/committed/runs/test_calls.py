"""What a call of a component tells, how often it is tried, and what ends it."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import pytest

from octavo.testing.clock import FakeClock
from tests.committed.runs.flowing import BEGUN, CALLS, KEPT, LEFT
from tests.committed.runs.steps import GATES, Gate

GB = 1024**3


@pytest.fixture
def ran(acme):
    """Put steps as a pipeline, and run it here."""

    async def run(*steps, input=None, clock=None, **more):
        await acme.pipelines.put("p", {"steps": list(steps), **more})
        return await acme.pipelines.run("p", input=input or {}, clock=clock or FakeClock())

    return run


@pytest.fixture
def gate(request):
    GATES[request.node.name] = Gate()
    yield GATES[request.node.name]
    GATES.pop(request.node.name).opened.set()


async def test_a_call_that_fails_is_repeated_inside_of_the_attempt(ran):
    clock = FakeClock()

    run = await ran(
        {"component": "stumble", "retry": {"attempts": 3, "first_seconds": 8}},
        input={"times": 2},
        clock=clock,
    )

    assert (run.state, run.attempt, run.output["stumble"]) == ("completed", 1, {"calls": 3})
    assert len(clock.slept) == 2
    assert 4 <= clock.slept[0] <= 8 <= clock.slept[1] <= 16


async def test_what_tries_that_failed_used_counts_too(ran):
    run = await ran({"component": "stumble", "retry": {"attempts": 3}}, input={"times": 2})

    assert (run.steps[0].metrics.tokens_out, run.steps[0].metrics.tries) == (3, 3)


async def test_calls_are_not_repeated_without_an_end(ran):
    run = await ran(
        {"component": "stumble", "retry": {"attempts": 2}}, input={"times": 9}, retry={"attempts": 2}
    )

    assert (run.state, run.error["code"]) == ("dead", "ConnectionError")
    assert len([key for key in CALLS if str(run.id) in key]) == 4


async def test_what_is_of_no_use_to_repeat_is_not_repeated(ran):
    clock = FakeClock()

    run = await ran({"component": "fail", "retry": {"attempts": 5}}, input={"final": True}, clock=clock)

    assert (run.state, clock.slept) == ("dead", [])


async def test_what_a_step_measures_is_kept_with_the_run(ran, acme):
    run = await ran({"component": "spend", "config": {"cost": "0.0123"}}, {"component": "kind"})

    kept = (await acme.runs.get(run.id)).steps[0]
    assert (kept.metrics.tokens_in, kept.metrics.tokens_out) == (1_500, 500)
    assert kept.metrics.cost_usd == Decimal("0.0123")
    assert kept.as_dict()["metrics"]["cost_usd"] == "0.0123"


async def test_the_cost_is_computed_from_tokens_where_the_component_does_not_tell_it(ran):
    """S4-029, S4-030"""
    run = await ran({"component": "spend", "price": {"per_1k_in": "0.03", "per_1k_out": 0.06}})

    assert run.steps[0].metrics.cost_usd == Decimal("0.075")


async def test_a_step_knows_its_model_and_the_run_tells_it(ran):
    run = await ran({"component": "spend", "config": {"model": "large@2"}})

    assert (run.output["spend"], run.steps[0].model) == ({"model": "large@2"}, "large@2")


async def test_the_processor_s_time_of_a_thread_is_measured(ran):
    run = await ran({"component": "toil"})

    assert run.steps[0].metrics.cpu_seconds > 0


async def test_a_process_tells_what_it_used(ran):
    run = await ran({"component": "crunch"})

    metrics = run.steps[0].metrics
    assert metrics.tokens_in == 7
    assert metrics.cpu_seconds > 0
    assert metrics.memory_mb > 1


async def test_a_step_has_the_memory_that_it_says(ran):
    eats = {"component": "crunch", "config": {"bytes": GB}, "memory_bytes": GB}

    run = await ran({**eats, "name": "less"}, retry={"attempts": 1})

    assert (run.state, run.error["message"].partition(":")[0]) == ("dead", "MemoryError")


async def test_the_next_step_in_the_same_process_has_its_own_memory_again(ran):
    eats = {"component": "crunch", "config": {"bytes": GB}}
    await ran({**eats, "memory_bytes": GB}, retry={"attempts": 1})

    run = await ran(eats)

    assert run.output["crunch"]["bytes"] == GB


async def test_progress_is_told_while_the_run_is_under_way_and_gone_with_its_end(acme, db, gate, request):
    await acme.pipelines.put("p", [{"component": "report"}])
    async with db.worker():
        run = await acme.pipelines.start("p", input={"gate": request.node.name})
        await gate.came.wait()
        under_way = await _with_progress(acme, run.id)
        listed = (await acme.runs.list(state="running")).runs
        gate.opened.set()
        done = await acme.runs.wait(run.id)

    told = under_way.progress["report"]
    assert (told.done, told.total, told.note) == (3, 10, "pages")
    assert [one.progress for one in listed] == [under_way.progress]
    assert (done.state, done.progress) == ("completed", {})


async def test_a_step_whose_time_is_over_can_see_it(ran, request):
    name = request.node.name

    run = await ran(
        {"component": "stay", "timeout_seconds": 0.01}, input={"name": name}, retry={"attempts": 1}
    )

    assert (run.state, run.error["code"]) == ("dead", "timeout")
    assert KEPT.pop(name).cancelled


async def test_a_thread_sees_that_its_run_was_cancelled(acme, db, request):
    name = request.node.name
    BEGUN[name], LEFT[name] = threading.Event(), threading.Event()
    await acme.pipelines.put("p", [{"component": "dawdle"}])
    async with db.worker():
        run = await acme.pipelines.start("p", input={"name": name})
        assert await asyncio.to_thread(BEGUN[name].wait, 60)

        await acme.runs.cancel(run.id)

        assert (await acme.runs.wait(run.id)).state == "cancelled"
        assert await asyncio.to_thread(LEFT[name].wait, 60)


async def _with_progress(acme, id):
    async with asyncio.timeout(60):
        while True:
            run = await acme.runs.get(id)
            if run.progress:
                return run
