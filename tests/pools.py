"""Pools for tests that look at the pool itself, and what the server says of their connections."""

from __future__ import annotations

import secrets
from typing import Any

from octavo.postgres.pool import Pool
from octavo.postgres.server import Server


class Pools:
    """Makes pools that can be told apart on the server by their application name, and closes them."""

    def __init__(self, server: Server, database: str) -> None:
        self._server = server
        self._database = database
        self._made: list[Pool] = []

    async def open(self, role: str = "octavo_app", **changes: Any) -> Pool:
        """An open pool."""
        name = f"pool-{secrets.token_hex(6)}"
        told = {"application_name": name, **changes.pop("server_settings", {})}
        arguments = {**self._server.running.dsn(role, self._database), "server_settings": told}
        arguments["host"] = changes.pop("host", arguments["host"])
        pool = Pool(arguments, **{"size": 3, "acquire_timeout_seconds": 5.0, **changes})
        self._made.append(pool)
        return await pool.open()

    async def close(self) -> None:
        """Close them all."""
        for pool in self._made:
            await pool.close()


async def backend_of(pool: Pool) -> int:
    """The server process behind the connection the pool gives out now."""
    row = await pool.fetchrow("SELECT pg_backend_pid() AS pid")
    assert row is not None
    return row["pid"]


def name_of(pool: Pool) -> str:
    """The application name of the pool's connections."""
    name: str = pool._arguments["server_settings"]["application_name"]
    return name
