"""Connections to the record: a budget, warm, handed out last-in first-out, reset without a round trip.

The driver's own pool costs a quarter of the speed of a short statement (measured: see docs/decisions). Ours
can be small because no session-level state exists anywhere: a connection outside a transaction is clean.

A connection is in exactly one of three states: idle, lent (its borrower holds one of `size` places), or
parting (being closed; its place is free only when it is gone, so the server never sees more than `size`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from octavo.errors import PoolTimeout, Unavailable
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.connect import connect, connect_patiently
from octavo.postgres.transaction import Row, Runner, Transaction
from octavo.postgres.translate import DRIVER_ERRORS, is_fatal, is_transient, translate, was_not_sent

__all__ = ["Pool", "Row", "Runner", "Transaction"]

ATTEMPTS = 5
# A connection used so recently is taken as alive; an older one is looked at first.
FRESH_SECONDS = 0.05
CLOSE_SECONDS = 2.0


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
        transaction_settings: set by each transaction of a pooled connection, in the message of its BEGIN,
            because what a direct connection is told at its start would outlive us behind a pooler.
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
        transaction_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.size = size
        self.pooled = pooled
        self._arguments = dict(connect_arguments)
        self._warm = min(warm, size)
        self._acquire_timeout = acquire_timeout_seconds
        self._lifetime = lifetime_seconds
        self._settings = "".join(
            f"; SET LOCAL {name} = '{value}'" for name, value in (transaction_settings or {}).items()
        )
        self._slots = asyncio.Semaphore(size)
        self._waiting = 0
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self._born: dict[asyncpg.Connection, float] = {}
        self._parting: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._closed = False
        self._observers: list[Callable[[str], None]] = []
        # Called with each new connection before its first use; what it raises refuses the connection.
        self.on_connect: Callable[[asyncpg.Connection], Awaitable[None]] | None = None

    @property
    def open_connections(self) -> int:
        """Connections that exist now: idle, in use and being closed."""
        return len(self._born)

    async def open(self) -> Pool:
        """Connect the warm connections; raises `Unavailable` or `AccessDenied` when the server refuses."""
        try:
            for _ in range(self._warm):
                connection = await connect(self._arguments, pooled=self.pooled)
                self._idle.append((await self._welcome(connection), time.monotonic()))
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Close every connection; safe to call twice.

        Callers that wait for a connection are refused at once; those that have one get `grace_seconds` to
        finish before it is taken from them.
        """
        self._closed = True
        for _ in range(self._waiting):
            self._slots.release()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(self._close_now(connection) for connection, _ in idle))
        try:
            async with asyncio.timeout(grace_seconds):
                while self._born:
                    await self._empty.wait()
        except TimeoutError:
            for connection in list(self._born):
                connection.terminate()
                self._forget(connection)
        await asyncio.gather(*self._parting)

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

        Raises:
            Conflict: at the end, when a statement failed inside and its error was swallowed.
        """
        words = " ISOLATION LEVEL REPEATABLE READ" if snapshot else ""
        words += " READ ONLY" if read_only else ""
        async with self._lent(await self._begin(words)) as connection:
            transaction = Transaction(connection, self._observed)
            try:
                yield transaction
                await transaction.commit()
            finally:
                transaction.end()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Borrow a connection; what it leaves open is rolled back."""
        async with self._lent(await self._acquire()) as connection:
            yield connection

    async def _run(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._run_once(method, statement, arguments)
            except asyncpg.PostgresError as error:
                if attempt == ATTEMPTS or not is_transient(error):
                    raise translate(error) from error
                await asyncio.sleep(backoff_seconds(attempt, first=0.01, most=0.2))
            except DRIVER_ERRORS as error:
                if attempt == ATTEMPTS or not was_not_sent(error):
                    raise translate(error) from error
        raise AssertionError("unreachable")

    async def _run_once(self, method: str, statement: str, arguments: Sequence[object]) -> Any:
        connection = await (self._begin("") if self.pooled else self._acquire())
        try:
            self._observed(statement)
            result = await getattr(connection, method)(statement, *arguments)
            if self.pooled:
                await connection.execute("COMMIT")
        except Exception as error:
            await self._give_back(connection, error)
            raise
        except BaseException:
            self._part(connection)
            raise
        if connection.is_closed() or connection.is_in_transaction():
            await self._give_back(connection)
        else:
            self._put_back(connection)
        return result

    async def _begin(self, words: str) -> asyncpg.Connection:
        """A connection in an open transaction; one that turns out dead at the BEGIN is replaced, once."""
        begin = f"BEGIN{words}{self._settings}"
        for may_retry in (True, False):
            connection = await self._acquire()
            try:
                self._observed(begin)
                await connection.execute(begin)
                return connection
            except DRIVER_ERRORS as error:
                lost = is_fatal(error) or connection.is_closed()
                await self._give_back(connection, error)
                if not (lost and may_retry):
                    raise translate(error) from error
            except BaseException:
                self._part(connection)
                raise
        raise AssertionError("unreachable")

    async def _acquire(self) -> asyncpg.Connection:
        if self._closed:
            raise _closed()
        if self._idle and not self._slots.locked():
            connection, since = self._idle[-1]
            if time.monotonic() - since < FRESH_SECONDS and self._is_good(connection):
                await self._slots.acquire()
                self._idle.pop()
                return connection
        return await self._acquire_patiently(time.monotonic() + self._acquire_timeout)

    async def _acquire_patiently(self, until: float) -> asyncpg.Connection:
        await self._wait_for_place()
        try:
            if self._closed:
                raise _closed()
            await _let_the_driver_read()
            while self._idle:
                connection, _ = self._idle.pop()
                if self._is_good(connection):
                    return connection
                await self._close_now(connection)
            return await self._connect(until)
        except BaseException:
            self._slots.release()
            raise

    async def _wait_for_place(self) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._acquire_timeout):
                await self._slots.acquire()
        except TimeoutError as error:
            raise PoolTimeout(
                f"no connection became free in {self._acquire_timeout:g} s; all {self.size} are in use",
                remedy="keep transactions short, or raise pool_size",
            ) from error
        finally:
            self._waiting -= 1

    def _is_good(self, connection: asyncpg.Connection) -> bool:
        return not connection.is_closed() and time.monotonic() - self._born[connection] < self._lifetime

    async def _connect(self, until: float) -> asyncpg.Connection:
        try:
            async with asyncio.timeout(max(until - time.monotonic(), 0)):
                connection = await connect_patiently(self._arguments, pooled=self.pooled, until=until)
                return await self._welcome(connection)
        except TimeoutError as error:
            raise Unavailable(
                f"the record did not accept a connection in {self._acquire_timeout:g} s",
                remedy="see whether the server runs and the network lets you through",
            ) from error

    async def _welcome(self, connection: asyncpg.Connection) -> asyncpg.Connection:
        try:
            if self.on_connect is not None:
                await self.on_connect(connection)
            if self._closed:
                raise _closed()
        except BaseException:
            connection.terminate()
            raise
        self._born[connection] = time.monotonic()
        self._empty.clear()
        return connection

    @asynccontextmanager
    async def _lent(self, connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
        try:
            yield connection
        except Exception as error:
            await self._give_back(connection, error)
            raise
        except BaseException:
            # Cancelled, perhaps in the middle of a message: only a fresh connection is known to be clean.
            self._part(connection)
            raise
        else:
            await self._give_back(connection)

    async def _give_back(self, connection: asyncpg.Connection, error: Exception | None = None) -> None:
        cause = error.__cause__ if error is not None and error.__cause__ is not None else error
        if connection.is_closed() or is_fatal(cause):
            self._part(connection)
            return
        try:
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK")
        except BaseException as problem:
            self._part(connection)
            if not isinstance(problem, DRIVER_ERRORS):
                raise
        else:
            self._put_back(connection)

    def _put_back(self, connection: asyncpg.Connection) -> None:
        if self._closed:
            self._part(connection)
        else:
            self._idle.append((connection, time.monotonic()))
            self._slots.release()

    def _part(self, connection: asyncpg.Connection) -> None:
        """Close a lent connection beside the calls; the driver first cancels what still runs on it."""
        task = asyncio.get_running_loop().create_task(self._close_lent(connection))
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def _close_lent(self, connection: asyncpg.Connection) -> None:
        try:
            await self._close_now(connection)
        finally:
            self._slots.release()

    async def _close_now(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.close(timeout=CLOSE_SECONDS)
        except DRIVER_ERRORS:
            connection.terminate()
        finally:
            self._forget(connection)

    def _forget(self, connection: asyncpg.Connection) -> None:
        self._born.pop(connection, None)
        if not self._born:
            self._empty.set()

    def _observed(self, statement: str) -> None:
        for observer in self._observers:
            observer(statement)


async def _let_the_driver_read() -> None:
    """Turn the loop a few times: then the driver knows of a connection that the server closed meanwhile."""
    for _ in range(4):
        await asyncio.sleep(0)


def _closed() -> Unavailable:
    return Unavailable("the database was closed", remedy="open it again")
