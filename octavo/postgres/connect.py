"""One connection to the record: how it is opened, what is set on it, and whether a pooler stands between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec

from octavo.errors import RecordFault, Unavailable
from octavo.postgres.translate import DRIVER_ERRORS, translate, translate_connect

OLDEST_SERVER = 17  # the major version
RETRY_SECONDS = 0.2
# A server that starts, recovers or has no place just now; the next try may succeed.
_NOT_NOW = (
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
    ConnectionRefusedError,
    ConnectionResetError,
    FileNotFoundError,
)
_PROBES = 3


def check_version(major: int) -> None:
    """Refuse a server that lacks what we build on (transaction_timeout, incremental backup)."""
    if major < OLDEST_SERVER:
        raise RecordFault(
            f"the server is PostgreSQL {major}; Octavo needs {OLDEST_SERVER} or newer",
            remedy="upgrade the server, or use the embedded one",
        )


async def connect(arguments: Mapping[str, Any], *, pooled: bool = False) -> asyncpg.Connection:
    """Open a connection on which JSON travels as its bytes.

    Args:
        arguments: what the driver's `connect` takes.
        pooled: behind a transaction pooler what we ask at the start must be one transaction.

    Raises:
        Unavailable, AccessDenied: the server does not answer, or refuses the role.
    """
    try:
        connection: asyncpg.Connection = await asyncpg.connect(**arguments)
    except (*DRIVER_ERRORS, ValueError) as error:
        raise translate_connect(error) from error
    try:
        await _prepare_types(connection, pooled)
    except BaseException as error:
        connection.terminate()
        if isinstance(error, DRIVER_ERRORS):
            raise translate_connect(error) from error
        raise
    return connection


async def connect_patiently(
    arguments: Mapping[str, Any], *, pooled: bool, until: float
) -> asyncpg.Connection:
    """`connect`, tried every 0.2 s while the server starts or is full, until `until` (monotonic seconds)."""
    while True:
        try:
            return await connect(arguments, pooled=pooled)
        except Unavailable as error:
            if not isinstance(error.__cause__, _NOT_NOW) or time.monotonic() + RETRY_SECONDS > until:
                raise
        await asyncio.sleep(RETRY_SECONDS)


class Reached(msgspec.Struct, frozen=True):
    """What answers at a URL: the server's major version, and whether a pooler stands before it."""

    major: int
    pooled: bool


async def reach(arguments: Mapping[str, Any]) -> Reached:
    """Look at what answers, with a connection that works through a pooler too.

    A pooler shows when the backend that runs our statements is not the one we were told of; asked several
    times, because it may by chance hand out a number that fits once.
    """
    try:
        connection = await asyncpg.connect(**{**arguments, "statement_cache_size": 0})
    except (*DRIVER_ERRORS, ValueError) as error:
        raise translate_connect(error) from error
    try:
        backends = {await _backend(connection) for _ in range(_PROBES)}
        return Reached(connection.get_server_version().major, backends != {connection.get_server_pid()})
    except DRIVER_ERRORS as error:
        raise translate(error) from error
    finally:
        connection.terminate()


async def _backend(connection: asyncpg.Connection) -> int:
    await connection.execute("BEGIN")
    pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    await connection.execute("COMMIT")
    return pid


async def _prepare_types(connection: asyncpg.Connection, pooled: bool) -> None:
    """JSON is encoded and decoded by whoever needs the value, and only then."""
    if pooled:
        await connection.execute("BEGIN")
    await _travels_as_bytes(connection, "jsonb", b"\x01")
    await _travels_as_bytes(connection, "json", b"")
    if pooled:
        await connection.execute("COMMIT")


async def _travels_as_bytes(connection: asyncpg.Connection, name: str, prefix: bytes) -> None:
    skip = len(prefix)

    def encode(value: bytes) -> bytes:
        return prefix + value

    def decode(data: bytes) -> bytes:
        return data[skip:]

    await connection.set_type_codec(
        name, schema="pg_catalog", format="binary", encoder=encode, decoder=decode
    )
