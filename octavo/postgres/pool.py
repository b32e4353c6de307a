"""Connections to the record: a budget, warm, handed out last-in first-out, reset without a round trip.

The driver's own pool costs a quarter of the speed of a short statement (measured: see docs/decisions). Ours
can be small because no session-level state exists anywhere: a connection outside a transaction is clean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

from octavo.errors import PoolTimeout, Unavailable
from octavo.postgres.translate import DRIVER_ERRORS, is_transient, translate

Row = Mapping[str, Any]
ATTEMPTS = 5


class Runner(Protocol):
    """What runs statements: the pool (one transaction each) or an open transaction."""

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Row]: ...

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None: ...

    async def execute(self, statement: str, *arguments: object) -> str: ...


class Pool:
    """At most `size` connections to one server as one role.

    Args:
        connect_arguments: what the driver's `connect` takes: host or dsn, user, database …
        size: connections at most.
        warm: connections opened by `open()` and kept.
        acquire_timeout_seconds: how long a caller waits for a free one before `PoolTimeout`.
        lifetime_seconds: age at which a connection is replaced, between two uses.
        pooled: the server is behind a transaction pooler: each statement gets its own transaction, since
            the driver prepares and executes in two steps that must reach one server.
    """

    def __init__(
        self,
        connect_arguments: Mapping[str, Any],
        *,
        size: int,
        warm: int = 1,
        acquire_timeout_seconds: float = 10.0,
        lifetime_seconds: float = 3600.0,
        pooled: bool = False,
    ) -> None:
        self.size = size
        self.pooled = pooled
        self._arguments = dict(connect_arguments)
        self._warm = min(warm, size)
        self._acquire_timeout = acquire_timeout_seconds
        self._lifetime = lifetime_seconds
        self._slots = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []
        self._born: dict[asyncpg.Connection, float] = {}
        self._closed = False
        self._observers: list[Callable[[str], None]] = []

    @property
    def open_connections(self) -> int:
        """Connections that exist now, idle and in use."""
        return len(self._born)

    async def open(self) -> Pool:
        """Connect the warm connections; raises `Unavailable` or `AccessDenied` when the server refuses."""
        for _ in range(self._warm):
            self._idle.append(await self._connect())
        return self

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        self._closed = True
        connections, self._idle = list(self._born), []
        self._born.clear()
        for connection in connections:
            try:
                await connection.close(timeout=2)
            except DRIVER_ERRORS:
                connection.terminate()

    def observe(self, observer: Callable[[str], None]) -> Callable[[], None]:
        """Call `observer` with the text of every statement sent; returns the way to stop it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Row]:
        """All rows of one statement in a transaction of its own; transient failures are tried again."""
        rows: Sequence[Row] = await self._run("fetch", statement, arguments)
        return rows

    async def fetchrow(self, statement: str, *arguments: object) -> Row | None:
        """The first row of one statement in a transaction of its own, or None."""
        row: Row | None = await self._run("fetchrow", statement, arguments)
        return row

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run one statement for its effect; returns PostgreSQL's command tag, as `UPDATE 3`."""
        tag: str = await self._run("execute", statement, arguments)
        return tag

    @asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, snapshot: bool = False
    ) -> AsyncIterator[Transaction]:
        """One transaction on one connection: committed at the end, rolled back when an exception leaves it.

        Args:
            read_only: refuse writes.
            snapshot: REPEATABLE READ: every statement sees the same state.
        """
        async with self.connection() as connection:
            words = ["BEGIN"]
            if snapshot:
                words.append("ISOLATION LEVEL REPEATABLE READ")
            if read_only:
                words.append("READ ONLY")
            await self._say(connection, " ".join(words))
            try:
                yield Transaction(connection, self._observed)
                self._observed("COMMIT")
                await connection.execute("COMMIT")
            except DRIVER_ERRORS as error:
                raise translate(error) from error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Borrow a connection; what it leaves open is rolled back."""
        connection = await self._acquire()
        try:
            yield connection
        except Exception:
            await self._give_back(connection)
            raise
        except BaseException:
            # Cancelled or broken in the middle of a message: only a fresh connection is known to be clean.
            await self._abandon(connection)
            raise
        else:
            await self._give_back(connection)

    async def _run(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._run_once(method, statement, arguments)
            except asyncpg.PostgresError as error:
                if attempt == ATTEMPTS or not is_transient(error):
                    raise translate(error) from error
                await asyncio.sleep(0.005 * 2**attempt)
            except DRIVER_ERRORS as error:
                raise translate(error) from error
        raise AssertionError("unreachable")

    async def _run_once(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        connection = await self._acquire()
        self._observed(statement)
        try:
            if self.pooled:
                result = await _in_transaction(connection, method, statement, arguments)
            else:
                result = await getattr(connection, method)(statement, *arguments)
        except asyncpg.PostgresError:
            await self._give_back(connection)
            raise
        except BaseException:
            await self._abandon(connection)
            raise
        if connection.is_in_transaction():
            await self._give_back(connection)
        else:
            self._idle.append(connection)
            self._slots.release()
        return result

    async def _acquire(self) -> asyncpg.Connection:
        if self._closed:
            raise Unavailable("the database was closed", remedy="open it again")
        if self._slots.locked():
            await self._wait_for_slot()
        else:
            await self._slots.acquire()
        try:
            return await self._idle_or_new()
        except BaseException as error:
            self._slots.release()
            if isinstance(error, DRIVER_ERRORS):
                raise translate(error) from error
            raise

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._acquire_timeout):
                await self._slots.acquire()
        except TimeoutError as error:
            raise PoolTimeout(
                f"no connection became free in {self._acquire_timeout:g} s; all {self.size} are in use",
                remedy="keep transactions short, or raise pool_size",
            ) from error

    async def _idle_or_new(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed():
                self._born.pop(connection, None)
            elif time.monotonic() - self._born[connection] > self._lifetime:
                await self._forget(connection)
            else:
                return connection
        return await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(**self._arguments)
        except DRIVER_ERRORS as error:
            raise translate(error) from error
        await _prepare_types(connection)
        self._born[connection] = time.monotonic()
        return connection

    async def _give_back(self, connection: asyncpg.Connection) -> None:
        try:
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            connection.terminate()
        if connection.is_closed() or self._closed:
            self._born.pop(connection, None)
        else:
            self._idle.append(connection)
        self._slots.release()

    async def _abandon(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
        self._born.pop(connection, None)
        self._slots.release()

    async def _forget(self, connection: asyncpg.Connection) -> None:
        self._born.pop(connection, None)
        try:
            await connection.close(timeout=1)
        except DRIVER_ERRORS:
            connection.terminate()

    async def _say(self, connection: asyncpg.Connection, statement: str) -> None:
        self._observed(statement)
        try:
            await connection.execute(statement)
        except DRIVER_ERRORS as error:
            raise translate(error) from error

    def _observed(self, statement: str) -> None:
        for observer in self._observers:
            observer(statement)


class Transaction:
    """An open transaction: statements run in order on its connection and commit together."""

    def __init__(self, connection: asyncpg.Connection, observed: Callable[[str], None]) -> None:
        self.connection = connection
        self._observed = observed

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
        try:
            async for row in self.connection.cursor(statement, *arguments, prefetch=500):
                yield row
        except DRIVER_ERRORS as error:
            raise translate(error) from error

    async def _run(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        self._observed(statement)
        try:
            return await getattr(self.connection, method)(statement, *arguments)
        except DRIVER_ERRORS as error:
            raise translate(error) from error


async def _in_transaction(
    connection: asyncpg.Connection, method: str, statement: str, arguments: Sequence[object]
) -> Any:
    await connection.execute("BEGIN")
    result = await getattr(connection, method)(statement, *arguments)
    await connection.execute("COMMIT")
    return result


async def _prepare_types(connection: asyncpg.Connection) -> None:
    """JSON travels as its bytes: encoded and decoded by whoever needs the value, and only then."""
    for name in ("jsonb", "json"):
        prefix = b"\x01" if name == "jsonb" else b""
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            format="binary",
            encoder=lambda value, prefix=prefix: prefix + value,
            decoder=lambda data, skip=len(prefix): data[skip:],
        )
