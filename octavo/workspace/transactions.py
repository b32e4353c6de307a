"""Several changes and the caller's own SQL, one commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from octavo.postgres.pool import Pool, Row
from octavo.postgres.transaction import Transaction
from octavo.store import events
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.event import Event
from octavo.workspace.documents import Bind, Documents


class UnitOfWork:
    """Several changes and the caller's own SQL in one transaction, for one organization."""

    def __init__(self, scope: Scope) -> None:
        assert isinstance(scope.runner, Transaction)
        self._runner = scope.runner
        self._scope = scope

        async def bind() -> Scope:
            return scope

        self.documents = Documents(bind, None)

    async def append(self, stream: str, type: str, data: object, *, expect: int | None = None) -> Event:
        """Append an event to a stream of your own; see `Events.append`."""
        events.check_open_to_all(stream, type)
        return await events.append(self._scope, stream, events.fact(type, data), expect=expect)

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
async def unit_of_work(pool: Pool, bind: Bind) -> AsyncIterator[UnitOfWork]:
    """Open a transaction for the organization that `bind` names."""
    async with transaction(pool, await bind()) as scope:
        yield UnitOfWork(scope)
