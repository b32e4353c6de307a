"""A worker: claims runs, executes them, and says that it lives.

Any number of them, in any number of processes and machines. One that dies gives no sign of life, and its runs are
given to others; one that was only away finds its fences stale, and what it has to say is refused.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Literal
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid4

from octavo.errors import InvalidPipeline, OctavoError, StaleLease
from octavo.feed.wakeup import Wakeup
from octavo.pipelines import conclusion
from octavo.pipelines.defining.definitions import Components, Plan, Plans
from octavo.pipelines.defining.using import Models, Named
from octavo.pipelines.executing.clock import SystemClock
from octavo.pipelines.executing.execution import Attempt, Completed
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.executing.shared import Shared, SharedSteps
from octavo.pipelines.failures import FailureUpkeep
from octavo.pipelines.figures import FigureUpkeep
from octavo.pipelines.queueing.ends import Ends
from octavo.pipelines.queueing.failing import Failed
from octavo.pipelines.queueing.held import Held
from octavo.pipelines.queueing.queue import (
    BEAT_SECONDS,
    GONE_SECONDS,
    Claimed,
    Ended,
    Queue,
    Returned,
    Wish,
)
from octavo.pipelines.queueing.shares import Shares
from octavo.pipelines.queueing.upkeep import QueueUpkeep
from octavo.pipelines.starting.batch_upkeep import BatchUpkeep
from octavo.pipelines.starting.owed import OwedUpkeep
from octavo.pipelines.starting.schedule_upkeep import ScheduleUpkeep
from octavo.postgres.background import Background
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values.pipeline import Retry

log = logging.getLogger("octavo.pipelines")

SLOTS = 100
MEMORY_BYTES = 2 * 1024**3
DRAIN_SECONDS = 30.0
# While it is known that runs wait, the queue is looked at so often only; and strays are looked for now and then.
_LOOK_SECONDS = 0.02
_STRAY_SECONDS = 30.0
_LONG = 3_600.0
_LAST_WORD_SECONDS = 5.0
_Reason = Literal["cancelled", "lost", "draining", "ending"]


class Means(msgspec.Struct, frozen=True):
    """What a worker works with.

    Attributes:
        system: connections of a member of octavo_system, for the queue.
        app: connections of a member of octavo_app, for documents.
        scope: the view of an organization.
        models: tell which version of a model a step uses.
    """

    system: Pool
    app: Pool
    wakeup: Wakeup
    components: Components
    scope: Callable[[UUID], Scope]
    models: Models = Named()


class Worker:
    """Executes runs of all organizations; starts and stops cleanly, twice, or never started.

    `async with db.worker(): …` runs it for the length of a block.

    Attributes:
        id: of this worker; another one when it starts again.
        executed: runs whose end it brought to the record.
        refused: runs that were taken from it, which had been away for too long.

    Args:
        slots: runs executed at once at most; the ends of as many others may be on their way to the record.
        processes: for components that compute; 0: one a core.
        memory_bytes: of address space each such process may have.
        beat_seconds, gone_seconds: how often it says that it lives, and after what silence another one is dead.
    """

    def __init__(
        self,
        means: Means,
        *,
        slots: int = SLOTS,
        processes: int = 0,
        memory_bytes: int = MEMORY_BYTES,
        beat_seconds: float = BEAT_SECONDS,
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self.id: UUID = uuid4()
        self.executed = self.refused = 0
        self._means = means
        self._slots = slots
        self._queue = Queue(means.system, means.wakeup.committed)
        self._plans = Plans(means.components)
        self._shares = Shares()
        self._ends = Ends(self._queue, means.wakeup.committed)
        self._shared = Shared(means.scope)
        self._processes = Processes(processes or os.cpu_count() or 1, memory_bytes)
        self._clock = SystemClock()
        self._running: dict[asyncio.Task[None], Claimed] = {}
        self._reasons: dict[UUID, _Reason] = {}
        self._awaited: set[UUID] = set()
        self._ending = 0
        self._freed = asyncio.Event()
        self._draining = False
        self._looked_at = self._strays_at = float("-inf")
        self._page_is_full = self._is_known = False
        self._server_ahead = 0.0
        self._claiming = Background(
            "worker", self._step, longest_wait_seconds=1.0, longest_fault_wait_seconds=5.0
        )
        self._beating = Background(
            "signs of life",
            self._beat,
            first_wait_seconds=beat_seconds,
            longest_wait_seconds=beat_seconds,
            longest_fault_wait_seconds=beat_seconds,
        )
        self._upkeep = QueueUpkeep(
            means.system,
            self._queue,
            means.wakeup.committed,
            [
                BatchUpkeep(means.system, means.scope).step,
                Held(means.system, means.wakeup.committed).step,
                ScheduleUpkeep(means.system, means.wakeup.committed).step,
                FigureUpkeep(means.system).step,
                OwedUpkeep(means.system, means.scope).step,
                FailureUpkeep(means.system, means.scope, self._plans).step,
            ],
            gone_seconds=gone_seconds,
        )
        self._listening: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        """Runs under way."""
        return len(self._running)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._claiming.is_running

    def start(self) -> None:
        """Begin in the running event loop; does nothing if it runs."""
        if self.is_running:
            return
        self.id, self._draining = uuid4(), False
        self._beating.start()
        self._claiming.start()
        self._upkeep.start()
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def stop(self, grace_seconds: float = DRAIN_SECONDS) -> None:
        """Take no more runs, let those under way end, and give back what has not after so long; safe to call twice.

        What is given back is queued as if nothing had been: its attempt does not count.
        """
        self._draining = True
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        await self._claiming.stop()
        await self._upkeep.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        for task, run in list(self._running.items()):
            self._interrupt(task, run, "draining")
        if self._running:
            await asyncio.wait(self._running, timeout=_LAST_WORD_SECONDS)
        await self._beating.stop()
        await self._ends.close()
        await self._processes.close()
        with suppress(OctavoError):
            await self._queue.give_back_strays(self.id, [])
            await self._queue.leave(self.id)
        self._is_known = False

    async def __aenter__(self) -> Worker:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _listen(self) -> None:
        """Look at once when runs were queued, and soon when something else was committed: it may have started some."""
        wakeup = self._means.wakeup
        while not wakeup.is_closed:
            known, runs = wakeup.count, wakeup.runs
            self._claiming.wake()
            await wakeup.wait(_LONG, since=known)
            await wakeup.wait_for_runs(_LOOK_SECONDS, since=runs)

    async def _step(self) -> bool:
        """Claim once; True when there may be more to claim."""
        if not await self._room():
            return True
        if not self._is_known:
            # Who has runs must have shown a sign of life, or nobody would miss it.
            await self._beat()
        try:
            await self._give_back_strays()
            await self._look()
            wishes = self._shares.choose(self._free, time.time() + self._server_ahead)
            claimed = await self._claim(wishes) if wishes else []
        except BaseException:
            # Nobody knows what was done: begin anew, and give back what we have without knowing.
            self._shares, self._strays_at = Shares(), float("-inf")
            raise
        for run in claimed:
            self._begin(run)
        return self._page_is_full or self._shares.tickets > 0

    async def _room(self) -> bool:
        """Wait until there are free slots, enough for a batch while others are busy; False: not yet."""
        if self._free < self._slots // 4:
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05 if self._free > 0 else 1.0):
                    await self._freed.wait()
        return self._free > 0

    @property
    def _free(self) -> int:
        """Free slots: those whose ends are on their way need none, until there are as many as slots."""
        return self._slots - (self.running - self._ending) - max(0, self._ending - self._slots)

    async def _look(self) -> None:
        now = time.monotonic()
        if self._shares.tickets and not self._page_is_full and now - self._looked_at < _LOOK_SECONDS:
            return
        look = await self._queue.look(self._shares.seen, self._shares.late_from(now))
        self._looked_at = now
        self._server_ahead = look.moment - time.time()
        self._page_is_full = look.is_full
        self._shares.learn(look)

    async def _claim(self, wishes: list[Wish]) -> list[Claimed]:
        taken = await self._queue.take(self.id, wishes)
        self._shares.took(wishes, taken)
        claimed = [one.run for one in taken if one.run is not None]
        if claimed:
            self._means.wakeup.committed()
        return claimed

    async def _give_back_strays(self) -> None:
        now = time.monotonic()
        if now - self._strays_at >= _STRAY_SECONDS:
            await self._queue.give_back_strays(self.id, list(self._running.values()))
            self._strays_at = now

    def _begin(self, run: Claimed) -> None:
        task = asyncio.get_running_loop().create_task(self._execute(run))
        self._running[task] = run
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        run = self._running.pop(task)
        self._reasons.pop(run.id, None)
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run %s was not ended: %s", run.id, error, exc_info=error)

    async def _execute(self, run: Claimed) -> None:
        try:
            end = await self._attempt(run)
        except asyncio.CancelledError:
            if self._reasons.get(run.id) == "lost":
                self._refused(run)
                return
            end = self._interrupted(run)
        except StaleLease:
            self._refused(run)
            return
        # From here on nothing interrupts it: how it ended is known.
        self._reasons[run.id] = "ending"
        self._ending += 1
        self._freed.set()
        try:
            await self._ended(run, end)
        finally:
            self._ending -= 1

    async def _ended(self, run: Claimed, end: Ended | Returned | None) -> None:
        """Bring the end of a run to the record; None: it is there, written with the document."""
        if end is None:
            await self._queue.follow([run], self._awaited)
            self._awaited.discard(run.id)
        elif not await self._ends.send(end):
            self._refused(run)
            return
        self.executed += 1

    async def _attempt(self, run: Claimed) -> Ended | Returned | None:
        """The end that is still to be sent, or None when it was written with the document."""
        scope = self._means.scope(run.organization_id)
        retry = Retry()
        try:
            plan = await self._plans.get(scope, run.pipeline_id, run.pipeline_version)
        except OctavoError as error:
            failed = Failed.of(error)
            # Another worker may have the component: a deployment is under way, perhaps.
            is_final = failed.is_final and not isinstance(error, InvalidPipeline)
            return conclusion.returned(run, msgspec.structs.replace(failed, is_final=is_final), retry)
        made = await self._made(run, plan, scope)
        if isinstance(made, Failed):
            return conclusion.returned(run, made, plan.pipeline.retry)
        return await self._concluded(run, plan, scope, made)

    async def _made(self, run: Claimed, plan: Plan, scope: Scope) -> Completed | Failed:
        attempt = Attempt(
            run,
            plan,
            SharedSteps(scope, self._shared),
            partial(self._shared.document, run),
            processes=self._processes,
            clock=self._clock,
            use=partial(self._means.models.use, scope),
        )
        return await attempt.made()

    async def _concluded(
        self, run: Claimed, plan: Plan, scope: Scope, made: Completed
    ) -> Ended | Returned | None:
        try:
            end = conclusion.ended(run, plan, made)
            if not conclusion.writes_document(run, plan):
                return end
            if await conclusion.write(self._means.app, scope, plan, made, end):
                self._awaited.add(run.id)
        except StaleLease:
            raise
        except OctavoError as error:
            return conclusion.returned(run, Failed.of(error), plan.pipeline.retry)
        return None

    def _refused(self, run: Claimed) -> None:
        self.refused += 1
        log.warning("run %s was taken from this worker, and its result is refused", run.id)

    def _interrupt(self, task: asyncio.Task[None], run: Claimed, reason: _Reason) -> None:
        if run.id not in self._reasons:
            self._reasons[run.id] = reason
            task.cancel()

    def _interrupted(self, run: Claimed) -> Ended | Returned:
        if self._reasons.get(run.id) == "cancelled":
            return Ended(run=run, state="cancelled")
        return Returned(run=run, state="queued", counted=False)

    async def _beat(self) -> bool:
        lost, cancelled = await self._queue.beat(
            self.id, list(self._running.values()), draining=self._draining
        )
        self._is_known = True
        for task, run in list(self._running.items()):
            if run.id in lost:
                self._interrupt(task, run, "lost")
            elif run.id in cancelled:
                self._interrupt(task, run, "cancelled")
        return False
