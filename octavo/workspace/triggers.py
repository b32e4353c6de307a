"""The triggers of one organization: what starts its pipelines by itself."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from octavo.pipelines.starting import missing, triggers
from octavo.pipelines.starting.triggers import Wanted
from octavo.postgres.pool import Pool
from octavo.values.pipeline import parse_reference
from octavo.values.run import PRIORITY
from octavo.values.trigger import (
    CHANGES,
    DEPTH,
    Change,
    Missing,
    Trigger,
)
from octavo.values.type import DocumentType, type_name
from octavo.workspace.documents import Bind
from octavo.workspace.given import optional_id


class Triggers:
    """What starts runs by itself: when a document of a type arrives or changes, run this pipeline."""

    def __init__(self, bind: Bind, pool: Pool) -> None:
        self._bind = bind
        self._pool = pool

    async def put(
        self,
        name: str,
        pipeline: str,
        *,
        type: str | builtins.type[DocumentType],
        on: Change | Collection[Change] = CHANGES,
        where: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        debounce_seconds: float = 0.0,
        recursive: bool = False,
        max_depth: int = DEPTH,
    ) -> Trigger:
        """Keep a trigger, or change the one of this name: from now on each change starts a run in its transaction.

        It counts for every way in which a document of the type comes into this namespace or gets another version:
        `put`, `patch`, bulk changes, `revert`, `restore`, `ingest`, an import, and what runs write. A backup that is
        restored starts nothing.

        Args:
            pipeline: `summarize`, `summarize@production` or `summarize@3`; what it means is asked at each change.
            type: of the documents.
            on: `created`: a document arrives or is restored; `updated`: it gets another version.
            where: a filter that the document must pass as it is after the change, on fields of the body and on
                `@metadata`.
            priority: of the runs, 0 to 9, 9 is the most urgent.
            debounce_seconds: how long a document must be left alone before its run begins, up to a day; it begins in
                any case ten times as long after the first change.
            recursive: let what a run of the pipeline writes start the pipeline again.
            max_depth: how many runs may cause each other, 1 to 100; what would be deeper is not started, the event
                `trigger.stopped` tells of it, and the trigger has a `warning`.

        Raises:
            NotFound: no such pipeline, tag or version. InvalidInput, InvalidFilter.
            LimitExceeded: the organization has 1,000 triggers.
        """
        wanted = Wanted.of(
            name,
            parse_reference(pipeline),
            type=type_name(type),
            on=on,
            where=where or {},
            priority=priority,
            debounce_seconds=debounce_seconds,
            recursive=recursive,
            max_depth=max_depth,
        )
        return await triggers.put(await self._bind(), wanted)

    async def get(self, name: str) -> Trigger:
        """One trigger, with the `warning` it has. Raises `NotFound`."""
        return await triggers.get(await self._bind(), name)

    async def list(self, *, after: str = "", limit: int = 100) -> builtins.list[Trigger]:
        """Triggers by name; `after`, a name, continues a listing."""
        return await triggers.listing(await self._bind(), after=after, limit=limit)

    async def pause(self, name: str) -> Trigger:
        """Let a trigger start nothing until it is resumed; runs it has started go on. Raises `NotFound`."""
        return await triggers.pause(await self._bind(), name, paused=True)

    async def resume(self, name: str) -> Trigger:
        """Let a trigger start runs again; what changed meanwhile is for `backfill`. Raises `NotFound`."""
        return await triggers.pause(await self._bind(), name, paused=False)

    async def delete(self, name: str) -> None:
        """Delete a trigger; runs it has started go on. Raises `NotFound`."""
        await triggers.delete(await self._bind(), name)

    async def backfill(
        self,
        name: str,
        *,
        environment: str | None = None,
        after: UUID | str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
        batch: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Missing:
        """Start the runs that a trigger would have started for the documents that are there now.

        Documents of its type that pass its filter and of which no run of the pipeline's present version tells as they
        are now: none waits, is under way or has completed. Made again it starts nothing twice, so one that was
        interrupted is made again.

        Args:
            environment: as `production`: also for documents whose result is of another version of a model than the
                one that is deployed there.
            after: the `next` of the call before.
            limit: runs at most, up to 10,000, and of a batch up to 1,000,000; so many by default.
            dry_run: only count.
            batch: start them as one batch of the trigger's name, which is watched, cancelled and retried as one: its id
                is the answer's `batch`. One that was interrupted, or held up by a quota, is gone on with.
            progress: told how many runs of the batch this call has started.

        Raises:
            NotFound: no such trigger, or its pipeline is not there. LimitExceeded.
        """
        scope = await self._bind()
        trigger = await triggers.get(scope, name)
        body, metadata = triggers.conditions(trigger.where)
        wanted = missing.Wanted(
            pipeline=parse_reference(trigger.pipeline),
            namespace=trigger.namespace,
            type=trigger.type,
            priority=trigger.priority,
            body=body,
            metadata=metadata,
            environment=environment,
        )
        asked: dict[str, Any] = {"after": optional_id(after), "limit": limit, "dry_run": dry_run}
        if not batch:
            return await missing.start(scope, wanted, **asked)
        return await missing.start_batch(self._pool, scope, wanted, name=name, progress=progress, **asked)
