"""Several changes, one commit: the unit of work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from octavo.errors import OctavoError
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.postgres.transaction import Transaction
from octavo.store.scope import Scope

_sql = load("octavo.store", "transaction.sql")


@asynccontextmanager
async def transaction(pool: Pool, scope: Scope) -> AsyncIterator[Scope]:
    """A scope whose calls commit together at the end, or not at all when an exception leaves the block.

    The transaction is bound to the scope's organization from its first statement on, so that the caller's own
    SQL sees that organization's rows only; binding another one is refused by the server. A scope that is in a
    transaction already stays in it: then the block is a part of that one, which an exception takes back.
    """
    if isinstance(scope.runner, Transaction):
        async with _part(scope.runner):
            yield scope
        return
    changed = queued = False

    def remember(*, runs: bool = False) -> None:
        nonlocal changed, queued
        changed, queued = True, queued or runs

    async with pool.transaction() as open_transaction:
        await open_transaction.execute(_sql.bind_organization, scope.organization)
        yield msgspec.structs.replace(scope, runner=open_transaction, committed=remember)
    if changed:
        scope.committed(runs=queued)


@asynccontextmanager
async def _part(whole: Transaction) -> AsyncIterator[None]:
    await whole.execute(_sql.save)
    try:
        yield
    except BaseException:
        # A connection that is gone has rolled back the whole.
        with suppress(OctavoError):
            await whole.execute(_sql.undo)
        raise
    await whole.execute(_sql.keep)
