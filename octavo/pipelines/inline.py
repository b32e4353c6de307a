"""A run inside its caller's process: no worker is needed, and what it leaves is what a worker would leave."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid4

from octavo.errors import OctavoError, StaleLease
from octavo.pipelines import conclusion, failures
from octavo.pipelines.defining.definitions import Plan, Plans
from octavo.pipelines.defining.using import Models
from octavo.pipelines.executing.clock import Clock
from octavo.pipelines.executing.execution import Attempt
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.queueing import runs
from octavo.pipelines.queueing.failing import Failed
from octavo.pipelines.queueing.queue import Claimed, Steps
from octavo.postgres.background import Background
from octavo.postgres.pool import Pool
from octavo.store import reads
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.values.pipeline import Retry
from octavo.values.run import Run

LEASE_SECONDS = 60.0


class Here:
    """Executes runs inside this process.

    Args:
        clock: waits between attempts, and tells when steps began and ended.
    """

    def __init__(self, pool: Pool, plans: Plans, processes: Processes, clock: Clock, models: Models) -> None:
        self._pool = pool
        self._plans = plans
        self._processes = processes
        self._clock = clock
        self._models = models

    async def run(self, scope: Scope, wanted: runs.Start) -> Run:
        """Start one run and execute it to its end, attempts and the waits between them included.

        Should this process die, a worker takes the run over within a minute.

        Returns:
            The run: completed, or dead with its error; the one that is there when its unique key is taken.
        """
        worker = uuid4()
        (started,) = await runs.start(scope, wanted, worker=worker, lease_seconds=LEASE_SECONDS)
        if not started.changed:
            return started
        renewing = _renewing(Steps(scope), started.id, worker)
        renewing.start()
        try:
            await self._attempts(scope, _claimed(scope, started))
        finally:
            await renewing.stop()
        return await runs.get(scope, started.id)

    async def _attempts(self, scope: Scope, run: Claimed) -> None:
        steps, retry = Steps(scope), Retry(attempts=1)
        while True:
            try:
                plan = await self._plans.get(scope, run.pipeline_id, run.pipeline_version)
                retry = plan.pipeline.retry
                failed = await self._attempt(scope, run, plan)
            except StaleLease:
                raise
            except OctavoError as error:
                failed = Failed.of(error)
            if failed is None:
                return
            after = conclusion.returned(run, failed, retry)
            if after.state == "dead":
                await steps.give_back(after)
                await failures.settle(scope, self._plans, [run.id])
                return
            again = await steps.try_again(run, failed.encoded(), after.seconds)
            if again is None:
                raise _taken(run)
            run = again
            await self._clock.sleep(after.seconds)

    async def _attempt(self, scope: Scope, run: Claimed, plan: Plan) -> Failed | None:
        """One attempt and, if it completed, the end of the run; why it failed otherwise."""

        async def document() -> Document | None:
            if run.document_id is None:
                return None
            return await reads.get(scope, run.document_id, version=run.document_version)

        attempt = Attempt(
            run,
            plan,
            Steps(scope),
            document,
            processes=self._processes,
            clock=self._clock,
            use=partial(self._models.use, scope),
        )
        made = await attempt.made()
        if isinstance(made, Failed):
            return made
        end = conclusion.ended(run, plan, made)
        if conclusion.writes_document(run, plan):
            await conclusion.write(self._pool, scope, plan, made, end)
        elif not await Steps(scope).finish(end):
            raise _taken(run)
        scope.committed()
        return None


def _taken(run: Claimed) -> StaleLease:
    return StaleLease(f"run {run.id} was taken from this process", remedy="a worker has it")


def _renewing(steps: Steps, run: UUID, worker: UUID) -> Background:
    async def renew() -> bool:
        await steps.renew(run, worker, LEASE_SECONDS)
        return False

    pause = LEASE_SECONDS / 3
    return Background(
        f"lease of run {run}",
        renew,
        first_wait_seconds=pause,
        longest_wait_seconds=pause,
        longest_fault_wait_seconds=pause / 4,
        immediately=False,
    )


def _claimed(scope: Scope, run: Run) -> Claimed:
    return Claimed(
        organization_id=scope.organization,
        id=run.id,
        pipeline=run.pipeline,
        pipeline_id=run.pipeline_id,
        pipeline_version=run.pipeline_version,
        document_id=run.document_id,
        document_version=run.document_version,
        priority=run.priority,
        raw_input=run.raw_input,
        fence=1,
        attempt=1,
        max_attempts=run.max_attempts,
        actor=run.actor,
        session=run.session,
        correlation=run.correlation,
        sequence=1,
        ticket=0,
        queued_at=run.created_at,
    )
