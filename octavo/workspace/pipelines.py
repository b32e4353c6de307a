"""The pipelines of one organization: put them, start their runs."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, overload
from uuid import UUID

import msgspec

from octavo.components.template import with_templates
from octavo.errors import InvalidPipeline, NotFound
from octavo.pipelines import statistics
from octavo.pipelines.defining.allowed import check_models
from octavo.pipelines.defining.configured import resolved
from octavo.pipelines.defining.definitions import Components, Plans, checked, models_of, parsed
from octavo.pipelines.defining.using import Models, Named
from octavo.pipelines.executing.clock import Clock
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.inline import Here
from octavo.pipelines.queueing import runs
from octavo.pipelines.queueing.runs import Start
from octavo.pipelines.starting import missing, triggers
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values.batch import MAX_NAME_LENGTH
from octavo.values.component import Component
from octavo.values.document import Document, Tag
from octavo.values.pipeline import NAMESPACE, TYPE, Pipeline, parse_reference
from octavo.values.run import PRIORITY, PipelineStats, Run
from octavo.values.statistics import StepStats
from octavo.values.trigger import Missing
from octavo.values.type import DocumentType, type_name
from octavo.workspace.components import Components as ComponentDocuments
from octavo.workspace.documents import Bind, Documents
from octavo.workspace.given import known_id, optional_id
from octavo.workspace.templates import Templates

_DAY = timedelta(days=1)


class RunParts(msgspec.Struct, frozen=True):
    """What runs inside the caller's process need; shared by the views of all organizations."""

    components: Components
    plans: Plans
    processes: Processes
    clock: Clock
    models: Models = Named()


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
        after: Collection[UUID | str] = (),
        after_any_end: bool = False,
        concurrency: str | None = None,
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
            after: runs that must complete before it, 1,000 at most. One that fails for good or is cancelled cancels it.
            after_any_end: they need only end, however they do.
            concurrency: a key: of the pipeline's runs with it, `max_running_per_key` are under way at most.

        Raises:
            NotFound: no such pipeline, tag, version, document, or run to wait for. InvalidInput, LimitExceeded.
            QuotaExceeded: the organization has started as many runs as a day gives it. Conflict: a run to wait for has
                failed.
        """
        wanted = Start.of(
            parse_reference(pipeline),
            [optional_id(document)],
            input=input,
            priority=priority,
            delay_seconds=delay_seconds,
            unique_key=unique_key,
            after=[known_id(run, "run") for run in after],
            after_any_end=after_any_end,
            concurrency=concurrency,
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
        after: Collection[UUID | str] = (),
        after_any_end: bool = False,
        concurrency: str | None = None,
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
            after=[known_id(run, "run") for run in after],
            after_any_end=after_any_end,
            concurrency=concurrency,
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
        self._templates = Templates(bind, pool)
        self._configured = ComponentDocuments(bind, pool, parts.components)

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
                `name`, `version`, `config`, `after`, `into`, `when`, `each` …; see `octavo.values.pipeline.Step` and
                the page on pipelines. What a step takes from a component's document, as `summarizer@production`, is
                written into it as it is now.
            expect: 0 to create only; n to replace version n only.

        Raises:
            InvalidPipeline: it could not run: an unknown component, a cycle, a configuration that does not fit, a
                condition that looks at a later step, a type of documents that another pipeline is the default of.
            ModelNotAllowed: the organization, or the pipeline, does not allow a model that it uses.
            VersionConflict, AlreadyExists.
        """
        components = self._parts.components
        read = await resolved(parsed(definition), components, self._configured.get)
        read = await with_templates(read, self._templates.get)
        pipeline = checked(read, components)
        models = models_of(pipeline, components)
        await check_models(await self._bind(), models, pipeline.allowed_models)
        await self._check_defaults(name, pipeline)
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

    async def default(self, type: str) -> Document | None:
        """The active pipeline that says it is the default of a type of documents; None when there is none."""
        where = {"default_for": type, "is_active": {"$ne": False}}
        found = [one async for one in self._documents.find(TYPE, where=where, order="@name", limit=1)]
        return found[0] if found else None

    async def _check_defaults(self, name: str, pipeline: Pipeline) -> None:
        for type in pipeline.default_for if pipeline.is_active else ():
            default = await self.default(type)
            if default is not None and default.name != name:
                raise InvalidPipeline(
                    f"the default pipeline of {type!r} is {default.name!r} already",
                    remedy="take the type out of its default_for first",
                    pipeline=default.name,
                )

    async def tag(self, pipeline: str, tag: str, *, version: int | None = None) -> Tag:
        """Point a tag, as `production`, to a version of a pipeline; without one to the newest."""
        document = await self.get(parse_reference(pipeline).name)
        return await self._documents.tag(document.id, tag, version=version)

    def components(self) -> builtins.list[Component]:
        """The components that pipelines may use here, by name and version."""
        return [component for _, component in sorted(self._parts.components.items())]

    async def start_missing(
        self,
        pipeline: str,
        *,
        type: str | builtins.type[DocumentType],
        where: Mapping[str, Any] | None = None,
        environment: str | None = None,
        priority: int = PRIORITY,
        after: UUID | str | None = None,
        limit: int | None = None,
        dry_run: bool = False,
        batch: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Missing:
        """Start runs for the documents of which no run of the pipeline's present version tells as they are now.

        None waits, is under way or has completed; a run that wrote what the document is now counts. It goes in pages,
        in the order in which documents were made, and each commits by itself. Made again it starts nothing twice.

        Args:
            type: of the documents, in this namespace.
            where: a filter on fields of their bodies and on `@metadata`.
            environment: as `production`: also those whose result is of another version of a model than the one that
                is deployed there.
            after: the `next` of the call before.
            limit: runs at most, up to 10,000, and of a batch up to 1,000,000; so many by default.
            dry_run: only count.
            batch: start them as one batch of the pipeline's name: its id is the answer's `batch`. One that was
                interrupted, or held up by a quota, is gone on with.
            progress: told how many runs of the batch this call has started.

        Raises:
            NotFound: no such pipeline, tag or version. InvalidFilter, InvalidInput, LimitExceeded.
        """
        scope = await self._bind()
        body, metadata = triggers.conditions(where or {})
        wanted = missing.Wanted(
            pipeline=parse_reference(pipeline),
            namespace=scope.namespace,
            type=type_name(type),
            priority=priority,
            body=body,
            metadata=metadata,
            environment=environment,
        )
        asked: dict[str, Any] = {"after": optional_id(after), "limit": limit, "dry_run": dry_run}
        if not batch:
            return await missing.start(scope, wanted, **asked)
        name = f"missing {wanted.pipeline}"[:MAX_NAME_LENGTH]
        return await missing.start_batch(self._pool, scope, wanted, name=name, progress=progress, **asked)

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
        here = Here(self._pool, parts.plans, parts.processes, clock or parts.clock, parts.models)
        return await here.run(await self._bind(), wanted)

    @overload
    async def stats(
        self,
        pipeline: str | None = None,
        *,
        by: Literal["pipeline", "organization"] = "pipeline",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> builtins.list[PipelineStats]: ...

    @overload
    async def stats(
        self,
        pipeline: str | None = None,
        *,
        by: Literal["component", "model"],
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> builtins.list[StepStats]: ...

    async def stats(
        self,
        pipeline: str | None = None,
        *,
        by: statistics.By = "pipeline",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> builtins.list[PipelineStats] | builtins.list[StepStats]:
        """How the runs went that were started in a time, however many: what ended is added up already but for the last.

        Counts and sums are exact. A duration of p50 or p95 is the smallest that half of them, or 95 in 100, do not
        exceed, told within 1 %.

        Args:
            pipeline: only this one.
            by: each version of a `pipeline`, all of the `organization` together, or the steps of runs that ended by
                `component` or by `model`.
            since: by default a day ago.
            until: by default now.

        Raises:
            InvalidInput: they are not told by that.
        """
        told = statistics.checked_by(by)
        asked: dict[str, Any] = {
            "pipeline": pipeline,
            "since": since or datetime.now(UTC) - _DAY,
            "until": until,
        }
        scope = await self._bind()
        if told in {"component", "model"}:
            return await statistics.of_steps(scope, told, **asked)
        return await statistics.of_runs(scope, told, **asked)
