"""Claims at the same moment: each run is had by one of those who ask, and ends once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

from octavo.pipelines.queueing.queue import Ended, Queue, Wish


async def test_of_eight_who_claim_at_once_each_has_other_runs_and_every_run_ends_once(db, piped, fields):
    """S4-105"""
    started = await piped.pipelines.start_many("double", [None] * 1_000)
    organization = (await piped._bind()).organization
    queue, ended = Queue(db.record.system), Counter[uuid.UUID]()

    async def work() -> None:
        worker = uuid.uuid4()
        await queue.beat(worker, [], draining=False)
        while runs := await queue.claim(worker, [Wish(organization, 5, 0, 25)]):
            ended.update(
                await queue.finish([Ended(run=run, state="completed", output=b"{}") for run in runs])
            )

    # Who passes over what another one is about to take, and finds nothing else, ends: the last one takes the rest.
    await asyncio.gather(*(work() for _ in range(8)))
    await work()

    assert ended == Counter(run.id for run in started)
    (row,) = await fields(
        "SELECT count(*) AS n, count(DISTINCT id) AS runs FROM octavo.run_history WHERE organization_id = $1",
        organization,
    )
    assert (row["n"], row["runs"]) == (1_000, 1_000)
