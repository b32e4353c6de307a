"""The pipelines of one organization: put them, start their runs."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import NotFound
from octavo.pipelines import runs
from octavo.pipelines.clock import Clock
from octavo.pipelines.definitions import Components, Plans, checked
from octavo.pipelines.inline import Here
from octavo.pipelines.processes import Processes
from octavo.pipelines.runs import Start
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values.component import Component
from octavo.values.document import Document, Tag
from octavo.values.pipeline import NAMESPACE, TYPE, Pipeline, parse_reference
from octavo.values.run import PRIORITY, PipelineStats, Run
from octavo.workspace.documents import Bind, Documents
from octavo.workspace.given import optional_id

_DAY = timedelta(days=1)


class RunParts(msgspec.Struct, frozen=True):
    """What runs inside the caller's process need; shared by the views of all organizations."""

    components: Components
    plans: Plans
    processes: Processes
    clock: Clock


class Starts:
    """Starts runs; inside a transaction they come into being with it."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    async def start(
        self,
        pipeline: str,
        document: UUID | str | None = None,
        *,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        delay_seconds: float = 0.0,
        unique_key: str | None = None,
    ) -> Run:
        """Start a run, which a worker executes: one statement, in the transaction if there is one.

        Args:
            pipeline: `summarize`, `summarize@production` (a tag) or `summarize@3` (a version); the version it means now
                is the one the run uses.
            document: what it is about, at the version it has now.
            input: a JSON object for the steps, at most 1 MiB.
            priority: 0 to 9, 9 is the most urgent. What waits rises by one a minute.
            delay_seconds: how long it waits before it may begin.
            unique_key: while a run with this key waits or is under way, that run is returned instead, with
                `changed=False`.

        Raises:
            NotFound: no such pipeline, tag, version or document. InvalidInput, LimitExceeded.
        """
        wanted = Start.of(
            parse_reference(pipeline),
            [optional_id(document)],
            input=input,
            priority=priority,
            delay_seconds=delay_seconds,
            unique_key=unique_key,
        )
        return (await runs.start(await self._bind(), wanted))[0]

    async def start_many(
        self,
        pipeline: str,
        documents: Sequence[UUID | str | None],
        *,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        delay_seconds: float = 0.0,
    ) -> list[Run]:
        """Start a run for each of up to 10,000 documents, all of them or none, in one statement.

        Args:
            documents: None for a run without one.
            input: the same for all.

        Returns:
            The runs in the order given. Raises what `start` does.
        """
        wanted = Start.of(
            parse_reference(pipeline),
            [optional_id(document) for document in documents],
            input=input,
            priority=priority,
            delay_seconds=delay_seconds,
        )
        return await runs.start(await self._bind(), wanted)


class Pipelines(Starts):
    """The pipelines of one organization: documents of the type `octavo.pipeline` in the namespace `octavo`."""

    def __init__(self, bind: Bind, pool: Pool, parts: RunParts) -> None:
        super().__init__(bind)
        self._pool = pool
        self._parts = parts

        async def bind_definitions() -> Scope:
            return msgspec.structs.replace(await bind(), namespace=NAMESPACE)

        self._documents = Documents(bind_definitions, pool)

    async def put(
        self,
        name: str,
        definition: Pipeline | Mapping[str, Any] | Sequence[Any],
        *,
        expect: int | None = None,
    ) -> Document:
        """Create a pipeline, or make its next version; runs that were started keep the version they have.

        Args:
            definition: an object with `steps`, or the list of steps. Each step names its `component`, and if wanted
                `name`, `version`, `config`, `after`, `into` and `timeout_seconds`; see the page on pipelines.
            expect: 0 to create only; n to replace version n only.

        Raises:
            InvalidPipeline: it could not run: an unknown component, a cycle, a configuration that does not fit.
            VersionConflict, AlreadyExists.
        """
        pipeline = checked(definition, self._parts.components)
        return await self._documents.put(TYPE, pipeline.as_dict(), name=name, expect=expect)

    async def get(self, pipeline: str) -> Document:
        """A pipeline's document at the version that `name`, `name@tag` or `name@version` means. Raises `NotFound`."""
        reference = parse_reference(pipeline)
        try:
            return await self._documents.get(
                TYPE, name=reference.name, tag=reference.tag, version=reference.version
            )
        except NotFound:
            raise NotFound(
                f"there is no pipeline {str(reference)!r}", remedy="see `octavo pipeline list`"
            ) from None

    async def list(self) -> builtins.list[Document]:
        """All pipelines by name, at their newest versions."""
        return [document async for document in self._documents.find(TYPE, order="@name")]

    async def tag(self, pipeline: str, tag: str, *, version: int | None = None) -> Tag:
        """Point a tag, as `production`, to a version of a pipeline; without one to the newest."""
        document = await self.get(parse_reference(pipeline).name)
        return await self._documents.tag(document.id, tag, version=version)

    def components(self) -> builtins.list[Component]:
        """The components that pipelines may use here, by name and version."""
        return [component for _, component in sorted(self._parts.components.items())]

    async def run(
        self,
        pipeline: str,
        document: UUID | str | None = None,
        *,
        input: Mapping[str, Any] | None = None,
        unique_key: str | None = None,
        clock: Clock | None = None,
    ) -> Run:
        """Execute a pipeline here and now, without a worker; returns the run that completed or is dead.

        What it leaves is what a worker would leave. Should this process die, a worker takes the run over.

        Args:
            clock: another one than this machine's, as `octavo.testing.clock.FakeClock`, which does not wait between
                attempts.

        Raises:
            As `start`; StaleLease: this process was away for so long that a worker took the run.
        """
        wanted = Start.of(
            parse_reference(pipeline), [optional_id(document)], input=input, unique_key=unique_key
        )
        parts = self._parts
        here = Here(self._pool, parts.plans, parts.processes, clock or parts.clock)
        return await here.run(await self._bind(), wanted)

    async def stats(
        self, pipeline: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> builtins.list[PipelineStats]:
        """How runs went, by pipeline and version: counted from the runs that were started in a time.

        Args:
            pipeline: only this one.
            since: by default a day ago.
            until: by default now.
        """
        return await runs.stats(
            await self._bind(), pipeline=pipeline, since=since or datetime.now(UTC) - _DAY, until=until
        )
