"""One snapshot of the whole record: what is in it, and digests that tell whether a copy is equal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from octavo.errors import BackupFault
from octavo.operations.manifest import Table
from octavo.postgres.pool import Pool, Transaction
from octavo.postgres.statements import load
from octavo.values.position import Position

_sql = load("octavo.operations", "snapshot.sql")

# A backup takes as long as it takes; and text forms of values must be the same everywhere.
_SESSION = {
    "application_name": "octavo backup",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "60s",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "search_path": "pg_catalog",
    "row_security": "off",
}


class Relation(msgspec.Struct, frozen=True):
    """A table and the names and sizes of its parts; `derived` when a projection can fill it again."""

    name: str
    derived: bool
    columns: str
    parts: list[str]
    part_bytes: list[int]


class Snapshot(msgspec.Struct, frozen=True):
    """What a transaction sees, and the name under which others can see the same."""

    name: str
    gate: int
    epoch: int
    system_identifier: int
    postgres: str
    migration: int

    def position(self, shard: int) -> Position:
        """Every event before it is seen."""
        return Position(shard, self.epoch, self.gate, 0)


@asynccontextmanager
async def reading(connect: Mapping[str, Any], *, size: int = 3) -> AsyncIterator[Pool]:
    """Connections without time limits that see every row, or fail: a policy never hides one in silence.

    Args:
        connect: what the driver's `connect` takes for a member of octavo_backup, or a superuser.
    """
    settings = {**connect.get("server_settings", {}), **_SESSION}
    pool = Pool({**connect, "server_settings": settings}, size=size, acquire_timeout_seconds=60.0)
    try:
        yield await pool.open()
    finally:
        await pool.close()


async def hold_blobs(transaction: Transaction) -> None:
    """Let no sweep delete a blob until the transaction ends; it holds no snapshot, so vacuum goes on."""
    await transaction.execute(_sql.share_blobs)


async def describe(transaction: Transaction) -> Snapshot:
    """The snapshot of a transaction; raises `BackupFault` when the database holds no record."""
    row = await transaction.fetchrow(_sql.describe_snapshot)
    if row is None:
        raise BackupFault("the record has never been opened", remedy="open it once, then make the backup")
    return Snapshot(**row)


async def relations(transaction: Transaction) -> list[Relation]:
    """Every table, also the user's own, by name."""
    return [Relation(**row) for row in await transaction.fetch(_sql.list_tables)]


async def sequences(transaction: Transaction) -> dict[str, int]:
    """The last value of every sequence."""
    return {row["name"]: row["last_value"] for row in await transaction.fetch(_sql.list_sequences)}


async def digest(transaction: Transaction, relation: Relation) -> Table:
    """Count and digest of a table's rows, whatever their order: SHA-256 of each row's text, summed."""
    statement = _sql.digest_table.replace("{table}", relation.name).replace("{columns}", relation.columns)
    row = await transaction.fetchrow(statement)
    assert row is not None
    parts = dict(zip(relation.parts, relation.part_bytes, strict=True))
    return Table(row["rows"], row["digest"], parts)


async def referenced_blobs(transaction: Transaction) -> AsyncIterator[tuple[str, int]]:
    """Key and length of every blob that a content names."""
    async for row in transaction.stream(_sql.referenced_blobs):
        yield row["blob"], row["bytes"]


async def copied_bytes(pool: Pool) -> dict[str, int]:
    """Bytes that running COPY commands have moved, by the name of the table."""
    return {row["name"]: row["bytes_processed"] for row in await pool.fetch(_sql.copied_bytes)}
