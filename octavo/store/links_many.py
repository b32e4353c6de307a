"""Many links at once: all of them or none, in three statements however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from octavo.postgres.statements import load
from octavo.store.links import link_from_row
from octavo.store.scope import Scope
from octavo.values.json import encode_object
from octavo.values.label import confidence_of
from octavo.values.link import MAX_METADATA_BYTES, Link, link_type

_sql = load("octavo.store", "links_many.sql")
_SHOWN = 5


class LinkDraft(msgspec.Struct, frozen=True):
    """A link as it is wanted; see `octavo.store.links.put`."""

    source: UUID
    type: str
    target: UUID
    confidence: float | None = None
    metadata: bytes | None = None

    @classmethod
    def of(
        cls,
        source: UUID,
        type: str,
        target: UUID,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> LinkDraft:
        """A draft of what a caller gave; raises `InvalidInput`."""
        if source == target:
            raise InvalidInput(f"document {source} would be linked with itself", remedy="name two documents")
        encoded = None
        if metadata is not None:
            encoded = encode_object(metadata, what="metadata", max_bytes=MAX_METADATA_BYTES)
        return cls(source, link_type(type), target, confidence_of(confidence), encoded)


async def put_many(scope: Scope, drafts: Sequence[LinkDraft]) -> list[Link]:
    """Make the links, or change those that are there; the caller's transaction holds them together.

    Returns:
        A link for each draft, in their order; of the same link given twice the last draft counts.

    Raises:
        NotFound: a document is not there, or deleted; names some of them.
        LimitExceeded: more links than `Limits.batch`.
    """
    if len(drafts) > scope.limits.batch:
        raise LimitExceeded(
            f"{len(drafts)} links in one call",
            remedy=f"the limit is {scope.limits.batch}: make several calls",
            limit=scope.limits.batch,
            actual=len(drafts),
        )
    if not drafts:
        return []
    await _lock_ends(scope, drafts)
    types = sorted({draft.type for draft in drafts})
    who = scope.origin.actor
    await scope.runner.execute(_sql.make_types, scope.organization, types, who.id, who.kind)
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, drafts), strict=True)]
    rows = await scope.runner.fetch(_sql.put_links, *scope.change(*columns))
    links = {place: link_from_row(row, scope) for row in rows for place in row["places"]}
    if len(links) < len(drafts):
        raise Conflict("a type of links was deleted by another writer meanwhile", remedy="try again")
    if any(link.changed for link in links.values()):
        scope.committed()
    return [links[place] for place in range(1, len(drafts) + 1)]


async def _lock_ends(scope: Scope, drafts: Sequence[LinkDraft]) -> None:
    wanted = {id: None for draft in drafts for id in (draft.source, draft.target)}
    rows = await scope.runner.fetch(_sql.lock_ends, scope.organization, list(wanted))
    live = {row["id"] for row in rows if row["is_live"]}
    missing = [str(id) for id in wanted if id not in live]
    if missing:
        more = f" and {len(missing) - _SHOWN} others" if len(missing) > _SHOWN else ""
        raise NotFound(f"there is no document {', no '.join(missing[:_SHOWN])}{more} to link")
