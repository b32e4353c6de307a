"""Bring a schema up to date, Octavo's or an application's: one process at a time, each step in the ledger.

A migration and its completion commit together; its start and its failure are written in transactions of their
own, so the ledger tells of a failure although everything the migration did was rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from octavo.errors import InvalidInput, MigrationFault, MigrationNeeded, Unavailable
from octavo.postgres import application as applications
from octavo.postgres import backfill, ledger
from octavo.postgres.administration import administering
from octavo.postgres.applying import Applied, Patience, apply
from octavo.postgres.backfill import Report
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.epoch import keep_epoch
from octavo.postgres.ledger import OCTAVO, Ledger, MigrationStatus, pending
from octavo.postgres.migration import Migration, Phase, read_migrations
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "migrator.sql")
_roles = load("octavo.postgres", "roles.sql")


async def migrate(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    application: str = OCTAVO,
    until: Phase = "contract",
    lock_timeout_seconds: float = 2.0,
    lock_attempts: int = 8,
    patience_seconds: float = 300.0,
    report: Report | None = None,
) -> list[Applied]:
    """Apply what is not applied yet, in order; roles, extensions and the schema first, the epoch last.

    Any number of processes may call this at the same time: one works, the others wait and find it done.

    Args:
        arguments: what the driver's `connect` takes, for a role that may create roles and schemas.
        migrations: by default those of this version of Octavo; an application gives its own.
        application: whose they are. An application has a schema of its name, whose owner runs them.
        until: apply none of a later phase than this; `expand` before a rolling deployment, all after it.
        lock_timeout_seconds: how long a migration waits for a table lock before it lets others through.
        lock_attempts: how often it tries before it fails.
        patience_seconds: how long to wait for another process that migrates, and for old transactions where
            waiting makes nobody else wait.
        report: is told how far a backfill is, after each chunk.

    Returns:
        The migrations this call applied; empty when there was nothing to do.

    Raises:
        MigrationFault: a migration failed, an applied one was changed, or the record is newer than this
            version; `fields` holds `migration`.
        MigrationNeeded: an application's migrations come before Octavo's own.
        InvalidInput: a name that no application can have.
        Unavailable: the server does not answer, or another process migrates longer than the patience.
    """
    known = known_migrations(migrations, application)
    patience = Patience(lock_attempts, patience_seconds, report)
    async with administering(arguments, lock_timeout_seconds, create=application == OCTAVO) as connection:
        book = Ledger(connection, application)
        if await _is_prepared(book, connection) and not pending(known, await book.entries(), until):
            await keep_epoch(connection)
            return []
        await _take_lock(connection, patience_seconds)
        await prepare(book, connection)
        waiting = pending(known, await book.entries(), until)
        applied = [await apply(book, connection, migration, patience) for migration in waiting]
        await keep_epoch(connection)
        return applied


async def status(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    application: str = OCTAVO,
) -> list[MigrationStatus]:
    """Every migration known to this version or to the ledger, by number; `migrate` has the parameters."""
    known = {migration.number: migration for migration in known_migrations(migrations, application)}
    async with administering(arguments, 2.0, create=False) as connection:
        book = Ledger(connection, application)
        entries, came = await book.entries(), await backfill.came(connection, book)
    return [
        ledger.told_of(known.get(number), entries.get(number), application=application, came=came.get(number))
        for number in sorted(known.keys() | entries.keys())
    ]


async def status_of_applications(arguments: Mapping[str, Any]) -> list[MigrationStatus]:
    """What the ledger says of applications' migrations, whose files need not be here: they count as unchanged."""
    told: list[MigrationStatus] = []
    async with administering(arguments, 2.0, create=False) as connection:
        for application in await ledger.applications(connection):
            book = Ledger(connection, application)
            came = await backfill.came(connection, book)
            told += [
                ledger.as_written(row, application=application, came=came.get(number))
                for number, row in (await book.entries()).items()
            ]
    return told


async def plan(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    application: str = OCTAVO,
    until: Phase = "contract",
) -> list[Migration]:
    """What `migrate` would apply now, with its SQL; changes nothing.

    A record that has no roles or no schema yet begins with a migration of number 0 that makes them.
    """
    known = known_migrations(migrations, application)
    async with administering(arguments, 2.0, create=False) as connection:
        book = Ledger(connection, application)
        waiting = pending(known, await book.entries(), until)
        if application != OCTAVO or await _is_prepared(book, connection):
            return waiting
    preparation = ";\n".join([*_preparation(), ledger.creation()])
    return [Migration(0, "roles", "expand", True, preparation), *waiting]


def known_migrations(migrations: Sequence[Migration] | None, application: str) -> list[Migration]:
    """The migrations meant: those given, or Octavo's own; raises `MigrationFault` and `InvalidInput`."""
    if application == OCTAVO:
        return list(migrations if migrations is not None else read_migrations())
    if migrations is None:
        raise InvalidInput(
            f"the migrations of {application} are not given", remedy="say which folder they are in"
        )
    applications.check_name(application)
    applications.check_files(migrations)
    return list(migrations)


async def prepare(book: Ledger, connection: asyncpg.Connection) -> None:
    """Make what comes before the first migration: roles, extensions, the schema and the ledger; or an application's.

    Raises:
        MigrationFault: the administrator's role may not. MigrationNeeded: Octavo's own migrations come first.
    """
    if book.application != OCTAVO:
        await _prepare_application(book, connection)
        return
    try:
        for statement in _preparation():
            async with connection.transaction():
                await connection.execute(statement)
        await book.make()
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFault(
            "the administrator's role may not make what the record needs",
            remedy="migrate as a superuser, or as the database's owner with CREATEROLE where a superuser has made the "
            "extension vector",
        ) from error
    except asyncpg.FeatureNotSupportedError as error:  # its message names the extension
        raise MigrationFault(
            f"the server lacks what the record needs: {error}",
            remedy="install pgvector 0.8 or later and the contrib extensions; docs/how-to/use-your-own-postgresql.md",
        ) from error


async def _prepare_application(book: Ledger, connection: asyncpg.Connection) -> None:
    if not await book.is_there():
        raise MigrationNeeded(
            "the record's own schema comes before an application's", remedy="run `octavo migrate up` first"
        )
    await applications.prepare(connection, book.application)


def _preparation() -> list[str]:
    return [_roles.create_roles, _roles.create_extensions, _roles.create_schema]


async def _is_prepared(book: Ledger, connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval(_roles.is_prepared)) and await book.is_there()


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
