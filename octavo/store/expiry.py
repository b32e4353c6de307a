"""Documents that expire: the moment is set with a put or by itself, and the sweep deletes what is due, softly.

Every read takes a due one as deleted at once, lists, counts and search too. The sweep records its deletion within a
minute, while any process has the database open with its background; until then it can be given more time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, NotFound
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store import changes
from octavo.store.rows import position_from_row
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor, Origin
from octavo.values.document import Document
from octavo.values.position import Position

_sql = load("octavo.store", "expiry.sql")

# What an expired document's deletion is recorded with.
SWEEPER = Origin(Actor("expiry", "system"))
MAX_TTL_SECONDS = 100 * 366 * 86_400.0


class Expiry(msgspec.Struct, frozen=True):
    """When a document expires: at a moment, or so many seconds from now by the server's clock; neither: never."""

    expires_at: datetime | None = None
    ttl_seconds: float | None = None

    @classmethod
    def of(cls, expires_at: datetime | None, ttl_seconds: float | None) -> Expiry:
        """Check what a caller gave; raises `InvalidInput`."""
        if expires_at is not None and ttl_seconds is not None:
            raise InvalidInput("expires_at and ttl_seconds exclude each other", remedy="give one of them")
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidInput(
                f"the moment {expires_at.isoformat()} has no time zone",
                remedy="add one, as in 2026-01-31T12:00:00Z",
            )
        if ttl_seconds is not None and not 0 < ttl_seconds <= MAX_TTL_SECONDS:
            raise InvalidInput(
                f"a document cannot live for {ttl_seconds} seconds",
                remedy="give more than 0, at most 100 years",
            )
        return cls(expires_at, ttl_seconds)

    def __bool__(self) -> bool:
        return self.expires_at is not None or self.ttl_seconds is not None


async def set_for(scope: Scope, stored: Sequence[Document], expiry: Expiry) -> list[Document]:
    """Documents that were just put, and when they expire; the scope's runner is the transaction of the put."""
    moved = await set_expiry(scope, [document.id for document in stored], expiry)
    return [
        msgspec.structs.replace(document, position=moved[document.id], changed=True)
        if document.id in moved
        else document
        for document in stored
    ]


async def set_expiry(scope: Scope, ids: Sequence[UUID], expiry: Expiry) -> dict[UUID, Position]:
    """Set when live documents expire, in one statement.

    Returns:
        The position of each document that changed; one that expired at this moment already is left out.
    """
    rows = await scope.runner.fetch(
        _sql.set_expiry, *scope.change(list(ids), expiry.expires_at, expiry.ttl_seconds)
    )
    if rows:
        scope.committed()
    return {row["id"]: position_from_row(row, scope.shard) for row in rows}


async def set_one(scope: Scope, id: UUID, expiry: Expiry) -> Position:
    """`set_expiry` of one document that must be there; raises `NotFound`."""
    changed = await set_expiry(scope, [id], expiry)
    if id in changed:
        return changed[id]
    return position_from_row(await _live(scope, id), scope.shard)


async def find(scope: Scope, id: UUID) -> datetime | None:
    """When a live document expires, None: never; raises `NotFound`."""
    moment: datetime | None = (await _live(scope, id))["expires_at"]
    return moment


async def due(system: Pool, limit: int) -> list[tuple[UUID, UUID]]:
    """Organization and id of documents that are due, the longest due first."""
    return [(row["organization_id"], row["id"]) for row in await system.fetch(_sql.due_documents, limit)]


async def delete_due(system: Pool, scope: Scope, ids: Sequence[UUID]) -> int:
    """Delete, softly, those of an organization's documents that are due; returns how many.

    They are locked first: one that gets more time meanwhile stays, and one that is being changed is left for later.
    """
    async with transaction(system, scope) as inside:
        rows = await inside.runner.fetch(_sql.lock_due, scope.organization, list(ids))
        for row in rows:
            await changes.delete(inside, row["id"])
    return len(rows)


async def _live(scope: Scope, id: UUID) -> Row:
    row = await scope.runner.fetchrow(_sql.find_expiry, scope.organization, id)
    if row is None:
        raise NotFound(f"there is no document {id}")
    return row
