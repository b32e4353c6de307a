"""Several changes and the caller's own SQL, one commit.

What waits for others, computes for long or commits in pieces has no place in a transaction, which holds the log's
readers back while it is open: that is refused with one clear error.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.feed.wakeup import Wakeup
from octavo.postgres.pool import Pool, Row
from octavo.postgres.transaction import Transaction
from octavo.roles.blobs import Blobs
from octavo.store import events
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.batch import Batch
from octavo.values.event import Event
from octavo.values.model import Health
from octavo.values.upcast import Upcasters
from octavo.workspace.audit import ReadAudit, audited
from octavo.workspace.batches import RETENTION, Batches
from octavo.workspace.documents import Bind, Documents
from octavo.workspace.models import ModelParts, Models
from octavo.workspace.pipelines import Starts
from octavo.workspace.results import Results


class UnitParts(msgspec.Struct, frozen=True):
    """What models and batches inside a transaction share with those outside."""

    blobs: Blobs
    models: ModelParts
    wakeup: Wakeup


class InsideBatches(Batches):
    """Batches inside a transaction: they and their runs come into being with it."""

    async def start(
        self, pipeline: str, documents: Sequence[UUID | str] | None = None, **options: Any
    ) -> Batch:
        """As `Batches.start`, about a list of 10,000 documents at most: all of its runs are started with the commit.

        Raises:
            InvalidInput: it asks by type= and where=, which goes in pieces. LimitExceeded: more documents.
        """
        if documents is None:
            raise InvalidInput(
                "a batch inside a transaction is about documents that are listed",
                remedy="give documents=[…], or start it outside of the transaction",
            )
        most = (await self._bind()).limits.batch
        if len(documents) > most:
            raise LimitExceeded(
                f"a batch of {len(documents)} documents inside a transaction",
                remedy=f"list {most} at most, or start it outside of the transaction",
                limit=most,
                actual=len(documents),
            )
        return await super().start(pipeline, documents, **options)

    async def wait(self, id: UUID | str, *, timeout_seconds: float = 3_600.0) -> Batch:  # noqa: ARG002
        """Raises `InvalidInput`: nobody sees the runs of a transaction before it has committed."""
        raise _outside("waiting for a batch")

    async def purge(
        self,
        *,
        older_than: timedelta = RETENTION,  # noqa: ARG002
        limit: int = 1_000,  # noqa: ARG002
        dry_run: bool = False,  # noqa: ARG002
    ) -> int:
        """Raises `InvalidInput`: it goes in pieces, each of which commits."""
        raise _outside("purging batches")


class InsideModels(Models):
    """Models inside a transaction: versions, stages and what serves change with it."""

    async def train(self, *given: Any, **options: Any) -> NoReturn:  # noqa: ARG002
        """Raises `InvalidInput`: it computes for long."""
        raise _outside("training a model")

    async def train_topics(self, *given: Any, **options: Any) -> NoReturn:  # noqa: ARG002
        """Raises `InvalidInput`: it computes for long."""
        raise _outside("training a model")

    async def check(self, name: str | None = None) -> builtins.list[Health]:  # noqa: ARG002
        """Raises `InvalidInput`: it waits for other machines."""
        raise _outside("asking services for their health")


class UnitOfWork:
    """Several changes and the caller's own SQL in one transaction, for one organization.

    Attributes:
        documents, results: as those of the organization; what is changed commits together.
        pipelines: starts runs, which come into being with the commit.
    """

    def __init__(
        self,
        scope: Scope,
        pool: Pool,
        reads: ReadAudit | None = None,
        upcasters: Upcasters | None = None,
        beside: UnitParts | None = None,
    ) -> None:
        assert isinstance(scope.runner, Transaction)
        self._upcasters = upcasters or Upcasters()
        self._runner = scope.runner
        self._scope = scope
        self._pool = pool
        self._beside = beside
        self.documents = audited(Documents(self._bind, None), reads)
        self.pipelines = Starts(self._bind)
        self.results = Results(self._bind, pool)

    @property
    def models(self) -> InsideModels:
        """As the organization's models; what is trained, or asked of other machines, is refused."""
        assert self._beside is not None, "made without what models need"
        return InsideModels(self._bind, self._pool, self._beside.blobs, self._beside.models)

    @property
    def batches(self) -> InsideBatches:
        """As the organization's batches, about documents that are listed."""
        assert self._beside is not None, "made without what batches need"
        return InsideBatches(self._bind, self._pool, self._beside.wakeup)

    async def _bind(self) -> Scope:
        return self._scope

    async def append(self, stream: str, type: str, data: object, *, expect: int | None = None) -> Event:
        """Append an event to a stream of your own; see `Events.append`."""
        return (await self.append_many(stream, [{"type": type, "data": data}], expect=expect))[0]

    async def append_many(
        self, stream: str, given: Sequence[Mapping[str, Any]], *, expect: int | None = None
    ) -> list[Event]:
        """Append events to a stream of your own, all or none; see `Events.append_many`."""
        facts = events.facts(given, self._upcasters)
        for fact in facts:
            events.check_open_to_all(stream, fact.type)
        return await events.append_many(self._scope, stream, facts, expect=expect)

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run your own SQL with `$1` parameters; your tables' policies see `octavo.current_organization()`."""
        self._runner.expect_foreign_sql()
        return await self._runner.execute(statement, *arguments)

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Row]:
        """Rows of your own SQL."""
        self._runner.expect_foreign_sql()
        return await self._runner.fetch(statement, *arguments)

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None:
        """The first row of your own SQL, or None."""
        self._runner.expect_foreign_sql()
        return await self._runner.fetchrow(statement, *arguments)


@asynccontextmanager
async def unit_of_work(
    pool: Pool,
    bind: Bind,
    reads: ReadAudit | None = None,
    upcasters: Upcasters | None = None,
    beside: UnitParts | None = None,
) -> AsyncIterator[UnitOfWork]:
    """Open a transaction for the organization that `bind` names."""
    async with transaction(pool, await bind()) as scope:
        yield UnitOfWork(scope, pool, reads, upcasters, beside)


def _outside(what: str) -> InvalidInput:
    return InvalidInput(f"{what} is nothing for a transaction", remedy="do it outside of the transaction")
