"""Results that were expected and did not come: kept as failed, with why, where results are read."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pydantic import BaseModel

import octavo
from octavo.errors import StepFailed
from octavo.pipelines.defining.definitions import Components, Plans
from octavo.pipelines.failures import FailureUpkeep
from octavo.pipelines.queueing.queue import Claimed, Queue, Returned, Wish
from octavo.postgres.server import Server
from octavo.values.component import ModelName
from octavo.values.result import Classification, Sentiment
from octavo.workspace import Workspace
from tests.databases import url_of


class Choice(BaseModel):
    model: ModelName | None = None


@octavo.component("topic", version=3)
async def topic(given: octavo.Given, config: Choice) -> Classification:
    """Refuses text with the word in it."""
    assert given.document is not None
    if "bad" in given.document.body["text"]:
        raise StepFailed("the text is bad")
    return Classification(predicted_category="other", confidence=1, category_scores={"other": 1})


@octavo.component("mood")
async def mood(given: octavo.Given) -> Sentiment:
    """Neutral."""
    return Sentiment(sentiment="neutral", score=0, confidence=1, emotion_scores={})


@octavo.component("plain")
async def plain(given: octavo.Given) -> dict[str, Any]:
    """No result."""
    return {}


CODE = [topic, mood, plain]


@pytest.fixture(scope="module")
async def db(server: Server, database: str):
    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        components=CODE,
    ) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def nothing_due(db: octavo.Octavo, nothing_waits: None) -> None:
    await db.record.system.execute("DELETE FROM octavo.result_due")


@pytest.fixture
async def desk(acme: Workspace) -> Workspace:
    """An organization with the pipelines `topics`, of one step, and `all`, of three."""
    await acme.pipelines.put("topics", [{"component": "topic"}])
    await acme.pipelines.put("all", [{"component": name} for name in ("mood", "topic", "plain")])
    return acme


async def note(db: octavo.Octavo, components: list[Any] = CODE) -> None:
    """What whoever leads does, until nothing is left to do now."""
    upkeep = FailureUpkeep(db.record.system, db._scope, Plans(Components(components)))
    while await upkeep.step():
        pass


async def due(db: octavo.Octavo) -> int:
    (row,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.result_due")
    return int(row["n"])


async def claimed(db: octavo.Octavo, desk: Workspace) -> tuple[uuid.UUID, Claimed]:
    queue, worker = Queue(db.record.system), uuid.uuid4()
    await queue.beat(worker, [], draining=False)
    (run,) = await queue.claim(worker, [Wish((await desk._bind()).organization, 5, 0, 1)])
    return worker, run


async def test_a_run_in_the_callers_process_that_dies_leaves_the_result_it_owed_as_failed(desk):
    """S0-143"""
    doc = await desk.documents.put("ticket", {"text": "a bad text"})

    run = await desk.pipelines.run("topics", doc.id)

    assert run.state == "dead"
    (failed,) = await desk.results.of(doc.id)
    assert (failed.status, failed.type, failed.made_by, failed.version) == (
        "failed", "classification", "topic@3", 1,
    )  # fmt: skip
    assert (failed.value, failed.error_message, failed.run_id, failed.step, failed.component) == (
        None, "the text is bad", run.id, "topic", "topic 3",
    )  # fmt: skip
    assert failed.error_details == {"code": "step_failed", "step": "topic", "state": "dead", "attempt": 1}
    assert await desk.results.latest(doc.id, "classification") is None
    assert (await desk.results.list(status="failed", error="bad")).results == [failed]


async def test_the_log_tells_that_a_run_failed_and_where_and_nothing_of_what_was_said(desk):
    """S0-173"""
    doc = await desk.documents.put("ticket", {"text": "a bad text"})

    run = await desk.pipelines.run("topics", doc.id)

    told = (await desk.events.stream(f"run-{run.id}"))[-1]
    assert (told.type, told.data["code"], told.data["step"]) == ("run.failed", "step_failed", "topic")
    assert "the text is bad" not in str(told.data)
    assert run.error["message"] == "the text is bad"


async def test_a_worker_notes_what_died_with_it_and_what_had_ended_before_is_no_failure(db, desk):
    doc = await desk.documents.put("ticket", {"text": "a bad text"})
    run = await desk.pipelines.start("all", doc.id)

    async with db.worker():
        while not (failed := (await desk.results.list(status="failed")).results):
            await db._parts.wakeup.wait(0.5, since=db._parts.wakeup.count)

    assert [(one.type, one.run_id, one.step) for one in failed] == [("classification", run.id, "topic")]
    assert await due(db) == 0


async def test_a_run_whose_worker_is_lost_for_good_leaves_failures_of_every_step(db, desk):
    steps = [{"component": "mood"}, {"component": "topic"}]
    await desk.pipelines.put("once", {"steps": steps, "retry": {"attempts": 1}})
    doc = await desk.documents.put("ticket", {"text": "fine"})
    await desk.pipelines.start("once", doc.id)
    worker, _ = await claimed(db, desk)
    await db.record.system.execute(
        "UPDATE octavo.run_worker SET seen_at = seen_at - interval '1 hour' WHERE id = $1", worker
    )
    await Queue(db.record.system).rescue(30.0)

    await note(db)

    failed = await desk.results.of(doc.id)
    assert {(one.type, one.error_details["code"]) for one in failed} == {
        ("classification", "worker_lost"), ("sentiment", "worker_lost"),
    }  # fmt: skip


async def test_a_run_that_was_cancelled_leaves_failures_that_say_so(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    run = await desk.pipelines.start("topics", doc.id)
    await desk.runs.cancel(run.id)

    await note(db)

    (failed,) = await desk.results.of(doc.id)
    assert (failed.error_message, failed.error_details["code"]) == ("the run was cancelled", "cancelled")


async def test_a_failure_gives_way_when_the_run_is_retried_and_completes(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    run = await desk.pipelines.start("topics", doc.id)
    _, taken = await claimed(db, desk)
    error = b'{"code": "unlucky", "message": "no"}'
    await Queue(db.record.system).give_back([Returned(run=taken, state="dead", error=error)])
    await note(db)
    assert [one.status for one in await desk.results.of(doc.id)] == ["failed"]

    await desk.runs.retry(run.id)
    async with db.worker():
        await desk.runs.wait(run.id)

    (kept,) = await desk.results.of(doc.id)
    assert (kept.status, kept.label, kept.error_message) == ("completed", "other", None)


async def test_a_failure_takes_the_place_of_no_value(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    await desk.pipelines.run("topics", doc.id)
    await desk.runs.cancel((await desk.pipelines.start("topics", doc.id)).id)

    await note(db)

    (kept,) = await desk.results.of(doc.id)
    assert (kept.status, await due(db)) == ("completed", 0)


async def test_a_run_that_goes_on_again_leaves_no_failure(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    run = await desk.pipelines.start("topics", doc.id)
    _, taken = await claimed(db, desk)
    await Queue(db.record.system).give_back([Returned(run=taken, state="dead", error=b'{"code": "x"}')])
    await desk.runs.retry(run.id)

    await note(db)

    assert (await desk.results.of(doc.id), await due(db)) == ([], 0)


async def test_a_process_without_the_component_leaves_it_to_another_one(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    await desk.runs.cancel((await desk.pipelines.start("topics", doc.id)).id)

    await note(db, [plain])
    assert (await desk.results.of(doc.id), await due(db)) == ([], 1)
    await note(db)

    assert (len(await desk.results.of(doc.id)), await due(db)) == (1, 0)


async def test_a_step_that_might_have_been_skipped_is_not_expected(db, acme):
    when = {"input.deep": True}
    await acme.pipelines.put("maybe", [{"component": "topic"}, {"component": "mood", "when": when}])
    doc = await acme.documents.put("ticket", {"text": "fine"})
    await acme.runs.cancel((await acme.pipelines.start("maybe", doc.id)).id)

    await note(db)

    assert [one.type for one in await acme.results.of(doc.id)] == ["classification"]


@pytest.mark.parametrize(
    ("wanted", "version"), [("desk@7", "7"), ("desk@staging", "2"), ("desk", "1"), ("nobody", "3")]
)
async def test_a_failure_names_the_version_of_the_model_that_was_to_be_used(db, acme, wanted, version):
    for note_of in ("first", "second"):
        await acme.models.register("desk", type="classification", description=note_of)
    await acme.models.promote("desk", 1)
    await acme.models.promote("desk", 2, environment="staging")
    await acme.pipelines.put("topics", [{"component": "topic", "config": {"model": wanted}}])
    doc = await acme.documents.put("ticket", {"text": "fine"})
    await acme.runs.cancel((await acme.pipelines.start("topics", doc.id)).id)

    await note(db)

    (failed,) = await acme.results.of(doc.id)
    assert (failed.model, failed.model_version) == (wanted.partition("@")[0], version)
    assert failed.options == {"model": wanted}


async def test_a_run_that_dies_because_its_model_is_not_allowed_leaves_its_failure(db, acme):
    organization = (await db.record.system.fetchrow(
        "SELECT name FROM octavo.organization_profile WHERE id = $1", (await acme._bind()).organization
    ))["name"]  # fmt: skip
    await acme.pipelines.put("topics", [{"component": "topic", "config": {"model": "large"}}])
    await db.organizations.configure(organization, allowed_models=["small"])
    doc = await acme.documents.put("ticket", {"text": "fine"})

    run = await acme.pipelines.run("topics", doc.id)

    (failed,) = await acme.results.of(doc.id)
    assert (run.state, failed.error_details["code"]) == ("dead", "model_not_allowed")


async def test_what_waits_for_a_pipeline_that_was_purged_is_forgotten(db, desk):
    doc = await desk.documents.put("ticket", {"text": "fine"})
    await desk.runs.cancel((await desk.pipelines.start("topics", doc.id)).id)
    pipeline = await desk.pipelines.get("topics")
    await desk.namespace("octavo").documents.delete(pipeline.id)
    await desk.namespace("octavo").documents.purge(pipeline.id)

    await note(db)

    assert (await desk.results.of(doc.id), await due(db)) == ([], 0)


async def test_a_run_that_completes_calls_nothing_more(db, desk, fields):
    doc = await desk.documents.put("ticket", {"text": "fine"})

    await desk.pipelines.run("topics", doc.id)

    assert await due(db) == 0
    (row,) = await fields(
        "SELECT tgqual IS NOT NULL AS is_conditional FROM pg_trigger WHERE tgname = 'run_cancelled' "
        "AND tgrelid = 'octavo.run_history'::regclass"
    )
    assert row["is_conditional"]
