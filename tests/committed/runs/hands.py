"""A worker's statements, one at a time: what a test takes, ends and gives back itself."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import octavo
from octavo.pipelines.queueing.held import Held
from octavo.pipelines.queueing.queue import Claimed, Ended, Queue, Returned, Wish
from octavo.store.scope import unheard
from octavo.workspace import Workspace

EVERY = range(9, -1, -1)


class Hand:
    """One worker of one organization."""

    def __init__(self, db: octavo.Octavo, organization: uuid.UUID) -> None:
        self.queue = Queue(db.record.system)
        self.system = db.record.system
        self.organization = organization
        self.worker = uuid.uuid4()

    async def take(self, runs: int) -> list[Claimed]:
        """Take so many runs at most, the most urgent first."""
        taken: list[Claimed] = []
        for priority in EVERY:
            if left := runs - len(taken):
                wish = Wish(self.organization, priority, 0, left)
                taken += await self.queue.claim(self.worker, [wish])
        return taken

    async def take_all_at_once(self, runs: int) -> list[Claimed]:
        """Take so many of each priority, in one statement."""
        return await self.queue.claim(
            self.worker, [Wish(self.organization, priority, 0, runs) for priority in EVERY]
        )

    async def complete(self, *runs: Claimed) -> None:
        """End runs as completed."""
        await self.queue.finish([Ended(run=run, state="completed", output=b"{}") for run in runs])

    async def cancel(self, *runs: Claimed) -> None:
        """End runs as cancelled."""
        await self.queue.finish([Ended(run=run, state="cancelled") for run in runs])

    async def give_back(self, runs: Sequence[Claimed]) -> None:
        """Give runs back as if nothing had been."""
        await self.queue.give_back([Returned(run=run, state="queued", counted=False) for run in runs])

    async def look(self) -> None:
        """What whoever leads does once a second."""
        await Held(self.system, unheard).step()


async def hand(db: octavo.Octavo, workspace: Workspace, *, worker: uuid.UUID | None = None) -> Hand:
    """A worker of the workspace's organization that has shown a sign of life."""
    made = Hand(db, (await workspace._bind()).organization)
    made.worker = worker or made.worker
    await made.queue.beat(made.worker, [], draining=False)
    return made
