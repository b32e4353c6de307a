"""Who is claimed next from the real queue: fair between organizations, and nothing that commits late is passed over."""

from __future__ import annotations

import uuid

import pytest

from octavo.pipelines.queueing.queue import Claimed, Queue
from octavo.pipelines.queueing.shares import Shares


class Claimer:
    """A worker's decisions and statements, a round at a time."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.shares = Shares()
        self.worker = uuid.uuid4()

    async def round(self, slots: int) -> list[Claimed]:
        look = await self.queue.look(self.shares.seen, self.shares.late_from(0.0))
        self.shares.learn(look)
        wishes = self.shares.choose(slots, look.moment)
        claimed = await self.queue.claim(self.worker, wishes) if wishes else []
        self.shares.took(wishes, claimed)
        return claimed


@pytest.fixture
async def claimer(db):
    made = Claimer(Queue(db.record.system))
    await made.queue.beat(made.worker, [], draining=False)
    return made


async def test_thousands_of_runs_keep_another_organizations_run_waiting_for_one_claim(db, piped, claimer):
    """S4-106"""
    await piped.pipelines.start_many("double", [None] * 5_000)
    for _ in range(5):
        assert len(await claimer.round(10)) == 10
    name = f"small-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    small = db.organization(name)
    await small.pipelines.put("double", [{"component": "double"}])
    run = await small.pipelines.start("double")

    claimed = await claimer.round(10)

    assert run.id in {one.id for one in claimed}


async def test_runs_of_one_priority_are_claimed_in_the_order_in_which_they_came(piped, claimer):
    runs = await piped.pipelines.start_many("double", [None] * 30)

    claimed = [one for _ in range(3) for one in await claimer.round(10)]

    assert [one.id for one in claimed] == [run.id for run in runs]


async def test_the_most_urgent_is_claimed_first(piped, claimer):
    """S4-018"""
    for priority in (0, 5, 9, 7):
        await piped.pipelines.start("double", priority=priority)

    claimed = [(await claimer.round(1))[0].priority for _ in range(4)]

    assert claimed == [9, 7, 5, 0]


async def test_a_run_that_commits_after_later_ones_were_claimed_is_claimed(piped, claimer):
    async with piped.transaction() as tx:
        late = await tx.pipelines.start("double")
        early = await piped.pipelines.start("double")
        assert [one.id for one in await claimer.round(10)] == [early.id]
        assert await claimer.round(10) == []

    assert [one.id for one in await claimer.round(10)] == [late.id]


async def test_two_that_claim_at_once_take_different_runs(db, piped, claimer):
    await piped.pipelines.start_many("double", [None] * 20)
    other = Claimer(claimer.queue)
    await other.queue.beat(other.worker, [], draining=False)

    first, second = await claimer.round(10), await other.round(10)

    assert len({one.id for one in [*first, *second]}) == 20


async def test_a_heavier_organization_gets_its_share(db, piped, claimer):
    name = f"heavy-{uuid.uuid4().hex}"
    heavy_id = (await db.organizations.create(name)).id
    await db.record.system.execute(
        "UPDATE octavo.organization_profile SET settings = settings || '{\"run_share\": 3}' WHERE id = $1",
        heavy_id,
    )
    heavy = db.organization(name)
    await heavy.pipelines.put("double", [{"component": "double"}])
    await heavy.pipelines.start_many("double", [None] * 100)
    await piped.pipelines.start_many("double", [None] * 100)

    claimed = await claimer.round(40)

    assert sum(one.organization_id == heavy_id for one in claimed) == 30
