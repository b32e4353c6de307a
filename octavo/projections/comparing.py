"""What the record says that an engine should hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.projections import heads
from octavo.roles.state import Digest
from octavo.values.position import Position

_sql = load("octavo.projections", "comparing.sql")


class Standing(msgspec.Struct, frozen=True):
    """A document as it is now.

    Attributes:
        version: that should be held; None when the document should not be held.
        position: of the last thing that happened to it; None when the record knows nothing of it.
    """

    version: int | None
    position: Position | None


async def summaries(system: Pool) -> Mapping[UUID, Digest]:
    """By organization, with seals of the server: one scan of the heads."""
    rows = await system.fetch(_sql.summaries)
    return {row["organization_id"]: Digest(row["documents"], int(row["seals"])) for row in rows}


async def digests(
    system: Pool, organizations: Sequence[UUID] | None = None
) -> Mapping[tuple[UUID, int], Digest]:
    """By organization and bucket, of some organizations or of all: one scan of the heads."""
    if organizations is None:
        rows = await system.fetch(_sql.digests)
    else:
        rows = await system.fetch(_sql.digests_of, organizations)
    return {(row["organization_id"], row["bucket"]): Digest(row["documents"], row["seals"]) for row in rows}


async def bucketed(system: Pool, organization: UUID, buckets: Sequence[int]) -> dict[UUID, int]:
    """The versions of an organization's documents in these buckets."""
    rows = await system.fetch(_sql.bucketed, organization, buckets)
    return {row["id"]: row["version"] for row in rows}


async def standing(
    system: Pool, shard: int, organization: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, Standing]:
    """How documents are now."""
    rows = await system.fetch(_sql.standing, organization, ids)
    return {
        row["id"]: Standing(
            row["version"],
            None
            if row["epoch"] is None
            else Position(shard, row["epoch"], row["position_xid"], row["position_id"]),
        )
        for row in rows
    }


async def last_event(system: Pool, shard: int) -> Position | None:
    """Where the last committed event is; None in an empty log."""
    row = await system.fetchrow(_sql.last_event)
    return None if row is None else Position(shard, row["epoch"], row["position_xid"], row["id"])


async def scanned(system: Pool, key: heads.Key | None) -> tuple[int, int]:
    """How many documents a scan has passed at a key, and how many there are; without a key all are passed."""
    organization, id = key or (None, None)
    row = await system.fetchrow(_sql.live_documents, organization, id)
    assert row is not None
    return row["scanned"], row["documents"]


async def live_keys(system: Pool, after: heads.Key, limit: int) -> Sequence[heads.Key]:
    """The live documents behind a key, by organization and id; none at the end."""
    rows = await system.fetch(_sql.live_keys, *after, limit)
    return [(row["organization_id"], row["id"]) for row in rows]
