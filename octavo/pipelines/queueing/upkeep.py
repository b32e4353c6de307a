"""What the queue needs beside its workers: one of them, at a time, queues what is due and rescues what was lost."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from octavo.errors import OctavoError
from octavo.pipelines.queueing.queue import GONE_SECONDS, Queue
from octavo.postgres.background import Background
from octavo.postgres.lease import Lease
from octavo.postgres.pool import Pool
from octavo.store.scope import Committed

_PIECE = 1_000


class QueueUpkeep:
    """Queues the delayed and rescues runs of lost workers; in bounded steps, by one process at a time.

    Args:
        system: connections of a member of octavo_system.
        committed: told when something was queued, to wake the workers.
        others: what else is done by one process at a time: bounded pieces that say whether there may be more.
        gone_seconds: without a sign of life after which a worker is taken for dead.
    """

    def __init__(
        self,
        system: Pool,
        queue: Queue,
        committed: Committed,
        others: Sequence[Callable[[], Awaitable[bool]]] = (),
        *,
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self._queue = queue
        self._others = others
        self._committed = committed
        self._gone_seconds = gone_seconds
        self._lease = Lease(system, "runs")
        self._asked_at = self._rescued_at = float("-inf")
        self._loop = Background("upkeep of runs", self.step, first_wait_seconds=0.2, longest_wait_seconds=1.0)

    def start(self) -> None:
        """Begin in the running event loop; does nothing if it runs."""
        self._loop.start()

    async def stop(self) -> None:
        """Let the current step end and give the lease up; does nothing if it does not run."""
        await self._loop.stop()
        if self._lease.is_held:
            await self._lease.release()

    async def step(self) -> bool:
        """One bounded piece; True when there may be more."""
        if not await self._leads():
            return False
        moved = await self._queue.queue_due(_PIECE)
        now = time.monotonic()
        if now - self._rescued_at >= self._gone_seconds / 6:
            moved += await self._queue.rescue(self._gone_seconds)
            await self._queue.forget_workers(2 * self._gone_seconds)
            self._rescued_at = now
        if moved:
            self._committed(runs=True)
        return await self._do_others() or moved >= _PIECE

    async def _do_others(self) -> bool:
        """The others, each even if one before it fails; the first fault is raised after the last of them."""
        faults: list[OctavoError] = []
        more = False
        for other in self._others:
            try:
                more = await other() or more
            except OctavoError as error:
                faults.append(error)
        if faults:
            raise faults[0]
        return more

    async def _leads(self) -> bool:
        now = time.monotonic()
        if now - self._asked_at < self._lease.seconds / 6:
            return self._lease.is_held
        self._asked_at = now
        return await (self._lease.renew() if self._lease.is_held else self._lease.take())
