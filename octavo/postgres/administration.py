"""The administrator's connection: to the server itself, without time limits, to a database made if missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from octavo.errors import MigrationFault, MigrationNeeded, Unavailable
from octavo.postgres.connect import check_version, connect
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS, translate

_sql = load("octavo.postgres", "administration.sql")


@asynccontextmanager
async def administering(
    arguments: Mapping[str, Any], lock_timeout_seconds: float, *, create: bool = True
) -> AsyncIterator[asyncpg.Connection]:
    """The administrator's connection, without time limits but for locks; its end frees the migration lock."""
    limits = {
        "application_name": "octavo migrate",
        "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
        "statement_timeout": "0",
        "transaction_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "search_path": "pg_catalog, public",
    }
    settings = {**arguments.get("server_settings", {}), **limits}
    connection = await _connect_or_create({**arguments, "server_settings": settings}, create=create)
    try:
        await _check_server(connection)
        yield connection
    except DRIVER_ERRORS as error:
        raise translate(error) from error
    finally:
        connection.terminate() if connection.is_closed() else await connection.close(timeout=5)


async def _check_server(connection: asyncpg.Connection) -> None:
    check_version(connection.get_server_version().major)
    if connection.get_server_pid() != await connection.fetchval("SELECT pg_backend_pid()"):
        raise _pooler()


def _pooler() -> MigrationFault:
    return MigrationFault(
        "a connection pooler stands between Octavo and the server, and a migration cannot pass it",
        remedy="set record_admin or record_direct to a URL that reaches the server itself",
    )


async def _connect_or_create(arguments: Mapping[str, Any], *, create: bool) -> asyncpg.Connection:
    try:
        return await connect(arguments)
    except MigrationNeeded:  # there is no such database
        if not create:
            raise
    except Unavailable as error:
        if isinstance(error.__cause__, asyncpg.ProtocolViolationError):  # it knows no lock_timeout
            raise _pooler() from error
        raise
    name = arguments.get("database") or unquote(urlsplit(arguments.get("dsn", "")).path.lstrip("/"))
    # Several that begin at once wait for each other here, however long it takes, and for nobody else.
    patient = {**arguments.get("server_settings", {}), "lock_timeout": "0"}
    connection = await connect({**arguments, "database": "postgres", "server_settings": patient})
    try:
        await connection.execute(await connection.fetchval(_sql.format_create_database, name))
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another process was faster
    finally:
        await connection.close(timeout=5)
    return await connect(arguments)
