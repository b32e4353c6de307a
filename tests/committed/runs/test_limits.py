"""How many runs are under way and started: of an organization, a pipeline, a key; whoever claims, and at any moment."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest

from octavo.errors import InvalidInput, InvalidPipeline, LimitExceeded, NotFound, QuotaExceeded
from octavo.pipelines.queueing.queue import Queue
from tests.committed.runs.hands import hand
from tests.committed.runs.steps import GATES, Gate

ONE_STEP = [{"component": "double"}]


@pytest.fixture
async def named(db):
    """A new organization by its name."""
    name = f"limited-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    await db.organization(name).pipelines.put("double", ONE_STEP)
    return name


@asynccontextmanager
async def _rolled_back():
    with suppress(ZeroDivisionError):
        yield


async def states(workspace) -> Counter[str]:
    return Counter(run.state for run in (await workspace.runs.list()).runs)


async def test_a_pipeline_has_no_more_runs_under_way_than_it_says(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 2})
    await acme.pipelines.start_many("p", [None] * 5)
    worker = await hand(db, acme)

    taken = await worker.take(5)

    assert len(taken) == 2
    assert await states(acme) == {"running": 2, "queued": 3}


async def test_who_ends_a_run_lets_the_next_one_go_on(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 2})
    runs = await acme.pipelines.start_many("p", [None] * 5)
    worker = await hand(db, acme)
    order = []

    while taken := await worker.take(5):
        order += [one.id for one in taken]
        await worker.complete(taken[0])
        if len(taken) > 1:
            await worker.complete(*taken[1:])

    assert order == [run.id for run in runs]


async def test_runs_of_one_key_wait_for_each_other_and_those_of_others_do_not(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running_per_key": 1})
    for key in ("a", "a", "b", "a", "c", None, None):
        await acme.pipelines.start("p", concurrency=key)
    worker = await hand(db, acme)

    taken = await worker.take(10)

    keys = Counter([(await acme.runs.get(one.id)).concurrency for one in taken])
    assert keys == {"a": 1, "b": 1, "c": 1, None: 2}


async def test_key_and_pipeline_limit_together(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 3, "max_running_per_key": 1})
    for key in "aabbccdd":
        await acme.pipelines.start("p", concurrency=key)
    worker = await hand(db, acme)

    first = await worker.take_all_at_once(10)
    await worker.complete(*first)
    second = await worker.take_all_at_once(10)

    assert [len(first), len(second)] == [3, 3]


async def test_what_has_no_limit_does_not_wait_behind_what_has(db, piped):
    await piped.pipelines.put("slow", {"steps": ONE_STEP, "max_running": 1})
    await piped.pipelines.start_many("slow", [None] * 50)
    free = await piped.pipelines.start("double")
    worker = await hand(db, piped)

    taken = [*await worker.take_all_at_once(50), *await worker.take_all_at_once(50)]

    assert [one.pipeline for one in taken] == ["slow", "double"]
    assert taken[1].id == free.id


async def test_one_that_was_held_back_goes_before_those_that_came_later(db, piped):
    await piped.pipelines.put("slow", {"steps": ONE_STEP, "max_running": 1})
    slow = await piped.pipelines.start_many("slow", [None] * 2)
    worker = await hand(db, piped)
    (first,) = await worker.take_all_at_once(2)
    await piped.pipelines.start_many("double", [None] * 20)

    await worker.complete(first)

    assert [one.id for one in await worker.take(1)] == [slow[1].id]


async def test_of_those_held_back_the_most_urgent_goes_first(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 1})
    await acme.pipelines.start("p")
    worker = await hand(db, acme)
    (first,) = await worker.take(1)
    usual = await acme.pipelines.start("p", priority=2)
    urgent = await acme.pipelines.start("p", priority=7)
    assert await worker.take_all_at_once(5) == []

    await worker.complete(first)
    (second,) = await worker.take(5)
    await worker.complete(second)
    (third,) = await worker.take(5)

    assert [second.id, third.id] == [urgent.id, usual.id]


async def test_what_was_held_back_rises_by_one_priority_a_minute(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 1})
    await acme.pipelines.start("p")
    worker = await hand(db, acme)
    (first,) = await worker.take(1)
    old = await acme.pipelines.start("p", priority=2)
    await db.record.system.execute("UPDATE octavo.run_queue SET queued_at = queued_at - interval '6 minutes'")
    await acme.pipelines.start("p", priority=7)
    assert await worker.take_all_at_once(5) == []

    await worker.complete(first)

    assert [one.id for one in await worker.take(5)] == [old.id]


async def test_however_many_claim_at_once_the_limit_holds(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 3, "max_running_per_key": 2})
    for number in range(60):
        await acme.pipelines.start("p", concurrency=f"k{number % 2}")
    workers = [await hand(db, acme) for _ in range(6)]
    seen: list[int] = []
    ended = 0

    async def work(worker) -> None:
        nonlocal ended
        while ended < 60:
            for one in await worker.take_all_at_once(2):
                (row,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.run_lease")
                seen.append(row["n"])
                await worker.complete(one)
                ended += 1
            await worker.look()

    await asyncio.gather(*(work(worker) for worker in workers))

    assert max(seen) <= 3
    assert await states(acme) == {"completed": 60}


async def test_an_organization_has_no_more_under_way_than_it_may(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, max_running=2)
    await acme.pipelines.start_many("double", [None] * 5)
    worker = await hand(db, acme)

    first = await worker.take(5)
    await worker.complete(*first)
    second = await worker.take(5)

    assert (len(first), len(second)) == (2, 2)


async def test_a_limit_that_is_lifted_lets_all_go_on(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, max_running=0)
    await acme.pipelines.start_many("double", [None] * 5)
    worker = await hand(db, acme)
    assert await worker.take(5) == []

    await db.organizations.configure(named, max_running=None)
    await worker.look()

    assert len(await worker.take_all_at_once(5)) == 5


async def test_room_that_nobody_told_of_is_found_by_whoever_leads(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 1})
    await acme.pipelines.start_many("p", [None] * 2)
    worker = await hand(db, acme)
    assert len(await worker.take(2)) == 1
    # The worker dies, and its run with it.
    await db.record.system.execute("UPDATE octavo.run_worker SET seen_at = seen_at - interval '1 hour'")
    assert await worker.queue.rescue() == 1
    other = await hand(db, acme)

    await other.look()

    assert len(await other.take(2)) == 1


async def test_a_run_that_is_held_back_can_be_cancelled(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 1})
    runs = await acme.pipelines.start_many("p", [None] * 2)
    worker = await hand(db, acme)
    await worker.take(2)

    cancelled = await acme.runs.cancel(runs[1].id)

    assert cancelled.state == "cancelled"
    (row,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.run_held")
    assert row["n"] == 0


async def test_a_run_in_its_callers_process_is_counted_and_not_held_back(db, acme):
    GATES["counted"] = gate = Gate()
    await acme.pipelines.put("p", {"steps": [{"component": "wait"}], "max_running": 1})
    here = asyncio.create_task(acme.pipelines.run("p", input={"gate": "counted"}))
    await gate.came.wait()
    await acme.pipelines.start("p", input={"gate": "counted"})
    worker = await hand(db, acme)

    taken = await worker.take(1)

    gate.opened.set()
    assert taken == []
    assert (await here).state == "completed"
    GATES.pop("counted")


async def test_workers_keep_to_the_limits_and_end_everything(db, acme):
    """S4-106"""
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 2})
    runs = await acme.pipelines.start_many("p", [None] * 30)

    async with db.worker(slots=20), db.worker(slots=20):
        done = [await acme.runs.wait(run.id) for run in runs]

    spans = sorted((run.started_at, run.ended_at) for run in done)
    assert {run.state for run in done} == {"completed"}
    assert all(
        sum(begin <= moment < end for begin, end in spans) <= 2 for moment in (begin for begin, _ in spans)
    )


async def test_a_claim_is_one_statement_with_or_without_limits(db, acme):
    await acme.pipelines.put("p", {"steps": ONE_STEP, "max_running": 1})
    await acme.pipelines.start_many("p", [None] * 3)
    worker = await hand(db, acme)
    sent: list[str] = []
    stop = db.record.system.observe(sent.append)

    taken = await worker.take_all_at_once(3)

    stop()
    assert (len(taken), len(sent)) == (1, 1)


async def test_the_end_of_a_run_without_a_limit_is_one_statement(db, piped):
    await piped.pipelines.start("double")
    worker = await hand(db, piped)
    taken = await worker.take(1)
    sent: list[str] = []
    stop = db.record.system.observe(sent.append)

    await worker.complete(*taken)

    stop()
    assert len(sent) == 1


async def test_a_day_gives_so_many_runs_and_no_more(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, runs_per_day=3)
    await acme.pipelines.start_many("double", [None] * 2)

    with pytest.raises(QuotaExceeded, match="quota: 2 were started") as refused:
        await acme.pipelines.start_many("double", [None] * 2)
    await acme.pipelines.start("double")

    assert (refused.value.fields["limit"], refused.value.fields["actual"]) == (3, 4)
    assert refused.value.fields["resets_at"].endswith("T00:00:00+00:00")
    limits = await db.organizations.run_limits(named)
    assert (limits.started_today, await states(acme)) == (3, {"queued": 3})


async def test_the_quota_holds_however_many_start_at_once(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, runs_per_day=10)

    answers = await asyncio.gather(
        *(acme.pipelines.start_many("double", [None] * 3) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(answer, list) for answer in answers) == 3
    assert {type(answer) for answer in answers} == {list, QuotaExceeded}
    assert await states(acme) == {"queued": 9}


async def test_a_start_that_fails_costs_nothing(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, runs_per_day=1)

    with pytest.raises(NotFound):
        await acme.pipelines.start("nothing")
    with pytest.raises(NotFound):
        await acme.pipelines.start("double", uuid.uuid4())
    async with _rolled_back(), acme.transaction() as tx:
        await tx.pipelines.start("double")
        raise ZeroDivisionError
    first = await acme.pipelines.start("double", unique_key="one")
    again = await acme.pipelines.start("double", unique_key="one")

    assert (again.id, again.changed) == (first.id, False)


async def test_the_next_day_gives_new_runs(db, named):
    acme = db.organization(named)
    await db.organizations.configure(named, runs_per_day=1)
    await acme.pipelines.start("double")

    await db.record.system.execute("UPDATE octavo.run_quota SET day = day - 1")

    assert (await acme.pipelines.start("double")).state == "queued"


async def test_what_is_left_out_of_a_configuration_stays(db, named):
    await db.organizations.configure(named, run_share=3, max_running=5, runs_per_day=7)

    limits = await db.organizations.configure(named, max_running=None)

    assert (limits.run_share, limits.max_running, limits.runs_per_day) == (3, None, 7)
    assert (limits.running, limits.held, limits.started_today) == (0, 0, 0)


async def test_a_share_that_was_configured_is_the_one_that_counts(db, named):
    await db.organizations.configure(named, run_share=2.5)
    await db.organization(named).pipelines.start("double")

    look = await Queue(db.record.system).look(0, 0)

    assert [waiting.share for waiting in look.waiting] == [2.5]


@pytest.mark.parametrize(
    "wrong", [{"run_share": 0}, {"run_share": 1e6}, {"max_running": -1}, {"runs_per_day": -1}], ids=str
)
async def test_what_is_no_limit_is_refused(db, named, wrong):
    with pytest.raises(InvalidInput):
        await db.organizations.configure(named, **wrong)


async def test_an_organization_that_is_not_there_has_no_limits(db):
    with pytest.raises(NotFound):
        await db.organizations.configure("nobody", max_running=1)
    with pytest.raises(NotFound):
        await db.organizations.run_limits("nobody")


@pytest.mark.parametrize(
    "wrong", [{"max_running": 0}, {"max_running_per_key": 0}, {"max_running": "x"}], ids=str
)
async def test_a_pipeline_with_a_limit_that_is_none_is_refused(acme, wrong):
    with pytest.raises(InvalidPipeline):
        await acme.pipelines.put("p", {"steps": ONE_STEP, **wrong})


async def test_a_key_that_is_none_is_refused(piped):
    with pytest.raises(InvalidInput, match="1 to 200 characters"):
        await piped.pipelines.start("double", concurrency="")
    with pytest.raises(LimitExceeded):
        await piped.pipelines.start("double", after=[uuid.uuid4()] * 1_001)
