"""What a batch says of its runs, while workers, cancellations and retries move them all at once."""

from __future__ import annotations

import asyncio
import random
import uuid

import msgspec
import pytest

from octavo.errors import Conflict
from octavo.pipelines.queueing.queue import Ended, Queue, Returned, Wish
from octavo.pipelines.starting.batch_upkeep import BatchUpkeep

RUNS = 60
GROUPED = """
SELECT state::text, count(*)::int AS n
FROM (SELECT state, batch_id FROM octavo.run UNION ALL SELECT state, batch_id FROM octavo.run_history) AS run
WHERE batch_id = $1 GROUP BY state
"""


class Busy:
    """A batch that many move at once, by chance, until each has done its part."""

    def __init__(self, db, workspace, batch, seed):
        self.db, self.workspace, self.batch = db, workspace, batch
        self.queue = Queue(db.record.system)
        self.upkeep = BatchUpkeep(db.record.system, db._scope, look_seconds=0.0)
        self.chance = random.Random(seed)
        self.seen: list[int] = []

    async def work(self, organization: uuid.UUID) -> None:
        """Claim a few runs and end each of them somehow, again and again."""
        worker = uuid.uuid4()
        for _ in range(12):
            await self.queue.beat(worker, [], draining=False)
            claimed = await self.queue.claim(worker, [Wish(organization, 5, 0, self.chance.randint(1, 8))])
            ended = [run for run in claimed if self.chance.random() < 0.6]
            await self.queue.finish([Ended(run=run, state="completed", output=b"{}") for run in ended])
            await self.queue.give_back(
                [
                    Returned(run=run, state=self.chance.choice(["dead", "queued"]), error=b'{"code": "x"}')
                    for run in claimed
                    if run not in ended
                ]
            )

    async def retry(self) -> None:
        for _ in range(6):
            await self.workspace.batches.retry(self.batch)
            await self.workspace.runs.retry_many(limit=5)

    async def tend(self) -> None:
        for _ in range(10):
            await self.upkeep.step()

    async def look(self) -> None:
        for _ in range(25):
            self.seen.append((await self.workspace.batches.get(self.batch)).runs)

    async def cancel_some(self) -> None:
        for run in (await self.workspace.batches.runs(self.batch, limit=10)).runs:
            try:
                await self.workspace.runs.cancel(run.id)
            except Conflict:  # it ended meanwhile
                continue


@pytest.mark.parametrize("seed", range(4))
async def test_counts_equal_the_grouping_whatever_happens_at_once(db, piped, fields, seed):
    """S4-037, S4-038: at every moment each run of the batch is counted in one state."""
    batch = await _batch(piped)
    busy = Busy(db, piped, batch, seed)
    organization = (await piped._bind()).organization

    await asyncio.gather(
        busy.work(organization),
        busy.work(organization),
        busy.retry(),
        busy.tend(),
        busy.look(),
        busy.cancel_some(),
    )

    assert set(busy.seen) == {RUNS}
    counts = msgspec.to_builtins((await piped.batches.get(batch)).counts)
    assert {state: n for state, n in counts.items() if n} == {
        row["state"]: row["n"] for row in await fields(GROUPED, batch)
    }


@pytest.mark.parametrize("seed", range(4))
async def test_a_batch_that_is_called_over_is_over(db, piped, fields, seed):
    """Retries and the noting of ends meet: no batch is settled of which a run waits, and in the end each is."""
    batch = await _batch(piped)
    busy = Busy(db, piped, batch, seed)
    organization = (await piped._bind()).organization
    await asyncio.gather(busy.work(organization), busy.work(organization), busy.retry(), busy.tend())

    await _worked_off(busy, organization)
    await busy.upkeep.step()

    (row,) = await fields(
        "SELECT settled_at, completed, failed, cancelled FROM octavo.batch WHERE id = $1", batch
    )
    over = await piped.batches.get(batch)
    events = await piped.events.stream(f"batch-{batch}")
    assert row["settled_at"] is not None
    assert (row["completed"], row["failed"], row["cancelled"]) == (RUNS, 0, 0)
    assert (over.state, over.completed, events[-1].data["completed"]) == ("completed", RUNS, RUNS)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("seed", range(4))
async def test_a_batch_that_is_cancelled_while_it_is_worked_on_ends(db, piped, fields, seed):
    batch = await _batch(piped)
    busy = Busy(db, piped, batch, seed)
    organization = (await piped._bind()).organization

    await asyncio.gather(
        busy.work(organization),
        busy.work(organization),
        piped.batches.cancel(batch),
        busy.tend(),
        busy.look(),
    )
    while not (await piped.batches.get(batch)).is_over:
        await busy.upkeep.step()

    over = await piped.batches.get(batch)
    assert (set(busy.seen), over.runs, over.state) == ({RUNS}, RUNS, "cancelled")
    assert await fields("SELECT FROM octavo.run WHERE batch_id = $1 AND state <> 'dead'", batch) == []


async def _batch(workspace) -> uuid.UUID:
    made = await workspace.documents.put_many([{"type": "note", "body": {"number": n}} for n in range(RUNS)])
    return (await workspace.batches.start("double", [document.id for document in made])).id


async def _worked_off(busy: Busy, organization: uuid.UUID) -> None:
    """Complete everything that is left, the dead too."""
    worker = uuid.uuid4()
    await busy.queue.beat(worker, [], draining=False)
    while (await busy.workspace.batches.get(busy.batch)).completed < RUNS:
        await busy.workspace.batches.retry(busy.batch)
        claimed = await busy.queue.claim(worker, [Wish(organization, 5, 0, RUNS)])
        await busy.queue.finish([Ended(run=run, state="completed", output=b"{}") for run in claimed])
