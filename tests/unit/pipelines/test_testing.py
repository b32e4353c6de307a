"""What is shipped for users' tests: components and pipelines on plain data."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidPipeline, StepFailed
from octavo.testing.clock import FakeClock
from octavo.testing.pipelines import given, outputs
from tests.committed.runs.flowing import FLOWING
from tests.committed.runs.steps import COMPONENTS, Factor, double

ALL = [*COMPONENTS, *FLOWING]


async def test_a_component_is_called_with_plain_data():
    step = given(document={"number": 21})

    made = await double.target(step, Factor(factor=2))

    assert made.number == 42


def test_what_is_given_is_what_was_said():
    step = given(input={"a": 1}, outputs={"before": {"b": 2}}, item={"c": 3}, index=4, model="m@1", step="s")

    assert (step.input, step.outputs, step.item, step.index, step.model) == (
        {"a": 1},
        {"before": {"b": 2}},
        {"c": 3},
        4,
        "m@1",
    )
    assert step.key.endswith(":s[4]")


async def test_a_pipeline_runs_on_plain_data_with_conditions_and_lists():
    steps = [
        {"component": "split"},
        {"component": "square", "each": "outputs.split.parts"},
        {"component": "double", "when": {"document.number": {"$gt": 100}}},
    ]

    made = await outputs(steps, ALL, document={"number": 5}, input={"parts": [2, 3]})

    assert made == {"split": {"parts": [2, 3]}, "square": {"items": [{"square": 4}, {"square": 9}]}}


async def test_tries_of_a_step_wait_by_the_clock_that_is_given():
    clock = FakeClock()

    made = await outputs(
        [{"component": "stumble", "retry": {"attempts": 3}}], ALL, input={"times": 2}, clock=clock
    )

    assert made == {"stumble": {"calls": 3}}
    assert len(clock.slept) == 2


async def test_a_step_that_fails_is_raised_with_its_name():
    with pytest.raises(StepFailed, match="attempt 1 failed") as failed:
        await outputs([{"component": "fail"}], ALL)

    assert (failed.value.fields["code"], failed.value.fields["step"]) == ("RuntimeError", "fail")


async def test_a_component_that_computes_runs_in_a_process_that_is_gone_afterwards():
    made = await outputs([{"component": "crunch"}], ALL)

    assert made["crunch"]["bytes"] == 0


async def test_a_pipeline_that_could_not_run_is_refused():
    with pytest.raises(InvalidPipeline, match="'sing', which is not there"):
        await outputs([{"component": "sing"}], ALL)
