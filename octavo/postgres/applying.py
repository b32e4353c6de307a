"""Apply one migration: in one transaction, in chunks, or statement by statement, each way with its patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from octavo.errors import MigrationFault, OctavoError
from octavo.postgres.application import become
from octavo.postgres.backfill import Backfill, Report
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.concurrently import run_one_by_one
from octavo.postgres.ledger import OCTAVO, Ledger
from octavo.postgres.migration import Migration, Phase
from octavo.postgres.translate import DRIVER_ERRORS, is_fatal

_LOCKED = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Applied(msgspec.Struct, frozen=True):
    """A migration that this call applied."""

    number: int
    name: str
    phase: Phase
    duration_ms: int


class Patience(msgspec.Struct, frozen=True):
    """How often a migration tries to get a lock, how long it waits where that makes nobody wait, whom it tells."""

    lock_attempts: int
    seconds: float
    report: Report | None


async def apply(
    book: Ledger, connection: asyncpg.Connection, migration: Migration, patience: Patience
) -> Applied:
    """Apply a migration and tell the ledger of its start, and of its end or its failure.

    Raises:
        MigrationFault: it failed; nothing of it was kept, but for what has no transaction.
    """
    await book.start(migration)
    try:
        duration_ms = await _Run(book, connection, migration, patience).apply()
    except DRIVER_ERRORS as error:
        await _record_failure(book, connection, migration, error)
        raise _failure(migration, error) from error
    except MigrationFault as error:
        await book.fail(migration, error.message)
        raise
    return Applied(migration.number, migration.name, migration.phase, duration_ms)


class _Run:
    """One migration being applied: in chunks, in one transaction, or statement by statement."""

    def __init__(
        self, book: Ledger, connection: asyncpg.Connection, migration: Migration, patience: Patience
    ) -> None:
        self._book = book
        self._connection = connection
        self._migration = migration
        self._patience = patience

    async def apply(self) -> int:
        """Milliseconds that it took."""
        if self._migration.chunk_rows:
            return await self._in_chunks()
        return await self._patiently(
            self._in_transaction if self._migration.transactional else self._one_by_one
        )

    async def _in_transaction(self) -> int:
        async with self._connection.transaction():
            await self._become()
            await self._connection.execute(self._migration.sql)
            await self._connection.execute("RESET ROLE")
            return await self._book.complete(self._migration)

    async def _in_chunks(self) -> int:
        await Backfill(
            self._connection,
            self._book,
            self._migration,
            become=self._become,
            patiently=self._patiently,
            report=self._patience.report,
        ).run()
        return await self._book.complete(self._migration)

    async def _one_by_one(self) -> int:
        await self._become(lasting=True)
        try:
            await run_one_by_one(
                self._connection,
                self._migration.statements(),
                schema=self._book.application,
                patience_seconds=self._patience.seconds,
            )
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("RESET ROLE; RESET search_path")
        return await self._book.complete(self._migration)

    async def _become(self, *, lasting: bool = False) -> None:
        if self._book.application != OCTAVO:
            await become(self._connection, self._book.application, lasting=lasting)

    async def _patiently(self, work: Callable[[], Awaitable[int]]) -> int:
        for attempt in range(1, self._patience.lock_attempts):
            try:
                return await work()
            except _LOCKED:
                # Whoever waits for a table lock makes everybody after it wait: step back and let them through.
                await asyncio.sleep(backoff_seconds(attempt, first=0.1, most=5.0))
        return await work()


async def _record_failure(
    book: Ledger, connection: asyncpg.Connection, migration: Migration, error: BaseException
) -> None:
    if connection.is_closed() or is_fatal(error):
        return  # the ledger says `started`: interrupted, and tried again by the next call
    await book.fail(migration, str(error) or type(error).__name__)


def _failure(migration: Migration, error: BaseException) -> OctavoError:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return MigrationFault(
            f"migration {migration.title} got no lock on its tables",
            remedy="end long transactions, then migrate again",
            migration=migration.title,
        )
    state = getattr(error, "sqlstate", None)
    return MigrationFault(
        f"migration {migration.title} failed ({type(error).__name__}, SQLSTATE {state or 'unknown'})",
        remedy="see `octavo migrate status` for PostgreSQL's words; nothing of it was kept",
        migration=migration.title,
        sqlstate=state,
    )
