"""Links: typed relations between two documents, made under the locks of both, and walks along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from octavo.errors import Conflict, InvalidFilter, InvalidInput, LimitExceeded, NotFound
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.rows import position_from_row
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.json import encode_object
from octavo.values.label import confidence_of, description_of
from octavo.values.link import (
    MAX_DEPTH,
    MAX_METADATA_BYTES,
    Direction,
    Link,
    LinkPage,
    LinkType,
    Neighbour,
    direction_of,
    link_type,
)
from octavo.values.page import Cursor, fingerprint, parse_cursor
from octavo.values.position import Position

_sql = load("octavo.store", "links.sql")
_ATTEMPTS = 3
_LEAST = UUID(int=0)


async def put(
    scope: Scope,
    source: UUID,
    type: str,
    target: UUID,
    *,
    confidence: float | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Link:
    """Link two documents; the same link again changes its confidence and metadata. A type that is new is made.

    Raises:
        NotFound: one of the documents is not there, or deleted.
        InvalidInput: a document with itself, or not a type, confidence or metadata.
    """
    if source == target:
        raise InvalidInput(f"document {source} would be linked with itself", remedy="name two documents")
    arguments = scope.change(
        source,
        link_type(type),
        target,
        confidence_of(confidence),
        None if metadata is None else encode_object(metadata, what="metadata", max_bytes=MAX_METADATA_BYTES),
    )
    for _ in range(_ATTEMPTS):
        row = await scope.runner.fetchrow(_sql.put_link, *arguments)
        if row is None or len(row["live"]) < 2:
            live = [] if row is None else row["live"]
            missing = [str(id) for id in (source, target) if id not in live]
            raise NotFound(f"there is no document {' and no '.join(missing)} to link")
        if row["created_at"] is not None:
            if row["changed"]:
                scope.committed()
            return link_from_row(row, scope)
    raise Conflict(f"the link type {type!r} is made and deleted by others all the time", remedy="try again")


async def remove(scope: Scope, source: UUID, type: str, target: UUID) -> Position:
    """Take a link away; raises `NotFound` when there is none such between live documents."""
    row = await scope.runner.fetchrow(_sql.remove_link, *scope.change(source, link_type(type), target))
    if row is None:
        raise NotFound(f"there is no link {type!r} from document {source} to {target}")
    scope.committed()
    return position_from_row(row, scope.shard)


async def of_document(
    scope: Scope,
    id: UUID,
    *,
    type: str | None = None,
    direction: Direction = "both",
    limit: int = 100,
    cursor: str | None = None,
) -> LinkPage:
    """Links of a live document with live documents, by type and by the other document's id."""
    _check_limit(limit, scope)
    way, wanted = direction_of(direction), None if type is None else link_type(type)
    question = fingerprint("links", str(id), way, wanted or "")
    behind, other, back = _place(cursor, question)
    rows = await scope.runner.fetch(
        _sql.links_of_document,
        scope.organization,
        id,
        wanted,
        way != "in",
        way != "out",
        behind,
        other,
        back,
        limit + 1,
        _LEAST,
    )
    links = [link_from_row(row, scope) for row in rows[:limit]]
    if len(rows) <= limit:
        return LinkPage(links, None)
    last = rows[limit - 1]
    return LinkPage(links, str(Cursor(question, f"{last['type']} {int(last['back'])}", last["other_id"])))


async def of_type(scope: Scope, type: str, *, limit: int = 100, cursor: str | None = None) -> LinkPage:
    """All links of a type between live documents, newest first."""
    _check_limit(limit, scope)
    question = fingerprint("links of type", link_type(type))
    behind = _moment_and_ends(cursor, question)
    rows = await scope.runner.fetch(_sql.links_of_type, scope.organization, type, *behind, limit + 1)
    links = [link_from_row(row, scope) for row in rows[:limit]]
    if len(rows) <= limit:
        return LinkPage(links, None)
    last = links[-1]
    return LinkPage(links, str(Cursor(question, f"{last.created_at.isoformat()} {last.source}", last.target)))


async def neighbours(
    scope: Scope,
    id: UUID,
    *,
    types: Sequence[str] | None = None,
    direction: Direction = "both",
    depth: int = 1,
    limit: int = 100,
) -> list[Neighbour]:
    """Live documents that links lead to, the nearest first, each once, however often it is reached.

    Raises:
        NotFound: no such document, or deleted. LimitExceeded: a depth above 10, or a limit above a page's.
    """
    _check_limit(limit, scope)
    if not 1 <= depth <= MAX_DEPTH:
        raise LimitExceeded(
            f"depth = {depth}", remedy=f"give 1 to {MAX_DEPTH}", limit=MAX_DEPTH, actual=depth
        )
    way = direction_of(direction)
    wanted = None if types is None else [link_type(type) for type in types]
    rows = await scope.runner.fetch(
        _sql.neighbours_of_document,
        scope.organization, id, wanted, way != "in", way != "out", depth, limit,
    )  # fmt: skip
    if not rows:
        raise NotFound(f"there is no document {id}")
    return [Neighbour(**row) for row in rows if row["id"] is not None]


async def define(
    scope: Scope, name: str, *, symmetric: bool = False, description: str | None = None
) -> LinkType:
    """Make a type of links, or describe the one of this name; None keeps its description.

    Raises:
        Conflict: there are links of the type, and they would lose or get a direction.
        InvalidInput: not the name of a type, or no description.
    """
    who = scope.origin.actor
    try:
        row = await scope.runner.fetchrow(
            _sql.define_type,
            scope.organization,
            who.id,
            who.kind,
            link_type(name),
            symmetric,
            None if description is None else description_of(description),
        )
    except NotFound as error:
        which = "a direction" if symmetric else "none"
        raise Conflict(
            f"there are links of the type {name!r}, which have {which}", remedy="use another type"
        ) from error
    if row is None:
        raise NotFound(f"there is no organization {scope.organization}")
    return _type(row)


async def delete_type(scope: Scope, name: str) -> None:
    """Delete a type of links.

    Raises:
        NotFound: no such type. Conflict: there are links of it, between deleted documents perhaps.
    """
    try:
        row = await scope.runner.fetchrow(_sql.delete_type, scope.organization, link_type(name))
    except NotFound as error:
        raise Conflict(f"there are links of the type {name!r}", remedy="take them away first") from error
    if row is None:
        raise NotFound(f"there is no link type {name!r}", remedy="see `octavo link-types`")


async def types(scope: Scope, *, after: str = "", limit: int = 100) -> list[LinkType]:
    """Types of links by name; `after` continues a listing."""
    rows = await scope.runner.fetch(_sql.list_types, scope.organization, after, min(limit, scope.limits.page))
    return [_type(row) for row in rows]


def _place(cursor: str | None, question: str) -> tuple[str, UUID, bool]:
    """Behind which link of a document a page begins: type, other document, whether that is the source."""
    if cursor is None:
        return "", _LEAST, False
    place = parse_cursor(cursor, question)
    type, _, back = place.key.partition(" ")
    return type, place.id, back == "1"


def _moment_and_ends(cursor: str | None, question: str) -> tuple[datetime, UUID, UUID]:
    """Behind which link of a type a page begins: when it was made, and its ends."""
    if cursor is None:
        return datetime.max.replace(tzinfo=UTC), _LEAST, _LEAST
    place = parse_cursor(cursor, question)
    moment, _, source = place.key.partition(" ")
    try:
        return datetime.fromisoformat(moment).astimezone(UTC), UUID(source), place.id
    except (ValueError, OverflowError) as error:
        raise InvalidFilter(
            f"{cursor[:60]!r} is not a cursor", remedy="use the text the page before returned"
        ) from error


def _check_limit(limit: int, scope: Scope) -> None:
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"limit = {limit}", remedy=f"give 1 to {scope.limits.page}", limit=scope.limits.page, actual=limit
        )


def link_from_row(row: Row, scope: Scope) -> Link:
    """The link of a row of `links.sql`."""
    return Link(
        source=row["source_id"],
        type=row["type"],
        target=row["target_id"],
        symmetric=row["is_symmetric"],
        confidence=row["confidence"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
        updated_at=row["updated_at"],
        position=position_from_row(row, scope.shard),
        changed=row["changed"],
        raw_metadata=row["metadata"],
    )


def _type(row: Row) -> LinkType:
    return LinkType(
        name=row["name"],
        symmetric=row["is_symmetric"],
        description=row["description"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
    )
