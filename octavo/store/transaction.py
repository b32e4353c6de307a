"""Several changes, one commit: the unit of work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.store", "transaction.sql")


@asynccontextmanager
async def transaction(pool: Pool, scope: Scope) -> AsyncIterator[Scope]:
    """A scope whose calls commit together at the end, or not at all when an exception leaves the block.

    The transaction is bound to the scope's organization from its first statement on, so that the caller's own
    SQL sees that organization's rows only; binding another one is refused by the server.
    """
    changed = queued = False

    def remember(*, runs: bool = False) -> None:
        nonlocal changed, queued
        changed, queued = True, queued or runs

    async with pool.transaction() as open_transaction:
        await open_transaction.execute(_sql.bind_organization, scope.organization)
        yield msgspec.structs.replace(scope, runner=open_transaction, committed=remember)
    if changed:
        scope.committed(runs=queued)
