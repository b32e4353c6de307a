"""An open transaction: statements run in order on one connection and commit together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import asyncpg

from octavo.errors import Conflict, InvalidInput
from octavo.postgres.translate import DRIVER_ERRORS, translate

Row = Mapping[str, Any]

# What the user's own SQL may have left in the session; sent with the COMMIT, so it costs no round trip.
_FORGET_SESSION = "RESET SESSION AUTHORIZATION; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); "


class Runner(Protocol):
    """What runs statements: the pool (one transaction each) or an open transaction."""

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Row]:
        """All rows of one statement."""
        ...

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None:
        """The first row of one statement, or None."""
        ...

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run one statement for its effect; returns PostgreSQL's command tag."""
        ...


class Transaction:
    """An open transaction; it serves one task at a time and ends with its `async with` block."""

    def __init__(self, connection: asyncpg.Connection, observed: Callable[[str], None]) -> None:
        self._connection: asyncpg.Connection | None = connection
        self._observed = observed
        self._foreign = False

    @property
    def connection(self) -> asyncpg.Connection:
        """The driver's connection, for COPY and the like; raises `InvalidInput` when the block has ended."""
        if self._connection is None:
            raise InvalidInput("the transaction has ended", remedy="use it inside its `async with` block")
        return self._connection

    def expect_foreign_sql(self) -> None:
        """Say that the user's own SQL runs here: what it sets in the session is reset with the commit."""
        self._foreign = True

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Row]:
        """All rows of one statement."""
        rows: Sequence[Row] = await self._run("fetch", statement, arguments)
        return rows

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None:
        """The first row of one statement, or None."""
        row: Row | None = await self._run("fetchrow", statement, arguments)
        return row

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run one statement for its effect; returns PostgreSQL's command tag."""
        tag: str = await self._run("execute", statement, arguments)
        return tag

    async def stream(self, statement: str, *arguments: object) -> AsyncIterator[Row]:
        """Rows of one statement as the server produces them, in bounded memory."""
        self._observed(statement)
        rows: AsyncIterator[Any] = self.connection.cursor(statement, *arguments, prefetch=500).__aiter__()
        while True:
            try:
                row = await anext(rows)
            except StopAsyncIteration:
                return
            except DRIVER_ERRORS as error:
                raise translate(error) from error
            yield row

    async def commit(self) -> None:
        """Commit; the pool calls this at the end of the block.

        Raises:
            Conflict: a statement had failed and the block went on, so PostgreSQL rolled everything back.
        """
        connection = self.connection
        self._connection = None
        self._observed("COMMIT")
        try:
            tag = await connection.execute((_FORGET_SESSION if self._foreign else "") + "COMMIT")
        except DRIVER_ERRORS as error:
            raise translate(error) from error
        if tag != "COMMIT":
            raise Conflict(
                "a statement of this transaction failed, so nothing of it was saved",
                remedy="let the error leave the transaction's block instead of catching it inside",
            )

    def end(self) -> None:
        """Refuse whatever comes after the block."""
        self._connection = None

    async def _run(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        connection = self.connection
        self._observed(statement)
        try:
            return await getattr(connection, method)(statement, *arguments)
        except DRIVER_ERRORS as error:
            raise translate(error) from error
