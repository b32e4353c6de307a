"""The composition root: builds every part from the settings and owns their lifetimes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from octavo.errors import Unavailable
from octavo.postgres.pool import Runner
from octavo.postgres.record import Record, open_record
from octavo.settings import Settings, load
from octavo.store import organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Limits, Scope
from octavo.values.actor import Origin, parse_actor
from octavo.workspace import Documents, UnitOfWork, Workspace


def open(record: str | Path | None = None, *, background: bool = True, **settings: Any) -> Octavo:
    """A database, to be used as `async with octavo.open("./octavo-data") as db`.

    Args:
        record: a directory for the embedded PostgreSQL, or the URL of one outside.
        background: keep the search index up to date while the database is open; a short program beside one
            that does may leave it out.
        **settings: any field of `octavo.settings.Settings`; they weigh more than environment and file.

    Returns:
        The database, not opened yet: entering it starts or joins the embedded server, brings an embedded
        record's schema up to date, and connects. `db = await octavo.open(…)` works too; close it then.

    Raises:
        InvalidSetting; on entering: ServerFault, StorageFault, MigrationNeeded, Unavailable, AccessDenied.
    """
    return Octavo(
        load({"record": None if record is None else str(record), **settings}), background=background
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


class Octavo:
    """An open database: the default organization's documents and search, and the way to the others.

    Attributes:
        settings: what it was opened with.
        record: the PostgreSQL behind it, for operators: `record.health()`.
    """

    settings: Settings
    record: Record

    def __init__(self, settings: Settings, *, background: bool = True) -> None:
        self.settings = settings
        self._background = background
        self._lifetimes = AsyncExitStack()
        self._views: dict[str, Workspace] = {}
        self._origin = Origin(parse_actor(settings.actor))

    async def __aenter__(self) -> Octavo:
        async with AsyncExitStack() as opening:
            self.record = await open_record(self.settings)
            opening.push_async_callback(self.record.close)
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

        return Workspace(self._open_record.app, bind)

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

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Several changes of the default organization in one commit; see `Workspace.transaction`."""
        return self.default.transaction()

    @property
    def _open_record(self) -> Record:
        if not hasattr(self, "record"):
            raise Unavailable("the database is not open", remedy="use `async with octavo.open(…) as db`")
        return self.record

    async def _organization_id(self, name: str) -> UUID:
        try:
            return UUID(name)
        except ValueError:
            pass
        system: Runner = self.record.system
        if name == self.settings.organization:
            # Whoever opens a database may use its default organization without making it first.
            return (await organizations.find_or_create(system, name)).id
        return (await organizations.find(system, name)).id

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
            committed=self._committed,
            shard=self.record.shard,
        )

    def _committed(self) -> None:
        """Told after each commit."""
