"""100,000 runs of one organization do not delay another's single run beyond a stated bound."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.pipelines.queueing.queue import SEEN
from octavo.postgres import server as embedded

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

RUNS, PIECE, SLOTS, SMALL = 100_000, 10_000, 50, 20
# A run that is alone waits for the claim after the one that is on its way: these, and no more, may go before it. A
# worker that has just begun reads the backlog first, 10,000 tickets at a look, and claims between the looks.
BOUND = 2 * SLOTS
COLD_BOUND = (RUNS // SEEN + 2) * SLOTS


@octavo.component("nothing")
async def nothing(given: octavo.Given) -> dict[str, object]:
    """No work: what is left is waiting."""
    return {}


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory with real durability."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder)


async def test_a_single_run_does_not_wait_for_another_organizations_hundred_thousand(data, record_property):
    """S4-106"""
    async with octavo.open(data, background=False, components=[nothing]) as db:
        for name in ("big", "small"):
            await db.organizations.create(name)
            await db.organization(name).pipelines.put("p", [{"component": "nothing"}])
        big, small = db.organization("big"), db.organization("small")
        for _ in range(RUNS // PIECE):
            await big.pipelines.start_many("p", [None] * PIECE)

        waits, before = [], []
        async with db.worker(slots=SLOTS) as worker:
            for _ in range(SMALL):
                begun, executed = time.monotonic(), worker.executed
                run = await small.pipelines.start("p")
                await small.runs.wait(run.id)
                waits.append(time.monotonic() - begun)
                before.append(await _claimed_between(db, run))
            assert worker.executed > executed
            left = RUNS + SMALL - worker.executed

    record_property("queued", RUNS)
    record_property("still_waiting_at_the_end", left)
    record_property("claimed_before_the_first_by_a_worker_that_has_just_begun", before[0])
    record_property("claimed_before_a_single_run_most", max(before[1:]))
    record_property("wait_ms_p50", round(sorted(waits)[SMALL // 2] * 1000, 1))
    record_property("wait_ms_most", round(max(waits) * 1000, 1))
    assert left > RUNS // 2, "the big organization had nothing left that could have delayed anything"
    assert before[0] <= COLD_BOUND
    assert max(before[1:]) <= BOUND


async def _claimed_between(db: octavo.Octavo, run: octavo.Run) -> int:
    """Runs of others that a worker took after this one had come and before it was taken itself."""
    row = await db.record.system.fetchrow(
        """
        SELECT count(*) AS runs FROM octavo.event AS started, octavo.run_history AS mine
        WHERE mine.id = $1 AND started.type = 'run.started' AND started.organization_id <> mine.organization_id
            AND started.recorded_at > mine.created_at AND started.recorded_at < mine.started_at
        """,
        run.id,
    )
    assert row is not None
    return int(row["runs"])
