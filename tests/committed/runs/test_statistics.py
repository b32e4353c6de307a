"""Figures are counted from the runs, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from octavo.errors import InvalidInput
from octavo.testing.clock import FakeClock

STEPS = [
    {"component": "spend", "config": {"model": "gpt-4@2", "cost": "0.01"}},
    {"component": "kind", "when": {"input.kind": {"$exists": True}}},
    {"component": "square", "each": "input.parts"},
]


@pytest.fixture
async def worked(acme):
    """Three runs that completed, one of another pipeline that completed, and one that is dead."""
    await acme.pipelines.put("p", STEPS)
    await acme.pipelines.put("q", {"steps": [{"component": "fail"}], "retry": {"attempts": 2}})
    for kind in ("a", "b"):
        await acme.pipelines.run("p", input={"kind": kind, "parts": [1, 2]}, clock=FakeClock())
    await acme.pipelines.run("p", input={"parts": [1]}, clock=FakeClock())
    await acme.pipelines.run("q", input={"times": 1}, clock=FakeClock())
    await acme.pipelines.run("q", clock=FakeClock())
    return acme


async def test_runs_are_counted_by_pipeline_with_what_they_used(worked):
    """S4-035"""
    p, q = await worked.pipelines.stats()

    assert (p.pipeline, p.runs, p.completed, p.success_rate) == ("p", 3, 3, 1.0)
    assert (p.tokens_in, p.tokens_out, p.cost_usd) == (3 * 1_500 + 5, 1_500, Decimal("0.03"))
    assert (q.completed, q.dead, q.retries, q.success_rate) == (1, 1, 2, 0.5)


async def test_two_runs_of_equal_length_count_as_two(worked):
    """S4-104"""
    (p,) = await worked.pipelines.stats("p")

    assert p.runs == 3


async def test_the_organizations_runs_are_counted_together(worked):
    (all_,) = await worked.pipelines.stats(by="organization")

    assert (all_.pipeline, all_.version, all_.runs, all_.completed, all_.dead) == ("", 0, 5, 4, 1)
    assert all_.cost_usd == Decimal("0.03")


async def test_steps_are_counted_by_component(worked):
    stats = {one.name: one for one in await worked.pipelines.stats(by="component")}

    assert set(stats) == {"spend 1", "kind 1", "square 1", "fail 1"}
    assert (stats["kind 1"].completed, stats["kind 1"].skipped) == (2, 1)
    assert (stats["square 1"].items, stats["square 1"].retries) == (5, 0)
    assert (stats["fail 1"].completed, stats["fail 1"].failed, stats["fail 1"].success_rate) == (1, 1, 0.5)
    assert stats["spend 1"].cost_usd == Decimal("0.03")


async def test_a_component_that_only_failed_is_told(acme):
    await acme.pipelines.put("q", {"steps": [{"component": "fail"}], "retry": {"attempts": 1}})
    await acme.pipelines.run("q", clock=FakeClock())

    (fail,) = await acme.pipelines.stats(by="component")

    assert (fail.name, fail.completed, fail.failed, fail.success_rate) == ("fail 1", 0, 1, 0.0)


async def test_steps_are_counted_by_model(worked):
    (model,) = await worked.pipelines.stats(by="model")

    assert (model.name, model.completed, model.tokens_in, model.failed) == ("gpt-4@2", 3, 4_500, None)
    assert model.took_p50_seconds is not None


async def test_calls_that_were_repeated_inside_of_an_attempt_are_retries(acme):
    await acme.pipelines.put("p", [{"component": "stumble", "retry": {"attempts": 4}}])
    await acme.pipelines.run("p", input={"times": 3}, clock=FakeClock())

    (stumble,) = await acme.pipelines.stats(by="component")

    assert (stumble.retries, stumble.tokens_out) == (3, 4)


async def test_figures_of_another_organization_are_not_counted(worked, db):
    other = db.organization((await db.organizations.create(f"other-{id(worked)}")).name)

    assert await other.pipelines.stats() == []
    assert await other.pipelines.stats(by="component") == []


async def test_figures_are_not_told_by_anything(acme):
    with pytest.raises(InvalidInput, match="not told by 'colour'"):
        await acme.pipelines.stats(by="colour")
