"""Tags: named pointers to versions, moved under the document's lock, with their history in the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import NotFound
from octavo.postgres.statements import load
from octavo.store.rows import position_from_row
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.document import Tag
from octavo.values.json import decode
from octavo.values.position import Position

_sql = load("octavo.store", "tags.sql")


class TagMove(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a tag's history; `version` is None when the tag was removed."""

    tag: str
    version: int | None
    previous: int | None
    moved_at: datetime
    moved_by: Actor
    session: str | None


async def move(scope: Scope, id: UUID, name: str, version: int | None = None) -> Tag:
    """Point a tag at a version (the current one if none is given); a tag that is there already stays.

    Raises:
        NotFound: no such document or version, or deleted.
        InvalidInput: not a tag's name.
    """
    row = await scope.runner.fetchrow(_sql.move_tag, *scope.change(id, name, version))
    if row is None:
        which = "" if version is None else f" version {version} of"
        raise NotFound(f"there is no{which} document {id} to tag")
    if row["changed"]:
        scope.committed()
    return Tag(
        document_id=id,
        name=name,
        version=row["version"],
        previous=row["previous"],
        moved_at=row["moved_at"],
        moved_by=Actor(row["moved_by"], row["moved_by_kind"]),
        position=position_from_row(row, scope.shard),
    )


async def remove(scope: Scope, id: UUID, name: str) -> Position:
    """Take a tag away; raises `NotFound` when the document has none of this name."""
    row = await scope.runner.fetchrow(_sql.remove_tag, *scope.change(id, name))
    if row is None:
        raise NotFound(f"document {id} has no tag {name!r}")
    scope.committed()
    return position_from_row(row, scope.shard)


async def current(scope: Scope, id: UUID) -> list[Tag]:
    """The tags of a document, by name."""
    rows = await scope.runner.fetch(_sql.list_tags, scope.organization, id)
    return [
        Tag(
            document_id=id,
            name=row["name"],
            version=row["version"],
            previous=None,
            moved_at=row["moved_at"],
            moved_by=Actor(row["moved_by"], row["moved_by_kind"]),
            position=position_from_row(row, scope.shard),
        )
        for row in rows
    ]


async def history(scope: Scope, id: UUID, name: str | None = None, *, limit: int = 100) -> list[TagMove]:
    """Moves of one tag, or of all, newest first, from the document's stream."""
    rows = await scope.runner.fetch(
        _sql.tag_history, scope.organization, f"document-{id}", name, min(limit, scope.limits.page)
    )
    return [_tag_move(row["data"], row) for row in rows]


def _tag_move(data: bytes, row: Any) -> TagMove:
    told = decode(data)
    return TagMove(
        tag=told["tag"],
        version=told.get("version"),
        previous=told.get("previous"),
        moved_at=row["recorded_at"],
        moved_by=Actor(row["actor"], row["actor_kind"]),
        session=row["session_id"],
    )
