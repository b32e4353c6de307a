"""The composition root: builds every part from the settings and owns their lifetimes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Collection, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from octavo.analytics.counting import Counting
from octavo.components import BUILT_IN
from octavo.engines.analytics import choice as analytics
from octavo.engines.blobs.files import FileBlobs
from octavo.engines.embedders.choice import Embedders
from octavo.errors import Unavailable
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.ingest.summary import Summary
from octavo.operations import migrations
from octavo.operations.maintenance import maintain, tasks
from octavo.operations.migrations import Source
from octavo.operations.progress import Progress, silent
from octavo.operations.task import Bounds, Done, Task
from octavo.operations.upkeep import Upkeep, note
from octavo.pipelines import definitions
from octavo.pipelines.clock import SystemClock
from octavo.pipelines.definitions import Components, Plans
from octavo.pipelines.processes import Processes
from octavo.pipelines.worker import Means, Worker
from octavo.postgres.applying import Applied
from octavo.postgres.backfill import Report
from octavo.postgres.lease import Lease
from octavo.postgres.migration import Phase
from octavo.postgres.pool import Runner as StatementRunner
from octavo.postgres.record import Record, open_record
from octavo.projections.analytics import NAME as ANALYTICS
from octavo.projections.analytics import AnalyticsProjection
from octavo.projections.facts import Facts
from octavo.projections.promote import retire_overdue
from octavo.projections.roles import check, roles
from octavo.projections.roster import Roster
from octavo.projections.runner import DRAIN_SECONDS, Runner
from octavo.projections.runners import Runners
from octavo.projections.serving import ServingSearch
from octavo.projections.serving_vectors import serving_vectors
from octavo.search.query import Hits, Search, Skips
from octavo.search.semantic import Semantic
from octavo.settings import Settings, load
from octavo.store import audit, organizations, retention
from octavo.store.known import KnownTypes
from octavo.store.organizations import Organization
from octavo.store.remembered import Remembered
from octavo.store.scope import Limits, Scope
from octavo.values.actor import Origin, parse_actor
from octavo.values.component import Component
from octavo.values.login import parse_logins
from octavo.values.position import Position
from octavo.values.type import DocumentType, imported
from octavo.values.upcast import Upcasters
from octavo.workspace import (
    Analytics,
    Documents,
    Engines,
    Events,
    Labels,
    Links,
    Parts,
    Pipelines,
    RunParts,
    Runs,
    SynonymSets,
    Types,
    UnitOfWork,
    Workspace,
)
from octavo.workspace.audit import ReadAudit

# How often engines are looked for that were kept for long enough.
RETIRE_SECONDS = 300.0


def open(
    record: str | Path | None = None,
    *,
    background: bool = True,
    upcasters: Upcasters | None = None,
    types: Sequence[type[DocumentType]] = (),
    components: Sequence[Component] = (),
    **settings: Any,
) -> Octavo:
    """A database, to be used as `async with octavo.open("./octavo-data") as db`.

    Args:
        record: a directory for the embedded PostgreSQL, or the URL of one outside.
        background: keep the search index up to date and do what maintenance is due while the database is open;
            a short program beside one that does may leave it out.
        upcasters: read events of old schema versions as new ones.
        types: document types to register; see `Types.register`. Beside them those the setting `types` names.
        components: components that pipelines may use, beside those in the box and those the setting names.
        **settings: any field of `octavo.settings.Settings`; they weigh more than environment and file.

    Returns:
        The database, not opened yet: entering it starts or joins the embedded server, brings an embedded
        record's schema up to date, and connects. `db = await octavo.open(…)` works too; close it then.

    Raises:
        InvalidSetting; on entering: ServerFault, StorageFault, MigrationNeeded, Unavailable, AccessDenied,
        IncompatibleType.
    """
    return Octavo(
        load({"record": None if record is None else str(record), **settings}),
        background=background,
        upcasters=upcasters,
        types=types,
        components=components,
    )


class Organizations:
    """The organizations of a database: made and found by whoever may serve all of them."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def create(self, name: str) -> Organization:
        """Make an organization; raises `AlreadyExists` and `InvalidInput`."""
        return await organizations.create(self._record.system, name)

    async def get(self, name: str) -> Organization:
        """The organization of this name; raises `NotFound`."""
        return await organizations.find(self._record.system, name)

    async def list(self, *, after: str = "", limit: int = 100) -> list[Organization]:
        """Organizations by name; `after` continues a listing."""
        return await organizations.listing(self._record.system, after=after, limit=limit)

    async def hold(self, name: str, held: bool = True) -> None:
        """Set or lift an organization's legal hold: under it nothing is deleted by itself; raises `NotFound`."""
        await retention.hold(self._record.system, name, held=held)

    async def audit_reads(self, name: str, fraction: float = 1.0) -> None:
        """Record so large a part of an organization's reads as events `document.accessed`, 0 for none.

        Counts within half a minute, in every process.

        Raises:
            NotFound; InvalidInput when `fraction` is not 0 to 1.
        """
        await audit.set_fraction(self._record.system, name, fraction)


class Octavo:
    """An open database: the default organization's documents and search, and the way to the others.

    Attributes:
        settings: what it was opened with.
        record: the PostgreSQL behind it, for operators: `record.health()`.
        projections: keep the engines at the end of the log, by the name of each.
        engines: list, verify, repair and rebuild them, and move a role to another: see `Engines`.
        facts: the engine that counts events, for operators: verify, rebuild, what was left out, erase.
        upkeep: does the tasks of maintenance when they are due.
        types: the document types, and their indexes.
    """

    settings: Settings
    record: Record
    projections: Runners
    engines: Engines
    facts: Facts
    upkeep: Upkeep
    types: Types

    def __init__(
        self,
        settings: Settings,
        *,
        background: bool = True,
        upcasters: Upcasters | None = None,
        types: Sequence[type[DocumentType]] = (),
        components: Sequence[Component] = (),
    ) -> None:
        self.settings = settings
        self._models = [*types, *imported(settings.types)]
        self._components = Components([*BUILT_IN, *components, *definitions.imported(settings.components)])
        self._known = KnownTypes()
        self._statements = Remembered()
        self._background = background
        self._upcasters = upcasters or Upcasters()
        self._lifetimes = AsyncExitStack()
        self._views: dict[str, Workspace] = {}
        self._origin = Origin(parse_actor(settings.actor))

    async def __aenter__(self) -> Octavo:
        check(self.settings)  # before anything is started
        analytics.address(self.settings.analytics)
        async with AsyncExitStack() as opening:
            record = await open_record(self.settings)
            opening.push_async_callback(record.close)
            wakeup = Wakeup(record.app, record.listen if record.can_listen else None)
            opening.push_async_callback(wakeup.close)
            embedders = Embedders(parse_logins(self.settings.engine_logins))
            opening.push_async_callback(embedders.close)
            counted = analytics.analytics_engine(
                self.settings.analytics, record, parse_logins(self.settings.engine_logins)
            )
            opening.push_async_callback(_closed, counted)
            fold, folds = _folds(record, wakeup, counted, self.settings.analytics)
            self.facts = Facts(record, fold, counted)
            roster = Roster(record, wakeup, roles(record, self.settings, embedders), folds)
            opening.push_async_callback(roster.close)
            await roster.open()
            self.engines = Engines(roster)
            self.projections = roster.runners
            if record.has_system and self._background:
                self.projections.start()
            search = Search(
                ServingSearch(roster),
                record.app,
                moved=partial(roster.moved, "search") if record.has_system else asyncio.sleep,
                skips=_skips(record, wakeup),
                max_limit=self.settings.max_page,
            )
            semantic = Semantic(
                serving_vectors(roster, embedders),
                moved=partial(roster.moved, "vectors") if record.has_system else asyncio.sleep,
                skips=_skips(record, wakeup),
                max_limit=self.settings.max_page,
            )
            self._blobs = FileBlobs(blob_directory(self.settings))
            if record.has_system:
                self._tasks = (
                    *tasks(record.system, self._blobs, wakeup.committed),
                    Task("engines", RETIRE_SECONDS, partial(_retire_overdue, roster)),
                )
                self.upkeep = Upkeep(record.system, self._tasks)
                opening.push_async_callback(self.upkeep.stop)
                if self._background:
                    self.upkeep.start()
            reads = ReadAudit(record.app)
            opening.push_async_callback(reads.close)
            runs = self._run_parts()
            opening.push_async_callback(runs.processes.close)
            counting = _counting(record, wakeup, counted, folds)
            self._parts = Parts(
                record.app, wakeup, search, semantic, self._blobs, runs, self._upcasters, reads, counting
            )
            self.record = record
            self.types = Types(record, self.settings, self._known, self._scope_of)
            opening.push_async_callback(self.types.stop)
            await self.types.register(*self._models)
            if self._background:
                self.types.start()
            self._lifetimes = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Octavo]:
        return self.__aenter__().__await__()

    async def close(self) -> None:
        """Stop background work, close connections, give the embedded server back; safe to call twice."""
        await self._lifetimes.aclose()

    @property
    def organizations(self) -> Organizations:
        """Make, find and list organizations."""
        return Organizations(self._open_record)

    def organization(self, name: str) -> Workspace:
        """The view of the organization with this name or id; its first call may raise `NotFound`."""
        known: Scope | None = None

        async def bind() -> Scope:
            nonlocal known
            if known is None:
                known = self._scope(await self._organization_id(name))
            return known

        return Workspace(self._open_parts, bind)

    @property
    def default(self) -> Workspace:
        """The view of the default organization."""
        name = self.settings.organization
        if name not in self._views:
            self._views[name] = self.organization(name)
        return self._views[name]

    @property
    def documents(self) -> Documents:
        """The default organization's documents."""
        return self.default.documents

    @property
    def events(self) -> Events:
        """The default organization's events."""
        return self.default.events

    @property
    def analytics(self) -> Analytics:
        """What happened in the default organization, counted."""
        return self.default.analytics

    @property
    def labels(self) -> Labels:
        """The default organization's labels."""
        return self.default.labels

    @property
    def links(self) -> Links:
        """The default organization's types of links."""
        return self.default.links

    @property
    def pipelines(self) -> Pipelines:
        """The default organization's pipelines."""
        return self.default.pipelines

    @property
    def runs(self) -> Runs:
        """The default organization's runs."""
        return self.default.runs

    def worker(self, *, slots: int | None = None) -> Worker:
        """A worker that executes runs of all organizations in this process: `async with db.worker(): …`.

        Args:
            slots: runs under way at most; by default the setting `run_slots`.

        Raises:
            InvalidSetting: this process may not serve all organizations.
        """
        record, settings = self._open_record, self.settings
        means = Means(record.system, record.app, self._open_parts.wakeup, self._components, self._scope)
        return Worker(
            means,
            slots=slots or settings.run_slots,
            processes=settings.run_processes,
            memory_bytes=settings.run_memory_bytes,
        )

    async def search(self, text: str, **options: Any) -> Hits:
        """Search the default organization; see `Workspace.search`."""
        return await self.default.search(text, **options)

    async def suggest(self, text: str, **options: Any) -> str | None:
        """The query that was probably meant; see `Workspace.suggest`."""
        return await self.default.suggest(text, **options)

    @property
    def synonyms(self) -> SynonymSets:
        """The default organization's synonyms."""
        return self.default.synonyms

    async def ingest(self, *paths: str | Path, **options: Any) -> Summary:
        """Ingest files for the default organization; see `Workspace.ingest`."""
        return await self.default.ingest(*paths, **options)

    def watch(self, *paths: str | Path, **options: Any) -> AsyncIterator[Summary]:
        """Ingest files, and every change as it comes, for the default organization; see `Workspace.watch`."""
        return self.default.watch(*paths, **options)

    async def drain(
        self, timeout_seconds: float = DRAIN_SECONDS, *, roles: Collection[str] | None = None
    ) -> None:
        """Bring every engine to the end of the log, or wait until the process that keeps it has.

        Args:
            timeout_seconds: for each.
            roles: only the engines of these, as `search` and `analytics`.

        Raises:
            PositionTimeout: one is not there in time.
        """
        record = self._open_record
        feed = Feed(record.system, self._open_parts.wakeup, shard=record.shard)
        for name, runner in list(self.projections.items()):
            if roles is None or name.partition(" ")[0] in roles:
                await _drain(runner, feed, timeout_seconds)

    async def maintain(self, *, dry_run: bool = False, progress: Progress = silent) -> list[Done]:
        """Every task of maintenance once, now; they are also done by themselves when they are due.

        Args:
            dry_run: change nothing, tell what would be.
            progress: told the rows and files of each task.
        """
        record, begun = self._open_record, time.monotonic()
        system, todo = record.system, self._tasks
        done = await maintain(todo, dry_run=dry_run, progress=progress)
        if not dry_run:
            await note(system, todo, done, begun)
        return done

    async def migrate(
        self,
        folder: str | Path,
        *,
        name: str,
        until: Phase = "contract",
        report: Report | None = None,
    ) -> list[Applied]:
        """Apply an application's own migrations, which make its tables in a schema of its name.

        Args:
            folder: where its numbered `.sql` files are.
            name: the application; 1 to 31 of a-z, 0-9 and _.
            until: no later phase than this: `expand` before a rolling deployment, all after it.
            report: is told how far a backfill is.

        Returns:
            What was applied now; empty when nothing waited. Any number of processes may call it at once.

        Raises:
            MigrationFault: one failed, or an applied one was changed. InvalidInput: the name or the folder.
            InvalidSetting: the record is a PostgreSQL of your own, and record_admin is not set.
        """
        return await migrations.up(self.settings, Source(folder, name), until=until, report=report)

    @property
    def blobs(self) -> FileBlobs:
        """The store of original files."""
        return self._blobs

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Several changes of the default organization in one commit; see `Workspace.transaction`."""
        return self.default.transaction()

    def _run_parts(self) -> RunParts:
        processes = Processes(
            self.settings.run_processes or os.cpu_count() or 1, self.settings.run_memory_bytes
        )
        return RunParts(self._components, Plans(self._components), processes, SystemClock())

    @property
    def _open_record(self) -> Record:
        if not hasattr(self, "record"):
            raise _not_open()
        return self.record

    @property
    def _open_parts(self) -> Parts:
        if not hasattr(self, "_parts"):
            raise _not_open()
        return self._parts

    async def _organization_id(self, name: str) -> UUID:
        try:
            return UUID(name)
        except ValueError:
            pass
        system: StatementRunner = self.record.system
        if name == self.settings.organization:
            # Whoever opens a database may use its default organization without making it first.
            return (await organizations.find_or_create(system, name)).id
        return (await organizations.find(system, name)).id

    async def _scope_of(self, organization: str | None) -> Scope:
        return self._scope(await self._organization_id(organization or self.settings.organization))

    def _scope(self, organization: UUID) -> Scope:
        limits = Limits(
            body_bytes=self.settings.max_body_bytes,
            batch=self.settings.max_batch,
            page=self.settings.max_page,
            scanned=self.settings.max_scanned,
        )
        return Scope(
            runner=self.record.app,
            organization=organization,
            namespace=self.settings.namespace,
            origin=self._origin,
            limits=limits,
            committed=self._parts.wakeup.committed,
            shard=self.record.shard,
            types=self._known,
            statements=self._statements,
        )


async def _retire_overdue(roster: Roster, to: Bounds) -> Done:
    due, gone = await retire_overdue(roster, dry_run=to.dry_run)
    return Done(task="engines", dry_run=to.dry_run, examined=due, changed=gone)


def _folds(
    record: Record, wakeup: Wakeup, engine: analytics.OpenEngine | None, setting: str
) -> tuple[AnalyticsProjection | None, dict[str, Runner]]:
    """What fills the analytics engine, and its runner by name."""
    if engine is None or not record.has_system:
        return None, {}
    feed = Feed(record.system, wakeup, shard=record.shard)
    pause = analytics.pause_seconds(setting)
    projection = AnalyticsProjection(record.system, feed, engine, pause_seconds=pause)
    runner = Runner(projection, Lease(record.system, analytics.lease_name(setting)), wakeup)
    return projection, {ANALYTICS: runner}


def _counting(
    record: Record, wakeup: Wakeup, engine: analytics.OpenEngine | None, folds: Mapping[str, Runner]
) -> Counting | None:
    if engine is None:
        return None
    moved = folds[ANALYTICS].moved if folds else asyncio.sleep
    return Counting(engine, moved=moved, skips=_skips(record, wakeup))


async def _closed(engine: analytics.OpenEngine | None) -> None:
    if engine is not None:
        await engine.close()


async def _drain(runner: Runner, feed: Feed, timeout_seconds: float) -> None:
    """Bring an engine to the end of the log: not to the gate, since an engine moves with events only."""
    while True:
        status = await runner.status()
        behind = await feed.read(status.position, limit=1)
        if not behind.events and not status.filling:
            return
        to = behind.events[0].position if behind.events else status.position
        await runner.drain(to, timeout_seconds)


def _skips(record: Record, wakeup: Wakeup) -> Skips:
    async def skips(organization: UUID, reached: Position, wanted: Position) -> bool:
        feed = Feed(record.app, wakeup, organization, shard=record.shard)
        behind = await feed.read(reached, limit=1)
        return behind.gate >= wanted and all(event.position > wanted for event in behind.events)

    return skips


def blob_directory(settings: Settings) -> Path:
    """Where original files are kept: the setting, or `blobs` in the data directory of an embedded record."""
    if settings.blobs:
        return Path(settings.blobs.removeprefix("file:")).expanduser()
    if "://" in settings.record:
        return Path("octavo-blobs")
    return Path(settings.record.removeprefix("embedded:")).expanduser() / "blobs"


def _not_open() -> Unavailable:
    return Unavailable("the database is not open", remedy="use `async with octavo.open(…) as db`")
