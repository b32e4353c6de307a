"""Epochs tell one life of the record from another.

Transaction ids order the log, but they mean nothing on another server, and they repeat after a restore to a
point in time. So the order of the log begins with the epoch, and a record that finds itself on another server
or another timeline than before begins a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from octavo.errors import Conflict, Contention, Unavailable
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS, translate

_sql = load("octavo.postgres", "epoch.sql")

ATTEMPTS = 10

# Opens a transaction of something that runs statements: the driver's connection, or ours.
_Open = Callable[[], AbstractAsyncContextManager[Any]]


class Life(msgspec.Struct, frozen=True):
    """The last epoch of a record, and whether it still goes on here."""

    epoch: int
    goes_on: bool


async def keep_epoch(place: asyncpg.Connection | Pool) -> int:
    """The epoch of this record, a new one if the server or its timeline changed since the last.

    Args:
        place: a connection outside a transaction, or a pool; of a member of octavo_system.

    Raises:
        Unavailable: writers held the log through all attempts to begin a new epoch.
    """
    life = await look(place)
    return life.epoch if life.goes_on else await _renew(_opener(place), only_if_changed=True)


async def begin_epoch(place: asyncpg.Connection | Pool) -> int:
    """Begin a new epoch, as a restore must: every event from now on comes after every event before.

    Raises:
        Unavailable: writers held the log through all attempts.
    """
    return await _renew(_opener(place), only_if_changed=False)


async def look(place: asyncpg.Connection | Pool) -> Life:
    """The record's last epoch, and whether this is still the server and timeline it began on.

    Raises:
        Unavailable: the server recovers or is a standby, and takes no writes.
    """
    try:
        row = await place.fetchrow(_sql.identify)
    except DRIVER_ERRORS as error:
        raise translate(error) from error
    assert row is not None
    if row["recovers"]:
        raise Unavailable(
            "the server recovers, or it is a standby of another one",
            remedy="wait until it has recovered, or connect to the primary",
        )
    return Life(epoch=row["number"], goes_on=row["is_same"])


async def _renew(open_transaction: _Open, *, only_if_changed: bool) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with open_transaction() as runner:
                return await _renew_once(runner, only_if_changed)
        except (Conflict, Contention):  # a lock timeout or a deadlock
            await asyncio.sleep(backoff_seconds(attempt, first=0.05, most=1.0))
    raise Unavailable(
        "a new epoch of the log cannot begin while transactions hold it", remedy="end long transactions"
    )


async def _renew_once(runner: Any, only_if_changed: bool) -> int:
    await runner.execute("SET LOCAL lock_timeout = '2s'")
    await runner.execute(_sql.wait_for_writers)
    life = await runner.fetchrow(_sql.identify)
    if only_if_changed and life["is_same"]:
        return int(life["number"])
    begun = await runner.fetchrow(_sql.begin, life["system_identifier"], life["timeline"])
    return int(begun["number"])


def _opener(place: asyncpg.Connection | Pool) -> _Open:
    if isinstance(place, Pool):
        return place.transaction

    @asynccontextmanager
    async def own() -> AsyncIterator[asyncpg.Connection]:
        try:
            async with place.transaction():
                yield place
        except DRIVER_ERRORS as error:
            raise translate(error) from error

    return own
