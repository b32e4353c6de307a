"""Backfills in chunks: short transactions, resumed after the last one that was committed.

The last statement of the file goes through one chunk. `$1` is the key after which it begins, as JSON, NULL at the
start; `$2` is how many rows it takes at most. It returns one row: `rows`, how many it took, and in its other
columns the key of the last. No row, or 0, and the backfill is done. What stands before it is said at the
beginning of each chunk: `SET LOCAL ROLE octavo_system`, for one.

A chunk and the place it reached commit together, so each row is gone through once, whenever the process dies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import msgspec

from octavo.errors import MigrationFault
from octavo.postgres.ledger import Ledger
from octavo.postgres.migration import Migration
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "backfill.sql")

# An open transaction that writes holds the log's readers back, so a chunk should last no longer.
CHUNK_SECONDS = 0.5
# How long to rest after a chunk, of the time it took: others come first.
REST = 0.25


class Progress(msgspec.Struct, frozen=True):
    """How far a backfill is: rows done in all, of so many estimated, and in this call in so many seconds."""

    migration: str
    rows_done: int
    rows_estimated: int | None
    rows_now: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """The rate of this call."""
        return self.rows_now / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining_seconds(self) -> float | None:
        """How long the rest may take; None when it is not known."""
        if self.rows_estimated is None or not self.rows_per_second:
            return None
        return max(0, self.rows_estimated - self.rows_done) / self.rows_per_second


Report = Callable[[Progress], None]
Patiently = Callable[[Callable[[], Awaitable[int]]], Awaitable[int]]


class Backfill:
    """One run of a backfill on the administrator's connection.

    Args:
        ledger: whose migration it is.
        become: sets the role of a chunk's transaction.
        patiently: tries a chunk again when it met a lock.
        report: is told after each chunk.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        ledger: Ledger,
        migration: Migration,
        *,
        become: Callable[[], Awaitable[None]],
        patiently: Patiently,
        report: Report | None = None,
    ) -> None:
        self._connection = connection
        self._of = (ledger.application, migration.number, migration.checksum)
        self._migration = migration
        *self._before, self._statement = migration.statements()
        self._become = become
        self._patiently = patiently
        self._report = report or (lambda _: None)
        self._last_key: bytes | None = None
        self._rows_done = 0
        self._rows_estimated: int | None = None

    async def run(self) -> None:
        """Go through all chunks that are left.

        Raises:
            MigrationFault: the statement does not return what it must, or does not get on.
        """
        await self._resume()
        begun, at_first, size = time.monotonic(), self._rows_done, self._migration.chunk_rows
        while True:
            started = time.monotonic()
            rows = await self._patiently(partial(self._chunk, size))
            if rows == 0:
                return
            now = time.monotonic()
            told = (self._migration.title, self._rows_done, self._rows_estimated)
            self._report(Progress(*told, self._rows_done - at_first, now - begun))
            size = next_size(size, self._migration.chunk_rows, now - started)
            await asyncio.sleep((now - started) * REST)

    async def _resume(self) -> None:
        if row := await self._connection.fetchrow(_sql.read, *self._of):
            self._last_key, self._rows_done = row["last_key"], row["rows_done"]
            self._rows_estimated = row["rows_estimated"]
        elif self._migration.table:
            self._rows_estimated = await self._connection.fetchval(_sql.estimate, self._migration.table)

    async def _chunk(self, size: int) -> int:
        async with self._connection.transaction():
            await self._become()
            for statement in self._before:
                await self._connection.execute(statement)
            rows, key = self._read(await self._connection.fetch(self._statement, self._last_key, size))
            await self._connection.execute("RESET ROLE")
            if rows == 0:
                return 0
            done = self._rows_done + rows
            await self._connection.execute(_sql.progress, *self._of, key, done, self._rows_estimated)
        self._last_key, self._rows_done = key, done
        return rows

    def _read(self, answer: list[Any]) -> tuple[int, bytes]:
        if not answer:
            return 0, b"{}"
        told = dict(answer[0])
        rows = told.pop("rows", None)
        if len(answer) > 1 or not isinstance(rows, int) or not told:
            raise self._fault("does not return one row with `rows` and the last key")
        key = msgspec.json.encode(told)
        if rows and key == self._last_key:
            raise self._fault(f"does not get past the key {key.decode()}")
        return rows, key

    def _fault(self, what: str) -> MigrationFault:
        return MigrationFault(
            f"the chunk of migration {self._migration.title} {what}",
            remedy="see docs/how-to/migrate-without-downtime.md for its form",
            migration=self._migration.title,
        )


def next_size(size: int, most: int, seconds: float) -> int:
    """Rows of the next chunk, after one of `size` that took `seconds`: half as many to twice as many."""
    fitting = size * CHUNK_SECONDS / max(seconds, 1e-6)
    return max(1, min(most, round(min(max(fitting, size / 2), size * 2))))


async def came(connection: asyncpg.Connection, ledger: Ledger) -> dict[int, dict[str, Any]]:
    """How far the backfills of an application came, by number."""
    if not await Ledger(connection, "any").is_there():
        return {}
    return {
        row["number"]: dict(row) for row in await connection.fetch(_sql.list_progress, ledger.application)
    }
