"""Statements without a transaction: what an interruption left is dropped first, and partitions are seen to.

`CREATE INDEX CONCURRENTLY` blocks no writer, but it cannot be undone by a rollback, and PostgreSQL refuses it for
a partitioned table. So leftovers are dropped before a file is run again, and the index of a partitioned table is
made of one index a partition, each built beside the writers and then attached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import asyncpg

from octavo.postgres.split import bare
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "concurrently.sql")

_BESIDE_WRITERS = re.compile(r"\bCONCURRENTLY\b", re.IGNORECASE)
_INDEX = re.compile(
    r"CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(?P<index>\w+)"
    r"\s+ON\s+(?P<table>[\w.]+)\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


async def run_one_by_one(
    connection: asyncpg.Connection, statements: Sequence[str], *, schema: str, patience_seconds: float
) -> None:
    """Run the statements of a file without a transaction, from wherever an earlier run left it.

    Args:
        connection: outside a transaction; its `lock_timeout` holds for all but what works beside writers.
        statements: each bears to be run again.
        schema: where the indexes are.
        patience_seconds: how long to wait for older transactions; this makes nobody else wait.
    """
    text = "\n".join(bare(statement) for statement in statements)
    for row in await connection.fetch(_sql.find_invalid_indexes, text, schema):
        await _run(connection, row["repair"], patience_seconds)
    for statement in statements:
        for step in await _steps(connection, bare(statement), schema):
            await _run(connection, step, patience_seconds)


async def _steps(connection: asyncpg.Connection, statement: str, schema: str) -> list[str]:
    match = _INDEX.fullmatch(statement)
    if match is None or not await connection.fetchval(_sql.is_partitioned, match["table"]):
        return [statement]
    unique, index = "UNIQUE " if match["unique"] else "", f"{schema}.{match['index']}"
    whole = f"CREATE {unique}INDEX IF NOT EXISTS {match['index']} ON ONLY {match['table']} {match['rest']}"
    await connection.execute(whole)  # of no rows: it is there at once, and new partitions get theirs from it
    parts = await connection.fetch(_sql.list_parts, match["table"], index, match["rest"], unique)
    return [step for part in parts for step in part["statements"]]


async def _run(connection: asyncpg.Connection, statement: str, patience_seconds: float) -> None:
    if not _BESIDE_WRITERS.search(statement):
        await connection.execute(statement)
        return
    await connection.execute(await connection.fetchval(_sql.format_patience, round(patience_seconds * 1000)))
    try:
        await connection.execute(statement)
    finally:
        if not connection.is_closed():
            await connection.execute("RESET lock_timeout")
