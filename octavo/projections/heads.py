"""The current state of documents, read for all organizations in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.values.position import Position

_sql = load("octavo.projections", "heads.sql")

# Documents of one read at most, and bytes of bodies as they are stored, which is compressed.
DOCUMENTS_AT_ONCE = 1_000
BYTES_AT_ONCE = 8 * 1024 * 1024

Key = tuple[UUID, UUID]


class Heads(msgspec.Struct, frozen=True):
    """Some documents as they are now, and the keys that were left for the next read.

    Rows have the columns of `heads.sql`; one that is not live has no body.
    """

    rows: Sequence[Row]
    left: Sequence[Key] = ()


async def read(system: Pool, keys: Sequence[Key]) -> Heads:
    """The documents with these keys (organization and id), as many as fit, in this order."""
    asked = keys[:DOCUMENTS_AT_ONCE]
    rows = await system.fetch(
        _sql.read_documents, [key[0] for key in asked], [key[1] for key in asked], BYTES_AT_ONCE
    )
    complete = _complete(rows)
    return Heads(rows[:complete], keys[complete:])


async def scan(system: Pool, after: Key) -> Sequence[Row]:
    """The live documents behind a key, as many as fit, by organization and id; none when the scan is done."""
    rows = await system.fetch(_sql.scan_documents, *after, BYTES_AT_ONCE, DOCUMENTS_AT_ONCE)
    return rows[: _complete(rows)]


async def gate(system: Pool, shard: int) -> Position:
    """A position below which everything is committed, and where nothing can appear any more."""
    row = await system.fetchrow(_sql.gate)
    assert row is not None
    return Position(shard, row["epoch"], row["position_xid"], 0)


def _complete(rows: Sequence[Row]) -> int:
    """How many rows have come with what they should have."""
    return next((at for at, row in enumerate(rows) if row["is_live"] and row["body"] is None), len(rows))
