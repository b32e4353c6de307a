"""Migrations for tests, and what a database says of them."""

from __future__ import annotations

from typing import Any

from octavo.postgres.migration import Migration, Phase, read_migrations
from octavo.postgres.server import Server
from tests.databases import administrator

LAST = read_migrations()[-1].number


def one_more(
    sql: str,
    *,
    number: int = LAST + 1,
    name: str = "one_more",
    phase: Phase = "expand",
    transactional: bool = True,
) -> Migration:
    """A migration after those of this version."""
    return Migration(number, name, phase, transactional, f"-- phase: {phase}\n{sql}\n")


def with_these(*migrations: Migration) -> list[Migration]:
    """This version's migrations and some more."""
    return [*read_migrations(), *migrations]


def admin_of(server: Server, database: str) -> dict[str, Any]:
    """What `migrate` connects with."""
    return server.running.dsn("octavo_admin", database)


async def ask(server: Server, database: str, question: str, *arguments: Any) -> Any:
    """One value, as the administrator."""
    async with administrator(server, database) as admin:
        return await admin.fetchval(question, *arguments)


async def entry(server: Server, database: str, number: int) -> dict[str, Any] | None:
    """A row of the ledger."""
    async with administrator(server, database) as admin:
        row = await admin.fetchrow("SELECT * FROM octavo.migration WHERE number = $1", number)
        return dict(row) if row else None
