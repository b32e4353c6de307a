"""Several changes and the caller's own SQL, one commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from octavo.postgres.pool import Pool, Row
from octavo.postgres.transaction import Transaction
from octavo.store import events
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.event import Event
from octavo.values.upcast import Upcasters
from octavo.workspace.audit import ReadAudit, audited
from octavo.workspace.documents import Bind, Documents
from octavo.workspace.pipelines import Starts


class UnitOfWork:
    """Several changes and the caller's own SQL in one transaction, for one organization."""

    def __init__(
        self, scope: Scope, reads: ReadAudit | None = None, upcasters: Upcasters | None = None
    ) -> None:
        assert isinstance(scope.runner, Transaction)
        self._upcasters = upcasters or Upcasters()
        self._runner = scope.runner
        self._scope = scope

        async def bind() -> Scope:
            return scope

        self.documents = audited(Documents(bind, None), reads)
        self.pipelines = Starts(bind)

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
    pool: Pool, bind: Bind, reads: ReadAudit | None = None, upcasters: Upcasters | None = None
) -> AsyncIterator[UnitOfWork]:
    """Open a transaction for the organization that `bind` names."""
    async with transaction(pool, await bind()) as scope:
        yield UnitOfWork(scope, reads, upcasters)
