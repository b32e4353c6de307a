"""Workers that die, pause and come back: their runs are given to others, and what comes late is refused."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import pytest

from octavo.errors import StaleLease
from octavo.pipelines.queueing.queue import WORKER_LOST, Ended, Queue, Returned, Steps, Wish
from octavo.pipelines.queueing.upkeep import QueueUpkeep
from octavo.store.scope import unheard
from octavo.testing.clock import FakeClock
from octavo.values.run import StepDone
from tests.committed.runs.steps import GATES, Gate

GONE = 30.0


@pytest.fixture
def queue(db):
    return Queue(db.record.system)


async def taken(queue, run, worker):
    """Take the run, and only it, for a worker that has shown a sign of life."""
    await queue.beat(worker, [], draining=False)
    claimed = await queue.claim(worker, [Wish(await organization_of(queue, run), run.priority, 0, 1)])
    assert [one.id for one in claimed] == [run.id]
    return claimed[0]


async def organization_of(queue, run):
    row = await queue._system.fetchrow("SELECT organization_id FROM octavo.run WHERE id = $1", run.id)
    return row["organization_id"]


async def silence(queue, worker):
    """Let the worker's last sign of life be long ago."""
    await queue._system.execute(
        "UPDATE octavo.run_worker SET seen_at = seen_at - interval '1 minute' WHERE id = $1", worker
    )


async def lost(queue, run):
    """The run as a worker has it that is then taken for dead, and the run is given to others."""
    worker = uuid.uuid4()
    claimed = await taken(queue, run, worker)
    await silence(queue, worker)
    assert await queue.rescue(GONE) == 1
    return claimed


async def test_a_run_of_a_silent_worker_is_queued_again_with_a_new_ticket(piped, queue, fields):
    """S4-103"""
    run = await piped.pipelines.start("double")
    claimed = await lost(queue, run)

    after = await piped.runs.get(run.id)

    (ticket,) = await fields("SELECT id FROM octavo.run_queue WHERE run_id = $1", run.id)
    assert (after.state, after.attempt, after.error["code"]) == ("queued", 1, WORKER_LOST)
    assert ticket["id"] > claimed.ticket


async def test_a_run_of_a_worker_that_lives_is_left_to_it(piped, queue):
    run = await piped.pipelines.start("double")
    await taken(queue, run, uuid.uuid4())

    assert await queue.rescue(GONE) == 0


async def test_a_run_that_loses_its_workers_too_often_is_dead(acme, queue):
    await acme.pipelines.put("once", {"steps": [{"component": "double"}], "retry": {"attempts": 1}})
    run = await acme.pipelines.start("once")

    await lost(queue, run)

    assert (await acme.runs.get(run.id)).state == "dead"


async def test_what_a_lost_worker_says_late_is_refused(piped, queue):
    """S4-101"""
    run = await piped.pipelines.start("double")
    stale = await lost(queue, run)

    finished = await queue.finish([Ended(run=stale, state="completed", output=b'{"double": {}}')])
    returned = await queue.give_back([Returned(run=stale, state="dead", error=b"{}")])

    assert (finished, returned) == (set(), set())
    assert (await piped.runs.get(run.id)).state == "queued"


async def test_a_lost_worker_is_refused_also_after_another_one_took_the_run(piped, queue):
    """S4-101"""
    run = await piped.pipelines.start("double")
    stale = await lost(queue, run)
    fresh = await taken(queue, run, uuid.uuid4())

    late = await queue.finish([Ended(run=stale, state="completed", output=b'{"n": 1}')])
    right = await queue.finish([Ended(run=fresh, state="completed", output=b'{"n": 2}')])

    assert (late, right) == (set(), {run.id})
    assert (await piped.runs.get(run.id)).output == {"n": 2}


async def test_a_step_of_a_lost_worker_is_not_kept(db, piped, queue):
    run = await piped.pipelines.start("double")
    stale = await lost(queue, run)
    steps = Steps(db._scope(stale.organization_id))
    now = datetime.now(UTC)
    done = StepDone(name="double", attempt=1, started_at=now, ended_at=now)

    assert not await steps.keep(stale, done, b"{}")
    assert await steps.finished(run.id) == {}


async def test_a_worker_hears_what_it_has_lost(piped, queue):
    run = await piped.pipelines.start("double")
    worker = uuid.uuid4()
    claimed = await taken(queue, run, worker)
    await silence(queue, worker)
    await queue.rescue(GONE)

    assert await queue.beat(worker, [claimed], draining=False) == ({run.id}, set())


async def test_a_claim_whose_answer_was_lost_is_given_back_without_a_lost_attempt(piped, queue):
    run = await piped.pipelines.start("double")
    worker = uuid.uuid4()
    await taken(queue, run, worker)

    assert await queue.give_back_strays(worker, []) == 1

    after = await piped.runs.get(run.id)
    assert (after.state, after.attempt) == ("queued", 0)


async def test_a_paused_worker_finds_its_run_taken_and_its_document_unchanged(db, acme, queue, request):
    """S4-101"""
    GATES[request.node.name] = gate = Gate()
    await acme.pipelines.put("p", [{"component": "wait", "into": "out"}])
    document = await acme.documents.put("note", {})
    async with db.worker() as paused:
        run = await acme.pipelines.start("p", document.id, input={"gate": request.node.name})
        await gate.came.wait()
        for part in (paused._beating, paused._claiming, paused._upkeep):
            await part.stop()
        await silence(queue, paused.id)
        assert await queue.rescue(GONE) == 1
        async with db.worker() as other:
            while len(gate.calls) < 2:
                gate.came.clear()
                await gate.came.wait()
            gate.opened.set()
            done = await acme.runs.wait(run.id)

    assert (done.state, other.executed, paused.executed, paused.refused) == ("completed", 1, 0, 1)
    assert (await acme.documents.get(document.id)).version == 2


async def test_a_process_that_dies_with_a_run_of_its_own_loses_it(db, acme, queue, request):
    GATES[request.node.name] = gate = Gate()
    await acme.pipelines.put("p", [{"component": "wait"}])
    running = asyncio.create_task(
        acme.pipelines.run("p", input={"gate": request.node.name}, clock=FakeClock())
    )
    await gate.came.wait()
    await queue._system.execute(
        "UPDATE octavo.run_lease SET expires_at = clock_timestamp() - interval '1 second'"
    )
    await queue.rescue(GONE)

    gate.opened.set()

    with pytest.raises(StaleLease):
        await running


async def test_the_delayed_are_queued_when_their_time_has_come(piped, queue):
    late = await piped.pipelines.start("double", delay_seconds=3_600)
    due = await piped.pipelines.start("double", delay_seconds=3_600)
    await queue._system.execute(
        "UPDATE octavo.run_delay SET due_at = clock_timestamp() - interval '1 second' WHERE run_id = $1",
        due.id,
    )

    assert await queue.queue_due() == 1

    assert ((await piped.runs.get(due.id)).state, (await piped.runs.get(late.id)).state) == (
        "queued",
        "delayed",
    )


async def test_workers_are_listed_while_they_live(db, queue):
    """S4-102"""
    worker, gone = uuid.uuid4(), uuid.uuid4()
    await queue.beat(worker, [], draining=False)
    await queue.beat(gone, [], draining=False)
    await silence(queue, gone)

    listed = {row["id"] for row in await queue.workers()}
    await queue.forget_workers(GONE)

    assert worker in listed
    assert gone not in listed
    assert await queue._system.fetchrow("SELECT FROM octavo.run_worker WHERE id = $1", gone) is None


async def test_one_process_at_a_time_does_the_upkeep_and_another_takes_over(db, queue, piped):
    run = await piped.pipelines.start("double", delay_seconds=3_600)
    await queue._system.execute("UPDATE octavo.run_delay SET due_at = '-infinity'")
    first, second = (QueueUpkeep(db.record.system, queue, unheard) for _ in range(2))
    await first.step()

    assert not await second.step()
    assert (await piped.runs.get(run.id)).state == "queued"
    await first.stop()
    second._asked_at = float("-inf")
    assert await second._leads()
    await second.stop()


async def test_the_history_lies_in_the_partition_of_its_month(db, piped, queue, fields):
    run = await piped.pipelines.run("double")

    (where,) = await fields(
        "SELECT tableoid::regclass::text AS name FROM octavo.run_history WHERE id = $1", run.id
    )

    assert where["name"] == f"octavo.run_history_{run.ended_at:%Y_%m}"
