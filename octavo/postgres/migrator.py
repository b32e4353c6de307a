"""Bring the record's schema up to date: one process at a time, each step in the ledger, failures too.

A migration and its completion commit together; its start and its failure are written in transactions of their
own, so the ledger tells of a failure although everything the migration did was rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import asyncpg
import msgspec

from octavo.errors import MigrationFault, OctavoError, Unavailable
from octavo.postgres.administration import administering
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.epoch import keep_epoch
from octavo.postgres.migration import PHASES, Migration, Phase, read_migrations
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS, is_fatal

_sql = load("octavo.postgres", "migrator.sql")
_roles = load("octavo.postgres", "roles.sql")

Ledger = Mapping[int, Mapping[str, Any]]
State = Literal["completed", "failed", "started", "pending", "changed", "unknown"]


class Applied(msgspec.Struct, frozen=True):
    """A migration that this call applied."""

    number: int
    name: str
    phase: Phase
    duration_ms: int


class MigrationStatus(msgspec.Struct, frozen=True):
    """What the ledger says of one migration.

    `state` is `pending` when it waits, `started` when it runs or was interrupted, `changed` when the file is
    no longer the one that was applied, and `unknown` when a newer version applied it.
    """

    number: int
    name: str
    phase: str
    state: State
    error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: int | None = None
    applied_by: str | None = None


async def migrate(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    until: Phase = "contract",
    lock_timeout_seconds: float = 2.0,
    lock_attempts: int = 8,
    patience_seconds: float = 300.0,
) -> list[Applied]:
    """Apply what is not applied yet, in order; roles, extensions and the schema first, the epoch last.

    Any number of processes may call this at the same time: one works, the others wait and find it done.

    Args:
        arguments: what the driver's `connect` takes, for a role that may create roles and schemas.
        migrations: by default those of this version.
        until: apply none of a later phase than this; `expand` before a rolling deployment, all after it.
        lock_timeout_seconds: how long a migration waits for a table lock before it lets others through.
        lock_attempts: how often it tries before it fails.
        patience_seconds: how long to wait for another process that migrates.

    Returns:
        The migrations this call applied; empty when there was nothing to do.

    Raises:
        MigrationFault: a migration failed, an applied one was changed, or the record is newer than this
            version; `fields` holds `migration`.
        Unavailable: the server does not answer, or another process migrates longer than the patience.
    """
    known = list(migrations if migrations is not None else read_migrations())
    async with administering(arguments, lock_timeout_seconds) as connection:
        if await _is_prepared(connection) and not pending(known, await _ledger(connection), until):
            await keep_epoch(connection)
            return []
        await _take_lock(connection, patience_seconds)
        await _prepare(connection)
        waiting = pending(known, await _ledger(connection), until)
        applied = [await _apply(connection, migration, lock_attempts) for migration in waiting]
        await keep_epoch(connection)
        return applied


async def status(
    arguments: Mapping[str, Any], *, migrations: Sequence[Migration] | None = None
) -> list[MigrationStatus]:
    """Every migration known to this version or to the ledger, by number."""
    files = migrations if migrations is not None else read_migrations()
    known = {migration.number: migration for migration in files}
    async with administering(arguments, 2.0, create=False) as connection:
        ledger = await _ledger(connection)
    return [_status(known.get(number), ledger.get(number)) for number in sorted(known.keys() | ledger.keys())]


async def plan(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    until: Phase = "contract",
) -> list[Migration]:
    """What `migrate` would apply now, with its SQL; changes nothing.

    A record that has no roles or no schema yet begins with a migration of number 0 that makes them.
    """
    known = list(migrations if migrations is not None else read_migrations())
    async with administering(arguments, 2.0, create=False) as connection:
        waiting = pending(known, await _ledger(connection), until)
        if await _is_prepared(connection):
            return waiting
    return [
        Migration(0, "roles", "expand", True, ";\n".join([*_preparation(), _sql.create_ledger])),
        *waiting,
    ]


def pending(known: Sequence[Migration], ledger: Ledger, until: Phase = "contract") -> list[Migration]:
    """The migrations that wait, after a check that ledger and files tell one history.

    Raises:
        MigrationFault: an applied file was changed, the ledger is newer, or a file was added in between.
    """
    completed = {number: row for number, row in ledger.items() if row["state"] == "completed"}
    _check_history({migration.number: migration for migration in known}, completed)
    waiting = [migration for migration in known if migration.number not in completed]
    last = max(completed, default=0)
    for migration in waiting:
        if migration.number < last:
            raise MigrationFault(
                f"migration {migration.title} comes before {last:04}, which is applied already",
                remedy="give it the next free number",
                migration=migration.title,
            )
    allowed = PHASES[: PHASES.index(until) + 1]
    stop = next((i for i, migration in enumerate(waiting) if migration.phase not in allowed), len(waiting))
    return waiting[:stop]


def _check_history(known: Mapping[int, Migration], completed: Ledger) -> None:
    for number, row in completed.items():
        title = f"{number:04}_{row['name']}"
        if number not in known:
            raise MigrationFault(
                f"the record has migration {title}, which this version of Octavo does not know",
                remedy="use the newer version that made it, or restore a backup from before it",
                migration=title,
            )
        if bytes(row["checksum"]) != known[number].checksum:
            raise MigrationFault(
                f"migration {title} was changed after it was applied",
                remedy="put the file back as it was, and make the change in a new migration",
                migration=title,
            )


async def _apply(connection: asyncpg.Connection, migration: Migration, lock_attempts: int) -> Applied:
    await connection.execute(
        _sql.record_start, migration.number, migration.name, migration.phase, migration.checksum
    )
    try:
        duration_ms = await _apply_patiently(connection, migration, lock_attempts)
    except DRIVER_ERRORS as error:
        await _record_failure(connection, migration, error)
        raise _failure(migration, error) from error
    return Applied(migration.number, migration.name, migration.phase, duration_ms)


async def _apply_patiently(connection: asyncpg.Connection, migration: Migration, lock_attempts: int) -> int:
    run = _in_transaction if migration.transactional else _one_by_one
    for attempt in range(1, lock_attempts):
        try:
            return await run(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            # Whoever waits for a table lock makes everybody after it wait: step back and let them through.
            await asyncio.sleep(backoff_seconds(attempt, first=0.1, most=5.0))
    return await run(connection, migration)


async def _in_transaction(connection: asyncpg.Connection, migration: Migration) -> int:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute("RESET ROLE")
        return int(await connection.fetchval(_sql.record_completion, migration.number))


async def _one_by_one(connection: asyncpg.Connection, migration: Migration) -> int:
    for row in await connection.fetch(_sql.find_invalid_indexes, migration.sql):
        await connection.execute(row["repair"])
    for statement in migration.statements():
        await connection.execute(statement)
    return int(await connection.fetchval(_sql.record_completion, migration.number))


async def _record_failure(connection: asyncpg.Connection, migration: Migration, error: BaseException) -> None:
    if connection.is_closed() or is_fatal(error):
        return  # the ledger says `started`: interrupted, and tried again by the next call
    text = str(error) or type(error).__name__
    await connection.execute(_sql.record_failure, migration.number, text)


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


async def _prepare(connection: asyncpg.Connection) -> None:
    try:
        for statement in [*_preparation(), _sql.create_ledger]:
            async with connection.transaction():
                await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFault(
            "the administrator's role may not make what the record needs",
            remedy="migrate as a superuser, or as the database's owner with CREATEROLE",
        ) from error


def _preparation() -> list[str]:
    return [_roles.create_roles, _roles.create_extensions, _roles.create_schema]


async def _is_prepared(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(_roles.is_prepared)) and await _has_ledger(connection)


async def _has_ledger(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(_sql.has_ledger))


async def _ledger(connection: asyncpg.Connection) -> Ledger:
    if not await _has_ledger(connection):
        return {}
    return {row["number"]: dict(row) for row in await connection.fetch(_sql.read_ledger)}


async def _take_lock(connection: asyncpg.Connection, patience_seconds: float) -> None:
    until = time.monotonic() + patience_seconds
    attempt = 0
    while not await connection.fetchval(_sql.try_lock):
        attempt += 1
        if time.monotonic() > until:
            raise Unavailable(
                f"another process has been migrating this record for {patience_seconds:g} s",
                remedy="wait for it, or end it and migrate again",
            )
        await asyncio.sleep(backoff_seconds(attempt, first=0.02, most=0.5))


def _status(migration: Migration | None, row: Mapping[str, Any] | None) -> MigrationStatus:
    if row is None:
        assert migration is not None
        return MigrationStatus(migration.number, migration.name, migration.phase, "pending")
    state: State = row["state"]
    if migration is None:
        state = "unknown"
    elif state == "completed" and bytes(row["checksum"]) != migration.checksum:
        state = "changed"
    return MigrationStatus(
        **{name: row[name] for name in MigrationStatus.__struct_fields__ if name != "state"}, state=state
    )
