"""The runs of one organization: what waits, what is under way, what is dead, what ended."""

from __future__ import annotations

import asyncio
import builtins
import time
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from octavo.errors import PositionTimeout
from octavo.feed.wakeup import Wakeup
from octavo.pipelines.queueing import runs
from octavo.values.run import Run, RunPage, State
from octavo.workspace.documents import Bind
from octavo.workspace.given import known_id, optional_id

_LOOK_SECONDS = 1.0


class Runs:
    """The runs of one organization."""

    def __init__(self, bind: Bind, wakeup: Wakeup) -> None:
        self._bind = bind
        self._wakeup = wakeup

    async def get(self, id: UUID | str) -> Run:
        """One run, with the steps that have ended. Raises `NotFound`."""
        return await runs.get(await self._bind(), known_id(id, "run"))

    async def list(
        self,
        *,
        state: State | Collection[State] | None = None,
        pipeline: str | None = None,
        document: UUID | str | None = None,
        before: UUID | str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """Runs, newest first.

        One call looks at a bounded number of runs (`max_scanned`), so a page may hold few or none and there may still
        be more: go on from its `before` until that is None.

        Args:
            state, pipeline, document: only these.
            before: the `before` of the page before.

        Raises:
            InvalidInput, LimitExceeded.
        """
        states = [state] if isinstance(state, str) else state
        return await runs.listing(
            await self._bind(),
            states=states,
            pipeline=pipeline,
            document=optional_id(document),
            before=optional_id(before),
            limit=limit,
        )

    async def dead(self, *, limit: int = 100) -> builtins.list[Run]:
        """The dead: runs that failed as often as they may, those that died last first."""
        return await runs.dead(await self._bind(), limit=limit)

    async def retry(self, id: UUID | str) -> Run:
        """Queue a dead run again, with all its attempts before it; it goes on at the step that failed.

        Raises:
            NotFound; Conflict: it is not dead.
        """
        return await runs.retry(await self._bind(), known_id(id, "run"))

    async def retry_many(
        self,
        *,
        pipeline: str | None = None,
        code: str | None = None,
        older_than: timedelta | None = None,
        limit: int = 10_000,
    ) -> int:
        """Queue dead runs again, those that died first first, in bounded pieces; returns how many.

        Args:
            pipeline: only runs of this pipeline, in any version.
            code: only those whose error has this code, as `timeout`.
            older_than: only those that have been dead for so long.
            limit: runs at most.
        """
        return await runs.retry_many(
            await self._bind(), pipeline=pipeline, code=code, older_than=older_than, limit=limit
        )

    async def cancel(self, id: UUID | str) -> Run:
        """Cancel a run. One that waits or is dead ends now; one that is under way when its worker hears of it.

        Raises:
            NotFound; Conflict: it has ended.
        """
        return await runs.cancel(await self._bind(), known_id(id, "run"))

    async def purge_dead(
        self, *, older_than: timedelta = timedelta(0), limit: int = 10_000, dry_run: bool = False
    ) -> int:
        """Give dead runs up: they end as failed and are listed as such; returns how many.

        Args:
            older_than: only those that have been dead for so long.
            limit: runs at most, the oldest first.
            dry_run: only count.
        """
        return await runs.purge_dead(await self._bind(), older_than=older_than, limit=limit, dry_run=dry_run)

    async def wait(self, id: UUID | str, *, timeout_seconds: float = 60.0) -> Run:
        """Wait until a run has ended or is dead, and return it.

        Raises:
            PositionTimeout: it has not in time. NotFound.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            known = self._wakeup.count
            run = await self.get(id)
            left = deadline - time.monotonic()
            if run.has_ended or run.state == "dead":
                return run
            if left <= 0:
                raise PositionTimeout(
                    f"run {id} is {run.state} after {timeout_seconds:g} s",
                    remedy="wait longer, and see that a worker runs: `octavo worker`",
                )
            await self._wakeup.wait(min(left, _LOOK_SECONDS), since=known)
            await asyncio.sleep(0)
