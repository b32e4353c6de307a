"""How far the steps of a run are, written into its lease: a second at least between two writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

from octavo.errors import OctavoError
from octavo.values.account import TELL_SECONDS, Progress

log = logging.getLogger("octavo.pipelines")


class Telling:
    """Takes progress from any thread and writes it down from the event loop it was made in.

    Args:
        write: writes what is new, by step.
    """

    def __init__(self, write: Callable[[Mapping[str, Progress]], Awaitable[None]]) -> None:
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._new: dict[str, Progress] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def of(self, step: str) -> Callable[[Progress], None]:
        """What a step's progress is told to."""
        return partial(self._tell, step)

    async def close(self) -> None:
        """Write no more; what is told from now on, as by a thread that was given up, is not heard."""
        self._is_closed = True
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _tell(self, step: str, progress: Progress) -> None:
        # The loop may be gone before a thread that was given up ends.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hear, step, progress)

    def _hear(self, step: str, progress: Progress) -> None:
        if self._is_closed:
            return
        self._new[step] = progress
        if self._task is None:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        while self._new:
            new, self._new = self._new, {}
            try:
                await self._write(new)
            except OctavoError as error:
                # The next one tells more anyway.
                log.debug("progress is not written: %s", error)
            await asyncio.sleep(TELL_SECONDS)
        self._task = None
