"""The one loop behind every part that works beside the calls: start, step again and again, stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from octavo.postgres.backoff import backoff_seconds

log = logging.getLogger("octavo.background")


class Background:
    """Calls `step` until it is stopped; starts and stops cleanly, twice, or never started.

    After a step that says there is more to do the next follows at once. After one that found nothing the loop
    waits, longer each time, and `wake()` ends the wait. After one that failed it waits longer each time too,
    and `wake()` does not shorten that.

    Args:
        name: for the log and the name of the task.
        step: one bounded piece of work; returns whether there may be more. It must bear to be cancelled.
        first_wait_seconds: the first wait after work was done.
        longest_wait_seconds: the wait when nothing happens for long.
        longest_fault_wait_seconds: the wait when every step fails.
        immediately: whether the first step comes at the start, or after the first wait.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        first_wait_seconds: float = 0.05,
        longest_wait_seconds: float = 1.0,
        longest_fault_wait_seconds: float = 30.0,
        immediately: bool = True,
    ) -> None:
        self.name = name
        self.steps = 0
        self.failures = 0
        self.last_error: Exception | None = None
        self._step = step
        self._first_wait = first_wait_seconds
        self._longest_wait = longest_wait_seconds
        self._longest_fault_wait = longest_fault_wait_seconds
        self._immediately = immediately
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._woken = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin in the running event loop; does nothing if it runs."""
        if not self.is_running:
            self._stopping.clear()
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"octavo {self.name}")

    def wake(self) -> None:
        """Say that there may be something to do; never blocks, and is safe at any time."""
        self._woken.set()

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Let the current step end, or cancel it after `grace_seconds`; does nothing if it does not run."""
        task = self._task
        if task is None:
            return
        self._stopping.set()
        self._woken.set()
        try:
            await asyncio.wait({task}, timeout=grace_seconds)
        finally:
            task.cancel()
        await asyncio.wait({task})

    async def _run(self) -> None:
        idle = faulty = 0
        if not self._immediately:
            await self._rest(1)
        while not self._stopping.is_set():
            try:
                more = await self._step()
            except Exception as error:  # noqa: BLE001 - a part that works beside the calls must outlive any fault
                faulty += 1
                self._note(error, faulty)
                await _wait_for(
                    self._stopping, backoff_seconds(faulty, first=0.5, most=self._longest_fault_wait)
                )
                continue
            self.steps += 1
            faulty, self.last_error = 0, None
            idle = 0 if more else idle + 1
            if not more:
                await self._rest(idle)

    async def _rest(self, idle: int) -> None:
        await _wait_for(self._woken, min(self._longest_wait, self._first_wait * 2.0 ** min(idle - 1, 60)))
        self._woken.clear()

    def _note(self, error: Exception, times: int) -> None:
        self.failures += 1
        self.last_error = error
        level = logging.WARNING if times == 1 else logging.DEBUG
        log.log(level, "%s failed and will be tried again: %s", self.name, error)


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
