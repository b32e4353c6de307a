"""Ends of runs on their way to the record: what is ready while a statement is under way goes with the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from octavo.errors import OctavoError, Unavailable
from octavo.pipelines.queueing.failing import Failed
from octavo.pipelines.queueing.queue import Ended, Queue, Returned
from octavo.postgres.backoff import backoff_seconds
from octavo.store.scope import Committed

log = logging.getLogger("octavo.pipelines")

BATCH = 500
_Way = tuple[Ended | Returned, "asyncio.Future[bool]"]


class Ends:
    """Sends ends to the record, many in a statement, and again for as long as the record does not answer.

    Args:
        committed: told after each statement, to wake the readers of the log.
    """

    def __init__(self, queue: Queue, committed: Committed) -> None:
        self._queue = queue
        self._committed = committed
        self._waiting: list[_Way] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def send(self, end: Ended | Returned) -> bool:
        """Send one; returns whether it counted. A run that was taken from this worker meanwhile does not."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, done))
        self._some.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="octavo ends of runs")
        return await done

    async def close(self) -> None:
        """Stop sending; what waits is given up. Safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for _, done in self._waiting:
            done.cancel()
        self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                try:
                    await self._deliver(batch)
                except asyncio.CancelledError:
                    self._waiting = [*batch, *self._waiting]
                    raise

    async def _deliver(self, batch: Sequence[_Way]) -> None:
        tries = 0
        while True:
            try:
                counted = await self._statements([end for end, _ in batch])
            except Unavailable as error:
                tries += 1
                if tries == 1:
                    log.warning("the end of %d runs waits for the record: %s", len(batch), error)
                await asyncio.sleep(backoff_seconds(tries, first=0.1, most=5.0))
            except OctavoError as error:
                await self._one_by_one(batch, error)
                return
            else:
                self._committed(runs=any(end.state == "queued" for end, _ in batch))
                for end, done in batch:
                    if not done.done():
                        done.set_result(end.run.id in counted)
                return

    async def _statements(self, ends: Sequence[Ended | Returned]) -> set[UUID]:
        ended = [end for end in ends if isinstance(end, Ended)]
        returned = [end for end in ends if isinstance(end, Returned)]
        counted: set[UUID] = set()
        if ended:
            counted |= await self._queue.finish(ended)
        if returned:
            counted |= await self._queue.give_back(returned)
        return counted

    async def _one_by_one(self, batch: Sequence[_Way], error: OctavoError) -> None:
        """One of many that the record refuses must not hold the others up; it is dead, with the reason."""
        if len(batch) > 1:
            for way in batch:
                await self._deliver([way])
            return
        (end, done) = batch[0]
        log.error("the end of run %s was refused: %s", end.run.id, error.code)
        if isinstance(end, Ended):
            dead = Returned(run=end.run, state="dead", error=Failed.of(error).encoded())
            await self._deliver([(dead, done)])
        elif not done.done():
            done.set_exception(error)
