"""Runs that wait for others: until these have completed, whoever ends when."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from itertools import pairwise

import pytest

from octavo.errors import Conflict, InvalidInput, NotFound
from tests.committed.runs.hands import hand


async def left(db) -> int:
    """Rows that say who waits for whom."""
    (row,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.run_dependency")
    return int(row["n"])


async def test_a_run_waits_until_those_before_it_have_completed(db, piped):
    first, second = [await piped.pipelines.start("double") for _ in range(2)]
    waiting = await piped.pipelines.start("double", after=[first.id, str(second.id)])
    worker = await hand(db, piped)
    taken = await worker.take(10)
    assert (waiting.state, waiting.waits_for, {one.id for one in taken}) == (
        "delayed",
        2,
        {first.id, second.id},
    )

    await worker.complete(taken[0])
    assert ((await piped.runs.get(waiting.id)).waits_for, await worker.take(10)) == (1, [])
    await worker.complete(taken[1])

    assert [one.id for one in await worker.take(10)] == [waiting.id]
    assert await left(db) == 0


async def test_the_order_of_a_chain_is_kept_by_workers(db, piped):
    """S3-035"""
    runs = [await piped.pipelines.start("double")]
    for _ in range(4):
        runs.append(await piped.pipelines.start("double", after=[runs[-1].id]))
    branches = await piped.pipelines.start_many("double", [None] * 3, after=[runs[-1].id])
    last = await piped.pipelines.start("double", after=[run.id for run in branches])

    async with db.worker(slots=20), db.worker(slots=20):
        await piped.runs.wait(last.id)

    chain = [await piped.runs.get(run.id) for run in runs]
    joined = [await piped.runs.get(run.id) for run in branches]
    end = await piped.runs.get(last.id)
    assert {run.state for run in [*chain, *joined, end]} == {"completed"}
    assert all(later.started_at >= earlier.ended_at for earlier, later in pairwise(chain))
    assert all(chain[-1].ended_at <= run.started_at <= run.ended_at <= end.started_at for run in joined)


async def test_a_run_waits_for_nothing_that_has_completed_already(db, piped):
    first = await piped.pipelines.run("double")

    after = await piped.pipelines.start("double", after=[first.id])

    assert (after.state, after.waits_for) == ("queued", 0)


async def test_one_that_is_cancelled_cancels_those_that_wait_for_it_and_for_them(db, piped):
    first = await piped.pipelines.start("double")
    second = await piped.pipelines.start("double", after=[first.id])
    third = await piped.pipelines.start("double", after=[second.id])
    worker = await hand(db, piped)

    await worker.cancel(*await worker.take(1))

    ended = [await piped.runs.get(run.id) for run in (second, third)]
    assert [run.state for run in ended] == ["cancelled", "cancelled"]
    assert ended[0].error == {
        "code": "dependency_failed",
        "message": f"run {first.id}, which it waits for, is cancelled",
    }
    assert await left(db) == 0
    (event,) = await piped.events.stream(f"run-{second.id}", after=1)
    assert (event.type, event.data["code"]) == ("run.cancelled", "dependency_failed")


async def test_what_a_caller_cancels_is_found_by_whoever_leads(db, piped):
    first = await piped.pipelines.start("double")
    waiting = await piped.pipelines.start("double", after=[first.id])
    worker = await hand(db, piped)
    await piped.runs.cancel(first.id)

    await worker.look()

    assert (await piped.runs.get(waiting.id)).state == "cancelled"


async def test_a_dead_run_is_waited_for_until_it_is_retried_or_given_up(db, acme):
    await acme.pipelines.put("p", {"steps": [{"component": "fail"}], "retry": {"attempts": 1}})
    dead = await acme.pipelines.run("p", input={"times": 1})
    waiting = await acme.pipelines.start("p", after=[dead.id])
    worker = await hand(db, acme)
    await worker.look()
    assert (dead.state, (await acme.runs.get(waiting.id)).state) == ("dead", "delayed")

    await acme.runs.purge_dead()
    await worker.look()

    ended = await acme.runs.get(waiting.id)
    assert (ended.state, ended.error["message"]) == (
        "cancelled",
        f"run {dead.id}, which it waits for, is failed",
    )


async def test_any_end_will_do_for_one_that_says_so(db, piped):
    first = await piped.pipelines.start("double")
    waiting = await piped.pipelines.start("double", after=[first.id], after_any_end=True)
    worker = await hand(db, piped)

    await worker.cancel(*await worker.take(1))

    assert [one.id for one in await worker.take(1)] == [waiting.id]


async def test_nothing_is_started_after_a_run_that_has_failed(piped):
    first = await piped.pipelines.start("double")
    await piped.runs.cancel(first.id)

    with pytest.raises(Conflict, match="is cancelled"):
        await piped.pipelines.start("double", after=[first.id])

    assert (await piped.pipelines.start("double", after=[first.id], after_any_end=True)).state == "queued"


async def test_nothing_is_started_after_a_run_that_is_not_there(db, piped):
    stranger = f"stranger-{uuid.uuid4().hex}"
    await db.organizations.create(stranger)
    await db.organization(stranger).pipelines.put("double", [{"component": "double"}])
    theirs = await db.organization(stranger).pipelines.start("double")

    for absent in (uuid.uuid4(), theirs.id):
        with pytest.raises(NotFound, match="there is no run"):
            await piped.pipelines.start("double", after=[absent])

    assert (await piped.runs.list()).runs == []


async def test_a_run_waits_for_others_or_for_its_time(piped):
    first = await piped.pipelines.start("double")

    with pytest.raises(InvalidInput, match="not for both"):
        await piped.pipelines.start("double", after=[first.id], delay_seconds=1)


async def test_a_run_that_waits_for_others_can_be_cancelled(db, piped):
    first = await piped.pipelines.start("double")
    waiting = await piped.pipelines.start("double", after=[first.id])
    worker = await hand(db, piped)

    cancelled = await piped.runs.cancel(waiting.id)
    await worker.complete(*await worker.take(1))

    assert (cancelled.state, await worker.take(10), await left(db)) == ("cancelled", [], 0)


async def test_run_and_dependency_come_into_being_with_the_transaction(db, piped):
    async with piped.transaction() as tx:
        first = await tx.pipelines.start("double")
        waiting = await tx.pipelines.start("double", after=[first.id])
    worker = await hand(db, piped)

    await worker.complete(*await worker.take(10))

    assert [one.id for one in await worker.take(10)] == [waiting.id]


async def test_a_run_that_ends_while_another_begins_to_wait_for_it_is_not_waited_for_for_ever(db, piped):
    """The start sees the other one under way and commits after its end: nobody told that it waits."""
    first = await piped.pipelines.start("double")
    worker = await hand(db, piped)
    taken = await worker.take(1)
    async with piped.transaction() as tx:
        waiting = await tx.pipelines.start("double", after=[first.id])
        await worker.complete(*taken)
    assert (await piped.runs.get(waiting.id)).waits_for == 1

    await worker.look()

    assert [one.id for one in await worker.take(10)] == [waiting.id]


async def test_whoever_ends_at_once_each_that_waits_goes_on_once(db, piped):
    """Fan-in and fan-out in opposite orders, ended by eight at once: no deadlock, none is lost, none runs twice."""
    first = await piped.pipelines.start_many("double", [None] * 24)
    ids = [run.id for run in first]
    waiting = [
        await piped.pipelines.start("double", after=ids[number:] + ids[: number // 2]) for number in range(12)
    ]
    workers = [await hand(db, piped) for _ in range(8)]
    taken = [await worker.take(3) for worker in workers]

    await asyncio.gather(
        *(worker.complete(*reversed(runs)) for worker, runs in zip(workers, taken, strict=True))
    )
    for worker in workers:
        await worker.look()

    again = await workers[0].take(100)
    assert Counter(one.id for one in again) == Counter(run.id for run in waiting)
    assert await left(db) == 0


async def test_starts_that_race_with_the_ends_they_wait_for_are_all_served(db, piped):
    worker = await hand(db, piped)
    first = await piped.pipelines.start_many("double", [None] * 20)
    taken = await worker.take(20)
    waiting: list[uuid.UUID] = []

    async def wait_for(run) -> None:
        waiting.append((await piped.pipelines.start("double", after=[run.id])).id)

    await asyncio.gather(*(wait_for(run) for run in first), *(worker.complete(one) for one in taken))
    await worker.look()

    assert {one.id for one in await worker.take(100)} == set(waiting)


async def test_the_end_of_a_run_that_nobody_waits_for_is_one_statement(db, piped):
    first = await piped.pipelines.start("double")
    await piped.pipelines.start("double", after=[first.id])
    alone = await piped.pipelines.start("double")
    worker = await hand(db, piped)
    taken = [one for one in await worker.take(10) if one.id == alone.id]
    sent: list[str] = []
    stop = db.record.system.observe(sent.append)

    await worker.complete(*taken)

    stop()
    assert (len(taken), len(sent)) == (1, 1)
