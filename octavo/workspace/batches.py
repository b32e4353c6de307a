"""The batches of one organization: many runs started together, counted together, retried and cancelled together."""

from __future__ import annotations

import asyncio
import builtins
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, PositionTimeout
from octavo.feed.wakeup import Wakeup
from octavo.pipelines.queueing import runs
from octavo.pipelines.starting import batches, filling
from octavo.pipelines.starting.batches import BatchStart
from octavo.postgres.pool import Pool
from octavo.values.batch import Asked, Batch, BatchPage
from octavo.values.pipeline import parse_reference
from octavo.values.run import PRIORITY, RunPage, State
from octavo.values.type import DocumentType
from octavo.workspace.documents import Bind
from octavo.workspace.given import kind_of, known_id, optional_id

_LOOK_SECONDS = 1.0
RETENTION = timedelta(days=90)


class Batches:
    """The batches of one organization."""

    def __init__(self, bind: Bind, pool: Pool, wakeup: Wakeup) -> None:
        self._bind = bind
        self._pool = pool
        self._wakeup = wakeup

    async def start(
        self,
        pipeline: str,
        documents: Sequence[UUID | str] | None = None,
        *,
        type: str | builtins.type[DocumentType] | None = None,
        where: Mapping[str, Any] | None = None,
        name: str | None = None,
        description: str = "",
        key: str | None = None,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        progress: Callable[[int], None] | None = None,
    ) -> Batch:
        """Start a run for each document of a list, or for each one that a filter holds for; workers execute them.

        The batch and its list are there at once, all or nothing; the runs are started in pieces of 10,000, each in one
        transaction. Whoever is interrupted on the way loses nothing: the same call with the same key goes on, and so
        does any worker by itself.

        Args:
            pipeline: `summarize`, `summarize@production` or `summarize@3`; all runs use the version it means now.
            documents: their ids; each gets one run, also when it is listed twice. At most 1,000,000.
            type, where: instead of a list: as for `documents.find`, in this namespace. Of the documents that are there
                now, each is looked at once, as it is when its turn comes.
            name, description: for people.
            key: while a batch of this key is known, that one is gone on with and returned, with `changed=False`.
            input: for each run, a JSON object of at most 1 MiB.
            priority: 0 to 9, 9 is the most urgent.
            progress: told how many runs this call has started.

        Returns:
            The batch, with all its runs started.

        Raises:
            NotFound: no such pipeline, version, tag or document: then there is no batch. InvalidFilter, InvalidInput,
            LimitExceeded. IdempotencyConflict: the key was used to start something else.
        """
        scope = await self._bind()
        question = Asked(
            namespace=scope.namespace,
            type=kind_of(type),
            where=None if where is None else _plain(where),
        )
        wanted = BatchStart.of(
            parse_reference(pipeline),
            None if documents is None else [known_id(id) for id in documents],
            question,
            input=input,
            priority=priority,
            name=name,
            description=description,
            key=key,
        )
        id, is_new = await batches.begin(self._pool, scope, wanted)
        await filling.fill(scope, id, progress)
        return msgspec.structs.replace(await batches.get(scope, id), changed=is_new)

    async def get(self, id: UUID | str) -> Batch:
        """One batch, its runs counted now. Raises `NotFound`."""
        return await batches.get(await self._bind(), known_id(id, "batch"))

    async def list(self, *, before: UUID | str | None = None, limit: int = 50) -> BatchPage:
        """Batches, newest first; `before` of a page is where the next one begins. Raises `LimitExceeded`."""
        return await batches.listing(await self._bind(), before=optional_id(before), limit=limit)

    async def runs(
        self,
        id: UUID | str,
        *,
        state: State | Collection[State] | None = None,
        before: UUID | str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """The runs of a batch, newest first, as `db.runs.list` gives runs: what failed with `state=("dead", "failed")`.

        Raises:
            InvalidInput, LimitExceeded.
        """
        states = [state] if isinstance(state, str) else state
        return await runs.of_batch(
            await self._bind(), known_id(id, "batch"), states=states, before=optional_id(before), limit=limit
        )

    async def retry(self, id: UUID | str) -> int:
        """Queue all dead runs of a batch again, each to go on at the step that failed; returns how many.

        Raises:
            NotFound.
        """
        return await batches.retry(await self._bind(), known_id(id, "batch"))

    async def cancel(self, id: UUID | str) -> Batch:
        """End a batch: no more runs are started, those that wait or are dead end now, the others when they are told.

        What was interrupted on the way is brought to its end by a worker.

        Raises:
            NotFound; Conflict: it is over.
        """
        return await batches.cancel(await self._bind(), known_id(id, "batch"))

    async def wait(self, id: UUID | str, *, timeout_seconds: float = 3_600.0) -> Batch:
        """Wait until nothing of a batch waits or is under way, and return it.

        Raises:
            PositionTimeout: something is left when the time is over. NotFound.
        """
        scope, batch = await self._bind(), known_id(id, "batch")
        deadline = time.monotonic() + timeout_seconds
        while True:
            known = self._wakeup.count
            if not await batches.is_left(scope, batch):
                return await batches.get(scope, batch)
            left = deadline - time.monotonic()
            if left <= 0:
                raise PositionTimeout(
                    f"batch {batch} is not over after {timeout_seconds:g} s",
                    remedy="wait longer, and see that a worker runs: `octavo worker`",
                )
            await self._wakeup.wait(min(left, _LOOK_SECONDS), since=known)
            # Hints come with every commit; one look in a tenth of a second is enough.
            await asyncio.sleep(min(left, _LOOK_SECONDS / 10))

    async def purge(
        self, *, older_than: timedelta = RETENTION, limit: int = 1_000, dry_run: bool = False
    ) -> int:
        """Remove the ended runs of old batches, and keep the batches with their sums; returns how many batches.

        Left alone are batches with runs that can still be retried, and everything of an organization under legal hold.

        Args:
            older_than: only batches that have been over for so long.
            limit: batches at most, the oldest first.
            dry_run: only count.
        """
        return await batches.purge(await self._bind(), older_than=older_than, limit=limit, dry_run=dry_run)


def _plain(where: Mapping[str, Any]) -> dict[str, Any]:
    """A filter as it is kept: moments and ids as text, which filters take as well."""
    try:
        plain: dict[str, Any] = msgspec.to_builtins(dict(where))
    except TypeError as error:
        raise InvalidInput(f"a filter holds {error}", remedy="give values that JSON can hold") from error
    return plain
