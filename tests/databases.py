"""Databases for tests: made from a migrated template in a moment, and dropped again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import asyncpg

from octavo.postgres.migrator import migrate
from octavo.postgres.server import Server
from octavo.settings import Settings

TEMPLATE = "octavo_template"


def url_of(server: Server, role: str, database: str) -> str:
    """The URL under which a role reaches a database of the server."""
    way = server.running.dsn(role, database)
    return f"postgresql://{role}@/{database}?host={quote(way['host'], safe='')}&port={way['port']}"


def settings_of(server: Server, database: str, **changes: Any) -> Settings:
    """Settings that open a database as an external record would be opened."""
    urls = {
        "record": url_of(server, "octavo_app", database),
        "record_system": url_of(server, "octavo_system", database),
    }
    return Settings(**{**urls, **changes})


async def connect(server: Server, role: str, database: str) -> asyncpg.Connection:
    """A bare connection, without anything Octavo does to one."""
    return await asyncpg.connect(**server.running.dsn(role, database))


@asynccontextmanager
async def administrator(server: Server, database: str = "octavo") -> AsyncIterator[asyncpg.Connection]:
    """The superuser's bare connection."""
    connection = await connect(server, "octavo_admin", database)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def empty_database(server: Server) -> AsyncIterator[str]:
    """The name of a new database with nothing in it."""
    name = f"empty_{secrets.token_hex(6)}"
    async with administrator(server) as admin:
        await admin.execute(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        await _drop(server, name)


@asynccontextmanager
async def migrated_database(server: Server) -> AsyncIterator[str]:
    """The name of a new database with the whole schema; the template is made at the first call."""
    name = f"fresh_{secrets.token_hex(6)}"
    async with administrator(server) as admin:
        if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", TEMPLATE):
            await migrate(server.running.dsn("octavo_admin", TEMPLATE))
        # Files copied, not every page logged: a fifth of the work, as nothing waits for a disk here.
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    # Rights on a database do not travel with its copy; the migrator sees to them.
    await migrate(server.running.dsn("octavo_admin", name))
    try:
        yield name
    finally:
        await _drop(server, name)


async def _drop(server: Server, name: str) -> None:
    async with administrator(server) as admin:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
