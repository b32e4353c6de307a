"""Epochs tell one life of the record from another.

Transaction ids order the log, but they mean nothing on another server, and they repeat after a restore to a
point in time. So the order of the log begins with the epoch, and a record that finds itself on another server
or another timeline than before begins a new one.
"""

from __future__ import annotations

import asyncio

import asyncpg

from octavo.errors import Unavailable
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS, translate

_sql = load("octavo.postgres", "epoch.sql")

ATTEMPTS = 10


async def keep_epoch(connection: asyncpg.Connection) -> int:
    """The epoch of this record, a new one if the server or its timeline changed since the last.

    Raises:
        Unavailable: writers held the log through all attempts to begin a new epoch.
    """
    try:
        life = await connection.fetchrow(_sql.identify)
        if life is not None and life["is_same"]:
            return int(life["number"])
        return await _begin(connection, only_if_changed=True)
    except DRIVER_ERRORS as error:
        raise translate(error) from error


async def begin_epoch(connection: asyncpg.Connection) -> int:
    """Begin a new epoch, as a restore must: every event from now on comes after every event before.

    Raises:
        Unavailable: writers held the log through all attempts.
    """
    try:
        return await _begin(connection, only_if_changed=False)
    except DRIVER_ERRORS as error:
        raise translate(error) from error


async def _begin(connection: asyncpg.Connection, *, only_if_changed: bool) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await _begin_once(connection, only_if_changed)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(backoff_seconds(attempt, first=0.05, most=1.0))
    raise Unavailable(
        "a new epoch of the log cannot begin while transactions hold it", remedy="end long transactions"
    )


async def _begin_once(connection: asyncpg.Connection, only_if_changed: bool) -> int:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        await connection.execute(_sql.wait_for_writers)
        life = await connection.fetchrow(_sql.identify)
        assert life is not None
        if only_if_changed and life["is_same"]:
            return int(life["number"])
        number: int = await connection.fetchval(_sql.begin, life["system_identifier"], life["timeline"])
        return number
