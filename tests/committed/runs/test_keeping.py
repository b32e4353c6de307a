"""Results of runs: kept with the end of the run or not at all, once, and by the version of the model that was used."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

import octavo
from octavo.pipelines import conclusion
from octavo.pipelines.defining.definitions import Components, plan_of
from octavo.pipelines.executing.execution import Completed
from octavo.pipelines.queueing.queue import Queue, Wish
from octavo.postgres.server import Server
from octavo.values.pipeline import parse_pipeline
from octavo.values.result import Classification
from octavo.values.run import StepDone
from octavo.workspace import Workspace
from tests.committed.runs.judging import mood, shorten, topic
from tests.committed.runs.steps import GATES, Gate
from tests.databases import url_of

WORKER = UUID(int=1)


@pytest.fixture(scope="module")
async def db(server: Server, database: str):
    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        components=[topic, mood, shorten],
    ) as opened:
        yield opened


@pytest.fixture
async def desk(acme: Workspace) -> Workspace:
    """An organization with the pipelines `topics`, of one step, and `all`, of three."""
    await acme.pipelines.put("topics", [{"component": "topic"}])
    steps = [{"component": name} for name in ("topic", "mood", "shorten")]
    await acme.pipelines.put("all", steps)
    return acme


@pytest.fixture
def gate(request):
    GATES[request.node.name] = Gate()
    yield GATES[request.node.name]
    GATES.pop(request.node.name).opened.set()


async def test_a_worker_keeps_the_results_of_all_steps_with_the_end_of_the_run(desk, db):
    """S0-131, S0-136, S0-137, S0-144"""
    doc = await desk.documents.put("ticket", {"text": "The invoice is wrong."})

    async with db.worker():
        run = await desk.runs.wait((await desk.pipelines.start("all", doc.id)).id)

    by_type = {one.type: one for one in await desk.results.of(doc.id)}
    assert set(by_type) == {"classification", "sentiment", "summarization"}
    kept = by_type["classification"]
    step = next(step for step in run.steps if step.name == "topic")
    assert (kept.version, kept.label, kept.score, kept.stale) == (1, "billing", 0.9, ())
    assert (kept.model, kept.model_version, kept.component) == ("topic", "3", "topic 3")
    assert (kept.run_id, kept.step, kept.started_at, kept.ended_at) == (
        run.id,
        "topic",
        step.started_at,
        step.ended_at,
    )
    assert kept.metrics.tokens_processed == 4
    assert (kept.metrics.cpu_time_ms or 0) > 0
    assert (by_type["summarization"].metrics.memory_usage_mb or 0) > 0
    assert by_type["summarization"].value.summary == "The inv"


async def test_a_run_inside_the_callers_process_keeps_the_same(desk):
    doc = await desk.documents.put("ticket", {"text": "Where is it?"})

    run = await desk.pipelines.run("topics", doc.id)

    (kept,) = await desk.results.of(doc.id)
    assert (kept.label, kept.run_id, run.state) == ("other", run.id, "completed")


async def test_a_second_run_replaces_the_result(desk):
    """S0-131"""
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    first = await desk.pipelines.run("topics", doc.id)
    second = await desk.pipelines.run("topics", doc.id)

    (kept,) = await desk.results.of(doc.id)
    assert kept.run_id == second.id != first.id


async def test_many_runs_of_one_document_that_end_together_leave_one_result_and_lose_no_run(desk, db):
    """S0-131"""
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    async with db.worker(), db.worker():
        runs = await desk.pipelines.start_many("topics", [doc.id] * 40)
        ended = [await desk.runs.wait(run.id) for run in runs]

    assert {run.state for run in ended} == {"completed"}
    (kept,) = await desk.results.of(doc.id)
    assert kept.run_id in {run.id for run in ended}


async def test_a_result_still_fits_the_version_that_its_own_run_writes(desk):
    """S0-131"""
    await desk.pipelines.put("noted", [{"component": "topic", "into": "topic"}])
    doc = await desk.documents.put("ticket", {"text": "invoice"}, name="t")

    await desk.pipelines.run("noted", doc.id)
    (kept,) = await desk.results.of(doc.id)
    assert ((await desk.documents.get(doc.id)).version, kept.version, kept.stale) == (2, 1, ())

    await desk.documents.patch(doc.id, {"text": "parcel"})
    (kept,) = await desk.results.of(doc.id)
    assert kept.stale == ("document",)


async def test_a_result_does_not_fit_what_somebody_wrote_while_the_run_was_under_way(desk, gate, request):
    """S0-131"""
    await desk.pipelines.put("felt", [{"component": "mood", "into": "mood"}])
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    run = asyncio.create_task(desk.pipelines.run("felt", doc.id, input={"gate": request.node.name}))
    await gate.came.wait()
    await desk.documents.patch(doc.id, {"text": "parcel"})
    gate.opened.set()
    await run

    (kept,) = await desk.results.of(doc.id)
    assert (kept.version, kept.stale) == (1, ("document",))


async def test_a_run_without_a_document_and_one_without_a_shape_leave_no_result(desk, fields):
    await desk.pipelines.put("moods", [{"component": "mood"}])
    await desk.pipelines.put("counts", [{"component": "count"}])
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    await desk.pipelines.run("moods")
    await desk.pipelines.run("counts", doc.id)

    assert (await desk.results.list()).results == []


async def test_other_options_make_another_result(desk):
    """S0-136"""
    doc = await desk.documents.put("ticket", {"text": "invoice"})
    for note in ("a", "b", "a"):
        await desk.pipelines.put("noted", [{"component": "topic", "config": {"note": note}}])
        await desk.pipelines.run("noted", doc.id)

    assert sorted(one.options["note"] for one in await desk.results.of(doc.id)) == ["a", "b"]


async def test_what_a_stale_worker_found_is_refused_with_its_end(desk, db, fields):
    """S0-131"""
    doc = await desk.documents.put("ticket", {"text": "invoice"})
    started = await desk.pipelines.start("topics", doc.id)
    queue = Queue(db.record.system)
    organization = (await fields("SELECT organization_id FROM octavo.run WHERE id = $1", started.id))[0]
    wish = Wish(organization["organization_id"], 5, 0, 1)
    (claimed,) = await queue.claim(WORKER, [wish])
    end = conclusion.ended(claimed, _plan(), _made(claimed))
    assert end.results is not None

    stale = msgspec.structs.replace(end, run=msgspec.structs.replace(claimed, fence=claimed.fence + 1))
    assert await queue.finish([stale]) == set()
    assert await desk.results.of(doc.id) == []

    assert await queue.finish([end, stale]) == {started.id}
    assert len(await desk.results.of(doc.id)) == 1
    assert await queue.finish([end]) == set()


async def test_a_document_that_is_purged_meanwhile_ends_its_run_without_a_result(
    desk, db, fields, gate, request
):
    await desk.pipelines.put("moods", [{"component": "mood"}])
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    async with db.worker():
        started = await desk.pipelines.start("moods", doc.id, input={"gate": request.node.name})
        await gate.came.wait()
        await desk.documents.purge(doc.id)
        gate.opened.set()
        ended = await desk.runs.wait(started.id)

    assert ended.state == "completed"
    assert await fields("SELECT FROM octavo.result WHERE document_id = $1", doc.id) == []


async def test_a_result_is_an_event_of_its_run_without_what_was_found(desk, fields):
    """S0-172"""
    doc = await desk.documents.put("ticket", {"text": "invoice"})

    run = await desk.pipelines.run("all", doc.id)

    events = await fields(
        "SELECT type, sequence, document_id, version, data, position_xid, id FROM octavo.event "
        "WHERE stream = $1 ORDER BY sequence",
        f"run-{run.id}",
    )
    stored = [event for event in events if event["type"] == "result.stored"]
    assert [event["type"] for event in events[-4:]] == ["run.completed", *["result.stored"] * 3]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert [(e["position_xid"], e["id"]) for e in events] == sorted(
        (e["position_xid"], e["id"]) for e in events
    )
    assert {(event["document_id"], event["version"]) for event in stored} == {(doc.id, 1)}
    assert [msgspec.json.decode(event["data"])["step"] for event in stored] == ["mood", "shorten", "topic"]
    assert not any(b"billing" in event["data"] for event in stored)


async def test_the_result_names_the_version_of_the_model_that_served_when_the_step_began(desk):
    """S0-136"""
    for words in (["invoice"], ["invoice", "refund"]):
        data = json.dumps(words).encode()
        await desk.models.register("desk", type="classification", artifacts={"words": data})
    await desk.models.promote("desk", 1)
    await desk.pipelines.put("by-model", [{"component": "topic", "config": {"model": "desk@production"}}])
    doc = await desk.documents.put("ticket", {"text": "refund"})

    await desk.pipelines.run("by-model", doc.id)
    await desk.models.promote("desk", 2)
    run = await desk.pipelines.run("by-model", doc.id)

    second, first = await desk.results.of(doc.id)
    assert (first.made_by, first.label, first.stale) == ("desk@1", "other", ("model",))
    assert (second.made_by, second.label, second.stale) == ("desk@2", "billing", ())
    assert run.steps[0].model == "desk@2"


async def test_a_step_in_a_process_reads_the_files_of_its_model(desk):
    """S0-160"""
    await desk.models.register("desk", type="summarization", artifacts={"words": b"far away"})
    await desk.models.promote("desk")
    await desk.pipelines.put("far", [{"component": "shorten", "config": {"model": "desk"}}])
    doc = await desk.documents.put("ticket", {"text": "refund"})

    await desk.pipelines.run("far", doc.id)

    (kept,) = await desk.results.of(doc.id)
    assert (kept.value.summary, kept.made_by) == ("far awa", "desk@1")


async def test_a_step_whose_model_serves_nowhere_fails_for_good_with_the_way_out(desk):
    await desk.models.register("desk", type="classification")
    await desk.pipelines.put("by-model", [{"component": "topic", "config": {"model": "desk"}}])
    doc = await desk.documents.put("ticket", {"text": "refund"})

    run = await desk.pipelines.run("by-model", doc.id)

    assert (run.state, run.attempt) == ("dead", 1)
    assert run.error is not None
    assert run.error["code"] == "not_found"
    assert "octavo model promote" in run.error["message"]


async def test_a_run_without_results_is_ended_by_the_statement_that_knows_none(desk, db):
    """The way of a run that leaves no result is not a statement longer, nor another one, than it was."""
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)
    await desk.pipelines.put("counts", [{"component": "count"}])
    doc = await desk.documents.put("ticket", {"text": "invoice"})
    try:
        await desk.pipelines.run("counts", doc.id)
    finally:
        stop()

    assert not any("octavo.result" in statement for statement in sent)
    assert not any("octavo.model" in statement for statement in sent)


def _plan() -> Any:
    return plan_of(parse_pipeline([{"component": "topic", "version": 3}]), Components([topic]))


def _made(claimed: Any) -> Completed:
    value = Classification(predicted_category="a", confidence=1, category_scores={"a": 1})
    done = StepDone(
        name="topic",
        attempt=1,
        started_at=claimed.queued_at,
        ended_at=claimed.queued_at,
        component="topic 3",
    )
    return Completed({"topic": topic.encoded(value)}, [done])
