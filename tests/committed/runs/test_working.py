"""What a worker does with a run, and what a run in the caller's process leaves."""

from __future__ import annotations

import asyncio

import pytest

from octavo.errors import Conflict
from octavo.postgres.statements import load
from octavo.testing.clock import FakeClock
from tests.committed.runs.steps import GATES, Gate

QUICK = {"attempts": 3, "first_seconds": 0.01, "most_seconds": 0.02}


@pytest.fixture
async def worker(db):
    async with db.worker(slots=20) as running:
        yield running


@pytest.fixture
def gate(request):
    GATES[request.node.name] = Gate()
    yield GATES[request.node.name]
    GATES.pop(request.node.name).opened.set()


async def pipeline(workspace, *steps, **more):
    """Put a pipeline under the name p."""
    await workspace.pipelines.put("p", {"steps": list(steps), **more})


async def test_a_worker_executes_a_run_and_its_output_is_kept(piped, worker):
    run = await piped.pipelines.start("double", input={"number": 21})

    done = await piped.runs.wait(run.id)

    assert (done.state, done.output, done.attempt) == ("completed", {"double": {"number": 42}}, 1)
    assert [step.component for step in done.steps] == ["double 1"]


async def test_times_are_derived_and_fit_each_other(piped, worker):
    """S4-011, S4-012"""
    run = await piped.runs.wait((await piped.pipelines.start("double")).id)

    assert run.took_seconds == (run.ended_at - run.started_at).total_seconds()
    assert run.created_at <= run.started_at <= run.ended_at
    assert sum(step.took_seconds for step in run.steps) <= run.took_seconds


async def test_an_output_becomes_a_version_of_the_document_with_the_end_of_the_run(acme, worker):
    await pipeline(acme, {"component": "double", "into": "out.number"})
    document = await acme.documents.put("note", {"number": 3})

    run = await acme.acting("user:ann").pipelines.start("p", document.id)

    await acme.runs.wait(run.id)
    after = await acme.documents.get(document.id)
    (event,) = await acme.events.stream(f"document-{document.id}", after=1)
    assert (after.body, after.version, str(after.updated_by)) == (
        {"number": 3, "out": {"number": {"number": 6}}},
        2,
        "user:ann",
    )
    assert event.causation == f"run-{run.id}:2"


async def test_a_document_that_was_deleted_meanwhile_kills_the_run(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait", "into": "out"})
    document = await acme.documents.put("note", {})
    run = await acme.pipelines.start("p", document.id, input={"gate": request.node.name})
    await gate.came.wait()
    await acme.documents.delete(document.id)

    gate.opened.set()

    dead = await acme.runs.wait(run.id)
    assert (dead.state, dead.error["code"], dead.attempt) == ("dead", "not_found", 1)


async def test_a_failing_run_is_tried_again_and_then_dead_and_listed(acme, worker):
    """S4-014, S4-015"""
    await pipeline(acme, {"component": "fail"}, retry=QUICK)
    run = await acme.pipelines.start("p")

    dead = await acme.runs.wait(run.id)

    assert (dead.state, dead.attempt, dead.error) == (
        "dead",
        3,
        {"code": "RuntimeError", "message": "attempt 3 failed", "step": "fail"},
    )
    assert [one.id for one in await acme.runs.dead()] == [run.id]
    types = [event.type for event in await acme.events.stream(f"run-{run.id}")]
    assert types == ["run.queued", *["run.started", "run.retrying"] * 2, "run.started", "run.failed"]


async def test_a_run_that_fails_once_completes(acme, worker):
    await pipeline(acme, {"component": "fail"}, retry=QUICK)

    run = await acme.runs.wait((await acme.pipelines.start("p", input={"times": 1})).id)

    assert (run.state, run.attempt, run.output) == ("completed", 2, {"fail": {"attempt": 2}})


async def test_what_is_of_no_use_to_repeat_is_not_repeated(acme, worker):
    await pipeline(acme, {"component": "fail"}, retry=QUICK)

    run = await acme.runs.wait((await acme.pipelines.start("p", input={"final": True})).id)

    assert (run.state, run.attempt, run.error["code"]) == ("dead", 1, "step_failed")


async def test_a_run_goes_on_at_the_step_that_failed(acme, worker, gate, request):
    """S4-013"""
    await pipeline(acme, {"component": "wait"}, {"component": "fail"}, retry=QUICK)
    gate.opened.set()

    run = await acme.runs.wait(
        (await acme.pipelines.start("p", input={"gate": request.node.name, "times": 2})).id
    )

    assert run.state == "completed"
    assert gate.calls == [f"run-{run.id}:wait"]
    assert [(step.name, step.attempt) for step in run.steps] == [("wait", 1), ("fail", 3)]


async def test_a_dead_run_that_is_retried_does_not_repeat_its_steps(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait"}, {"component": "fail"}, retry={**QUICK, "attempts": 1})
    gate.opened.set()
    run = await acme.pipelines.start("p", input={"gate": request.node.name})
    assert (await acme.runs.wait(run.id)).state == "dead"

    await acme.runs.retry(run.id)

    assert (await acme.runs.wait(run.id)).state == "dead"
    assert gate.calls == [f"run-{run.id}:wait"]


async def test_only_a_dead_run_can_be_retried(piped, worker):
    run = await piped.runs.wait((await piped.pipelines.start("double")).id)

    with pytest.raises(Conflict, match="is completed"):
        await piped.runs.retry(run.id)


async def test_a_dead_run_that_is_given_up_ends_as_failed_with_its_steps(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait"}, {"component": "fail"}, retry={**QUICK, "attempts": 1})
    gate.opened.set()
    run = await acme.pipelines.start("p", input={"gate": request.node.name})
    await acme.runs.wait(run.id)
    assert await acme.runs.purge_dead(dry_run=True) == 1

    assert await acme.runs.purge_dead() == 1

    ended = await acme.runs.get(run.id)
    assert (ended.state, ended.error["step"], [step.name for step in ended.steps]) == (
        "failed",
        "fail",
        ["wait"],
    )
    assert await acme.runs.dead() == []


async def test_branches_run_together_and_join(acme, worker, gate, request):
    """S3-035"""
    await pipeline(
        acme,
        {"component": "double"},
        {"component": "wait", "name": "left", "after": ["double"]},
        {"component": "wait", "name": "right", "after": ["double"]},
        {"component": "blocking", "after": ["left", "right"]},
    )
    run = await acme.pipelines.start("p", input={"gate": request.node.name})
    while len(gate.calls) < 2:
        gate.came.clear()
        await gate.came.wait()

    gate.opened.set()

    done = await acme.runs.wait(run.id)
    assert done.output["blocking"] == {"seen": ["double", "left", "right"]}


async def test_a_run_under_way_is_cancelled_when_its_worker_hears_of_it(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait"})
    run = await acme.pipelines.start("p", input={"gate": request.node.name})
    await gate.came.wait()

    await acme.runs.cancel(run.id)

    assert (await acme.runs.wait(run.id)).state == "cancelled"


async def test_a_step_that_takes_too_long_fails(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait", "timeout_seconds": 0.05}, retry={**QUICK, "attempts": 1})

    run = await acme.runs.wait((await acme.pipelines.start("p", input={"gate": request.node.name})).id)

    assert (run.state, run.error["code"]) == ("dead", "timeout")


async def test_a_run_that_takes_too_long_fails(acme, worker, gate, request):
    await pipeline(acme, {"component": "wait"}, timeout_seconds=0.05, retry={**QUICK, "attempts": 1})

    run = await acme.runs.wait((await acme.pipelines.start("p", input={"gate": request.node.name})).id)

    assert (run.state, run.error["message"]) == ("dead", "the run took longer than 0.05 s")


@pytest.mark.parametrize(
    ("do", "code"),
    [("die", "process_failed"), ("eat", "process_failed"), ("raise", "process_failed"), ("hang", "timeout")],
)
async def test_what_a_step_does_to_its_process_costs_its_run_only(acme, worker, do, code):
    limit = 0.5 if do == "hang" else 60
    await pipeline(acme, {"component": "compute", "timeout_seconds": limit}, retry={**QUICK, "attempts": 1})

    run = await acme.runs.wait((await acme.pipelines.start("p", input={"do": do})).id)
    after = await acme.pipelines.run("p", input={"do": "tell"}) if do != "hang" else None

    assert (run.state, run.error["code"]) == ("dead", code)
    assert after is None or after.state == "completed"


async def test_a_worker_gives_back_what_has_not_ended_when_it_is_stopped(db, acme, gate, request):
    await pipeline(acme, {"component": "wait"})
    async with db.worker() as leaving:
        run = await acme.pipelines.start("p", input={"gate": request.node.name})
        await gate.came.wait()
        await leaving.stop(grace_seconds=0)
    assert (await acme.runs.get(run.id)).state == "queued"

    gate.opened.set()
    async with db.worker():
        done = await acme.runs.wait(run.id)

    assert (done.state, done.attempt) == ("completed", 1)


async def test_a_worker_starts_and_stops_twice_and_never(db):
    worker = db.worker()
    await worker.stop()
    worker.start()
    worker.start()
    await worker.stop()
    await worker.stop()

    assert not worker.is_running


async def test_a_run_here_leaves_what_a_worker_leaves(piped):
    run = await piped.pipelines.run("double", input={"number": 4})

    assert (run.state, run.output, run.attempt) == ("completed", {"double": {"number": 8}}, 1)
    assert [event.type for event in await piped.events.stream(f"run-{run.id}")] == [
        "run.started",
        "run.completed",
    ]


async def test_a_run_here_waits_by_the_clock_it_is_given(acme):
    clock = FakeClock()
    await pipeline(
        acme, {"component": "fail"}, retry={"attempts": 4, "first_seconds": 100, "most_seconds": 300}
    )

    run = await acme.pipelines.run("p", input={"times": 3}, clock=clock)

    assert (run.state, run.attempt) == ("completed", 4)
    assert all(
        low <= slept <= high
        for slept, (low, high) in zip(clock.slept, [(50, 100), (100, 200), (150, 300)], strict=True)
    )


async def test_a_run_here_that_fails_for_good_is_dead(acme):
    await pipeline(acme, {"component": "fail"}, retry={"attempts": 2})

    run = await acme.pipelines.run("p", clock=FakeClock())

    assert (run.state, run.attempt, run.error["step"]) == ("dead", 2, "fail")


async def test_figures_are_counted_from_the_runs(acme):
    """S4-035"""
    await pipeline(acme, {"component": "fail"}, retry={"attempts": 2})
    await acme.pipelines.run("p", input={"times": 0}, clock=FakeClock())
    await acme.pipelines.run("p", input={"times": 1}, clock=FakeClock())
    await acme.pipelines.run("p", clock=FakeClock())
    await acme.pipelines.start("p")

    (stats,) = await acme.pipelines.stats("p")

    assert (stats.runs, stats.completed, stats.dead, stats.retries) == (4, 2, 1, 2)
    assert stats.success_rate == pytest.approx(2 / 3)


async def test_components_in_the_box(acme):
    await pipeline(
        acme, {"component": "count"}, {"component": "transform", "version": 1, "config": {"to": "html"}}
    )
    document = await acme.documents.put("note", {"title": "A & B", "points": ["one", "two"]})

    run = await acme.pipelines.run("p", document.id)

    assert run.output["count"] == {"words": 4, "characters": 15, "paragraphs": 3}
    assert run.output["transform"]["text"].splitlines() == [
        "<h1>title</h1>",
        "<p>A &amp; B</p>",
        "<h1>points</h1>",
        "<ul><li>one</li>",
        "<li>two</li></ul>",
    ]


async def test_a_component_without_its_document_says_so(acme):
    await pipeline(acme, {"component": "count"})

    run = await acme.pipelines.run("p")

    assert (run.state, run.error["code"]) == ("dead", "step_failed")


async def test_two_workers_share_the_work_and_nothing_is_done_twice(db, acme, gate, request):
    await pipeline(acme, {"component": "wait"})
    gate.opened.set()
    async with db.worker(), db.worker():
        runs = await acme.pipelines.start_many("p", [None] * 60, input={"gate": request.node.name})
        await asyncio.gather(*(acme.runs.wait(run.id) for run in runs))

    assert len(gate.calls) == len(set(gate.calls)) == 60


def test_the_face_without_await_starts_runs(server, database):
    """The synchronous face is made of this one."""
    from octavo import sync  # noqa: PLC0415
    from tests.databases import url_of  # noqa: PLC0415

    with sync.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
    ) as db:
        db.pipelines.put("counted", [{"component": "count"}])
        document = db.documents.put("note", {"text": "a b"})
        assert db.pipelines.run("counted", document.id).output["count"]["words"] == 2


async def test_a_purge_takes_what_runs_made_of_the_document_too(acme):
    await pipeline(acme, {"component": "double"}, {"component": "fail"}, retry={"attempts": 1})
    document = await acme.documents.put("note", {"number": 3})
    ended = await acme.pipelines.run("p", document.id, input={"times": 0, "secret": "a"})
    dead = await acme.pipelines.run("p", document.id, input={"secret": "b"})

    await acme.documents.purge(document.id)

    ended, dead = await acme.runs.get(ended.id), await acme.runs.get(dead.id)
    assert (ended.state, ended.input, ended.output) == ("completed", {}, {})
    assert (dead.state, dead.input, dead.steps) == ("dead", {}, ())


async def test_a_run_that_is_picked_up_costs_one_claim_and_one_end_and_no_sign_of_life(db, piped, worker):
    await piped.runs.wait((await piped.pipelines.start("double")).id)
    sent: list[str] = []
    db.record.system.observe(sent.append)

    for number in range(10):
        await piped.runs.wait((await piped.pipelines.start("double", input={"number": number})).id)

    queue = load("octavo.pipelines.queueing", "queue.sql")
    assert (sent.count(queue.claim), sent.count(queue.finish_runs)) == (10, 10)
    assert sent.count(queue.beat) < 10


async def test_a_pipeline_is_read_once_for_all_runs_that_begin_together(db, piped):
    sent: list[str] = []
    db.record.app.observe(sent.append)
    runs = await piped.pipelines.start_many("double", [None] * 20)

    async with db.worker(slots=20):
        for run in runs:
            await piped.runs.wait(run.id)

    assert sent.count(load("octavo.pipelines.defining", "definitions.sql").pipeline_body) == 1


async def test_what_many_runs_read_and_keep_goes_together(db, acme):
    await pipeline(acme, {"component": "double"}, {"component": "double", "name": "again"})
    documents = await acme.documents.put_many(
        [{"type": "note", "body": {"number": number}} for number in range(20)]
    )
    runs = await acme.pipelines.start_many("p", [document.id for document in documents])
    sent: list[str] = []
    db.record.app.observe(sent.append)

    async with db.worker(slots=20):
        done = [await acme.runs.wait(run.id) for run in runs]

    assert [run.output["double"]["number"] for run in done] == [2 * number for number in range(20)]
    assert [len(run.steps) for run in done] == [2] * 20
    assert sent.count(load("octavo.store", "reads.sql").get_versions) < 10
    assert sent.count(load("octavo.pipelines.queueing", "queue.sql").keep_steps) < 20
