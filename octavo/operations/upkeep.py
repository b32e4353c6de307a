"""The upkeep: tasks of maintenance done by themselves while a database is open, by one process at a time.

When a task is due, and where a bounded run stopped, stands in the record: any process goes on where another one
stopped. A lease keeps two from doing the same at once; should it be lost in the middle, both do it, which every task
bears. Runs are spread by chance, so that many databases of one machine do not all begin at once.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from octavo.errors import OctavoError
from octavo.operations.task import Bounds, Done, Task
from octavo.postgres.background import Background
from octavo.postgres.lease import Lease
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load

_sql = load("octavo.operations", "upkeep.sql")
log = logging.getLogger("octavo.maintenance")

LIMIT = 20_000
# A look whether something is due; and how soon a task is done again that stopped at its limit, or failed.
LOOK_SECONDS = 10.0
GO_ON_SECONDS = 5.0
AFTER_FAULT_SECONDS = 60.0
_SPREAD = 0.1


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """How the last run of a task ended; without `ended_at` it has not been done yet.

    Attributes:
        due_at: when it is done next.
        examined, changed: rows or files.
        waits: what it waits for.
        error: why it failed.
    """

    task: str
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    examined: int
    changed: int
    waits: str | None
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The run as plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


class Upkeep:
    """Does the tasks when they are due; starts and stops cleanly, twice, or never started.

    Args:
        system: connections of a member of octavo_system.
        tasks: what there is to do.
        look_seconds: between two looks whether something is due.
    """

    def __init__(self, system: Pool, tasks: Sequence[Task], *, look_seconds: float = LOOK_SECONDS) -> None:
        self._system = system
        self._tasks = {task.name: task for task in tasks}
        self._lease = Lease(system, "upkeep")
        self._is_expected = False
        self._loop = Background(
            "upkeep",
            self.step,
            first_wait_seconds=look_seconds,
            longest_wait_seconds=look_seconds,
            immediately=False,
        )

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._loop.is_running

    def start(self) -> None:
        """Begin in the running event loop; does nothing if it runs."""
        self._loop.start()

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Let the running task end, or break it off after `grace_seconds`; does nothing if it does not run."""
        await self._loop.stop(grace_seconds)

    async def step(self) -> bool:
        """Do what is due, unless another process does; returns False: the next look may wait."""
        if not self._is_expected:
            await self._expect()
        if await self._due() and await self._lease.take():
            async with self._lease.kept():
                # Once more, since another process may just have done it.
                for name, after in await self._due():
                    await self._run(self._tasks[name], after)
        return False

    async def _expect(self) -> None:
        names = list(self._tasks)
        # Anywhere in the first round, for a fleet that starts together; what is done often soon enough.
        waits = [random.uniform(0, task.every_seconds) for task in self._tasks.values()]  # noqa: S311
        await self._system.execute(_sql.expect_tasks, names, waits)
        self._is_expected = True

    async def _due(self) -> list[tuple[str, str | None]]:
        rows = await self._system.fetch(_sql.due_tasks, list(self._tasks))
        return [(row["task"], row["after"]) for row in rows]

    async def _run(self, task: Task, after: str | None) -> None:
        begun = time.monotonic()
        try:
            done = await task.run(Bounds(limit=LIMIT, after=after))
        except OctavoError as error:
            log.warning("%s failed and will be tried again: %s", task.name, error)
            await _note(self._system, Ran(task, begun, error=str(error)))
            return
        if done.changed:
            log.info("%s: %d of %d", task.name, done.changed, done.examined)
        await _note(self._system, Ran(task, begun, done))


class Ran(msgspec.Struct, frozen=True):
    """A run that ended now: when it began, by the monotonic clock, and how it ended."""

    task: Task
    begun: float
    done: Done | None = None
    error: str | None = None

    @property
    def wait_seconds(self) -> float:
        """How long until it is due again, spread by chance."""
        wait = self.task.every_seconds
        if self.error is not None:
            wait = min(wait, AFTER_FAULT_SECONDS)
        elif self.done is not None and self.done.after is not None:
            wait = min(wait, GO_ON_SECONDS)
        return wait * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - chance, no secret


async def note(system: Pool, tasks: Sequence[Task], done: Sequence[Done], begun: float) -> None:
    """Keep how runs ended that somebody asked for, all of `tasks`; `begun` is the monotonic clock then."""
    known = {task.name: task for task in tasks}
    for one in done:
        await _note(system, Ran(known[one.task], begun, one))


async def last_runs(system: Pool) -> list[LastRun]:
    """Every task by name, with how its last run ended."""
    return [LastRun(**row) for row in await system.fetch(_sql.last_runs)]


async def _note(system: Pool, ran: Ran) -> None:
    done = ran.done
    outcome = (0, 0, None, None) if done is None else (done.examined, done.changed, done.after, done.waits)
    took = time.monotonic() - ran.begun
    await system.execute(_sql.note_run, ran.task.name, took, ran.wait_seconds, *outcome, ran.error)
