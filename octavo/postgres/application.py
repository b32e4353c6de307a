"""An application's own schema: its migrations run as a role that owns this schema and nothing of Octavo's."""

from __future__ import annotations

import re
from collections.abc import Sequence

import asyncpg

from octavo.errors import InvalidInput, MigrationFault
from octavo.postgres.migration import Migration
from octavo.postgres.split import bare
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner

_sql = load("octavo.postgres", "application.sql")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_OWNER = re.compile(r"\boctavo_owner_[a-z][a-z0-9_]{0,30}\b")
_TAKEN = ("octavo", "pg_", "public", "information_schema")
# What would leave the owner's role, or the transaction that sets it.
_ESCAPE = re.compile(
    r"(?:SET|RESET)\s+(?:LOCAL\s+|SESSION\s+)?(?:ROLE|SESSION\s+AUTHORIZATION|ALL)\b"
    r"|(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|DISCARD)\b",
    re.IGNORECASE,
)


def check_name(application: str) -> None:
    """Refuse a name that can be no schema of its own.

    Raises:
        InvalidInput: it has other characters than a-z, 0-9 and _, or belongs to Octavo or PostgreSQL.
    """
    if not _NAME.fullmatch(application) or application.startswith(_TAKEN):
        raise InvalidInput(
            f"{application!r} cannot be the name of an application",
            remedy="use 1 to 31 of a-z, 0-9 and _, beginning with a letter, and none of Octavo or PostgreSQL",
        )


def check_files(migrations: Sequence[Migration]) -> None:
    """Refuse files that would leave their role or their transaction.

    A guard against a slip, not against malice: whoever runs migrations is the administrator.

    Raises:
        MigrationFault: the file and the statement.
    """
    for migration in migrations:
        for statement in migration.statements():
            if escape := _ESCAPE.match(bare(statement)):
                raise MigrationFault(
                    f"migration {migration.title} has {escape[0].upper()}",
                    remedy="leave roles and transactions to `octavo migrate`",
                    migration=migration.title,
                )


def owner_of(application: str) -> str:
    """The role that owns an application's schema; nobody logs in as it."""
    return f"octavo_owner_{application}"


async def make_owners(place: Runner, text: str) -> None:
    """Make the owners of applications' schemas that a text names: a dump has their tables, but no roles."""
    for row in await place.fetch(_sql.format_owners, sorted(set(_OWNER.findall(text)))):
        await place.execute(row["statement"])


async def prepare(connection: asyncpg.Connection, application: str) -> None:
    """Make the application's role and schema, if they are not there.

    Raises:
        MigrationFault: the administrator's role may not.
    """
    try:
        async with connection.transaction():
            for row in await connection.fetch(_sql.plan_application, application, owner_of(application)):
                await connection.execute(row["statement"])
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationFault(
            f"the administrator's role may not make or use the schema {application}",
            remedy="migrate as a superuser, or as the database's owner with CREATEROLE",
        ) from error


async def become(connection: asyncpg.Connection, application: str, *, lasting: bool = False) -> None:
    """Act as the owner of the application's schema, for a transaction or until RESET ROLE."""
    question = _sql.format_stay if lasting else _sql.format_become
    await connection.execute(await connection.fetchval(question, application, owner_of(application)))
