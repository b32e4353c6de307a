"""The database: opened, it is the view of its default organization, and the way to the others."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import Unavailable
from octavo.feed.reader import Feed
from octavo.opening import Opened, opened
from octavo.operations import migrations
from octavo.operations.maintenance import maintain
from octavo.operations.migrations import Source
from octavo.operations.progress import Progress, silent
from octavo.operations.task import Done
from octavo.operations.upkeep import Upkeep, note
from octavo.pipelines.queueing import limits
from octavo.pipelines.worker import Means, Worker
from octavo.postgres.applying import Applied
from octavo.postgres.backfill import Report
from octavo.postgres.migration import Phase
from octavo.postgres.pool import Runner as StatementRunner
from octavo.postgres.record import Record
from octavo.projections.facts import Facts
from octavo.projections.runner import DRAIN_SECONDS, Runner
from octavo.projections.runners import Runners
from octavo.settings import Settings, load
from octavo.store import audit, organizations, retention
from octavo.store.known import KnownTypes
from octavo.store.organizations import Organization
from octavo.store.remembered import Remembered
from octavo.store.scope import Limits, Scope
from octavo.values.actor import Origin, parse_actor
from octavo.values.component import Component
from octavo.values.limit import RunLimits
from octavo.values.type import DocumentType, imported
from octavo.values.upcast import Upcasters
from octavo.workspace import Engines, Types, Workspace
from octavo.workspace.documents import Bind


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

    async def configure(
        self,
        name: str,
        *,
        run_share: float | UnsetType = UNSET,
        max_running: int | UnsetType | None = UNSET,
        runs_per_day: int | UnsetType | None = UNSET,
        allowed_models: Collection[str] | UnsetType | None = UNSET,
        max_batch_size: int | UnsetType | None = UNSET,
    ) -> RunLimits:
        """Set how many runs an organization may have, and what of; what is left out stays as it is.

        Args:
            run_share: its weight among the organizations whose runs wait, 0.001 to 1,000; 1 is usual.
            max_running: runs under way at most; 0: none is begun, None: no limit. Those under way go on.
            runs_per_day: runs started a day (UTC) at most; None: no limit. It counts from now on. Runs of triggers
                count too: what a trigger may not start it owes, and that is started when there is room again.
            allowed_models: names of the models that pipelines may use, 1,000 at most; None: all. A pipeline that uses
                another one can be put no more, and is run no more.
            max_batch_size: documents of a batch at most, 1 or more; None: no limit but that of `batches.start`. A
                batch with more is refused as a whole.

        Raises:
            NotFound, InvalidInput, LimitExceeded.
        """
        return await limits.configure(
            self._record.system,
            name,
            run_share=run_share,
            max_running=max_running,
            runs_per_day=runs_per_day,
            allowed_models=allowed_models,
            max_batch_size=max_batch_size,
        )

    async def run_limits(self, name: str) -> RunLimits:
        """How many runs an organization may have, and has; raises `NotFound`."""
        return await limits.find(self._record.system, name)


class Octavo(Workspace):
    """An open database: the view of its default organization, and the way to the others.

    Attributes:
        settings: what it was opened with.
        record: the PostgreSQL behind it, for operators: `record.health()`.
        projections: keep the engines at the end of the log, by the name of each.
        engines: list, verify, repair and rebuild them, and move a role to another: see `Engines`.
        facts: the engine that counts events, for operators: verify, rebuild, what was left out, erase.
        types: the document types, and their indexes.
    """

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
        super().__init__(lambda: self._open.parts, self._bound_to(settings.organization))
        self.settings = settings
        self._models = [*types, *imported(settings.types)]
        self._components = components
        self._known = KnownTypes()
        self._statements = Remembered()
        self._background = background
        self._upcasters = upcasters or Upcasters()
        self._lifetimes = AsyncExitStack()
        self._opened: Opened | None = None
        self._origin = Origin(parse_actor(settings.actor))

    async def __aenter__(self) -> Octavo:
        async with AsyncExitStack() as opening:
            opening.callback(self._forget)
            self._opened = await opened(
                self.settings,
                opening,
                background=self._background,
                components=self._components,
                upcasters=self._upcasters,
            )
            self.types = Types(self.record, self.settings, self._known, self._scope_of)
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
    def record(self) -> Record:
        """The PostgreSQL behind it."""
        return self._open.record

    @property
    def projections(self) -> Runners:
        """What keeps the engines at the end of the log, by the name of each."""
        return self._open.roster.runners

    @property
    def engines(self) -> Engines:
        """The engines of all roles."""
        return Engines(self._open.roster)

    @property
    def facts(self) -> Facts:
        """The engine that counts events."""
        return self._open.facts

    @property
    def upkeep(self) -> Upkeep:
        """Does the tasks of maintenance when they are due; raises `Unavailable` where they may not be done."""
        if self._open.upkeep is None:
            raise Unavailable(
                "maintenance needs a login for all organizations", remedy="see the setting record"
            )
        return self._open.upkeep

    @property
    def organizations(self) -> Organizations:
        """Make, find and list organizations."""
        return Organizations(self.record)

    def organization(self, name: str) -> Workspace:
        """The view of the organization with this name or id; its first call may raise `NotFound`."""
        return Workspace(lambda: self._open.parts, self._bound_to(name))

    @property
    def default(self) -> Workspace:
        """The view of the default organization; the database is one itself."""
        return self

    def worker(self, *, slots: int | None = None) -> Worker:
        """A worker that executes runs of all organizations in this process: `async with db.worker(): …`.

        Args:
            slots: runs under way at most; by default the setting `run_slots`.

        Raises:
            InvalidSetting: this process may not serve all organizations.
        """
        record, settings = self.record, self.settings
        parts = self._open.parts
        means = Means(
            record.system,
            record.app,
            parts.wakeup,
            self._open.components,
            self._scope,
            parts.models.serving,
        )
        return Worker(
            means,
            slots=slots or settings.run_slots,
            processes=settings.run_processes,
            memory_bytes=settings.run_memory_bytes,
        )

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
        record = self.record
        feed = Feed(record.system, self._open.parts.wakeup, shard=record.shard)
        for name, runner in list(self.projections.items()):
            if roles is None or name.partition(" ")[0] in roles:
                await _drain(runner, feed, timeout_seconds)

    async def maintain(self, *, dry_run: bool = False, progress: Progress = silent) -> list[Done]:
        """Every task of maintenance once, now; they are also done by themselves when they are due.

        Args:
            dry_run: change nothing, tell what would be.
            progress: told the rows and files of each task.
        """
        system, todo, begun = self.record.system, self._open.tasks, time.monotonic()
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
        return self._open.blobs

    def _forget(self) -> None:
        self._opened = None

    @property
    def _open(self) -> Opened:
        if self._opened is None:
            raise _not_open()
        return self._opened

    def _bound_to(self, name: str) -> Bind:
        known: tuple[Opened, Scope] | None = None

        async def bind() -> Scope:
            nonlocal known
            if known is None or known[0] is not self._open:
                known = self._open, self._scope(await self._organization_id(name))
            return known[1]

        return bind

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
            committed=self._open.parts.wakeup.committed,
            shard=self.record.shard,
            types=self._known,
            statements=self._statements,
        )


async def _drain(runner: Runner, feed: Feed, timeout_seconds: float) -> None:
    """Bring an engine to the end of the log: not to the gate, since an engine moves with events only."""
    while True:
        status = await runner.status()
        behind = await feed.read(status.position, limit=1)
        if not behind.events and not status.filling:
            return
        to = behind.events[0].position if behind.events else status.position
        await runner.drain(to, timeout_seconds)


def _not_open() -> Unavailable:
    return Unavailable("the database is not open", remedy="use `async with octavo.open(…) as db`")
