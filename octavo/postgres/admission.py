"""Whether a record may be used as it is: its server, the roles we connect as, its schema, its room.

Row-level security holds only for a role that is subject to it, so a wrong role is refused at the door.
"""

from __future__ import annotations

import msgspec

from octavo.errors import AccessDenied, InvalidSetting, MigrationNeeded
from octavo.postgres.ledger import pending
from octavo.postgres.migration import read_migrations, required_number
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "admission.sql")


class Role(msgspec.Struct, frozen=True):
    """The role of a pool, and what the server says of its place."""

    name: str
    is_superuser: bool
    bypasses_policies: bool
    is_bound: bool
    memberships: list[str]
    has_ledger: bool
    database: str
    connections: int


async def describe(pool: Pool) -> Role:
    """Who we are to the server."""
    row = await pool.fetchrow(_sql.describe_role)
    assert row is not None
    return Role(**row)


def check_app_role(role: Role) -> None:
    """Refuse a role for which row-level security does not hold.

    Raises:
        AccessDenied: with the SQL that makes a right one.
        MigrationNeeded: the database has no Octavo schema yet.
    """
    if role.is_superuser or role.bypasses_policies:
        why = "is a superuser" if role.is_superuser else "bypasses row-level security"
        raise _wrong_role(role, f"{why}, so it would see every organization's rows")
    if not role.has_ledger:
        raise MigrationNeeded(
            f"the database {role.database} has no Octavo schema",
            remedy="run `octavo migrate up` with OCTAVO_RECORD_ADMIN set to an administrator's URL",
        )
    others = [name for name in role.memberships if name != "octavo_app"]
    if others:
        raise _wrong_role(role, f"is a member of {others[0]}, which sees all organizations' rows")
    if "octavo_app" not in role.memberships:
        raise _wrong_role(role, "is no member of octavo_app")
    if role.is_bound:
        raise AccessDenied(
            f"the role {role.name} has the setting octavo.organization, so every call would begin there",
            remedy=f"ALTER ROLE {role.name} RESET octavo.organization",
        )


def check_system_role(role: Role) -> None:
    """Refuse a role that is no member of octavo_system; a superuser would do, and is not needed."""
    if "octavo_system" not in role.memberships:
        raise AccessDenied(
            f"the role {role.name} of record_system is no member of octavo_system",
            remedy=f"GRANT octavo_system TO {role.name}",
        )


def check_room(role: Role, wanted: int) -> None:
    """Refuse a pool that the server cannot hold, before it fails under load."""
    if wanted > role.connections:
        raise InvalidSetting(
            f"pool_size asks for {wanted} connections, and the server gives {role.name} {role.connections}",
            remedy="lower pool_size, or raise max_connections of the server",
            setting="pool_size",
        )


async def check_schema(pool: Pool) -> None:
    """Refuse a schema this version cannot work with.

    Raises:
        MigrationNeeded: it is older; the command to run is in the remedy.
        MigrationFault: it is newer, or an applied migration was changed.
    """
    known = read_migrations()
    ledger = {row["number"]: row for row in await pool.fetch(_sql.read_schema_state)}
    needed = [m for m in pending(known, ledger) if m.number <= required_number(known)]
    if needed:
        raise MigrationNeeded(
            f"the record's schema is older than this version: {needed[0].title} is missing",
            remedy="run `octavo migrate up` with OCTAVO_RECORD_ADMIN set to an administrator's URL",
            missing=[migration.title for migration in needed],
        )


def _wrong_role(role: Role, why: str) -> AccessDenied:
    return AccessDenied(
        f"the role {role.name} {why}",
        remedy="CREATE ROLE octavo_client LOGIN PASSWORD '…' IN ROLE octavo_app; and connect as that role",
        role=role.name,
    )
