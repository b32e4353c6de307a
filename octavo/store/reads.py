"""Reads of single documents: the current version, an earlier one, a tagged one, or the one at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.rows import document_from_row, version_from_row
from octavo.store.scope import Scope
from octavo.values.difference import difference
from octavo.values.document import Difference, Document, Version
from octavo.values.json import decode

_sql = load("octavo.store", "reads.sql")
_NEWEST = 2**31 - 1


async def get(
    scope: Scope,
    id: UUID,
    *,
    version: int | None = None,
    tag: str | None = None,
    at: datetime | None = None,
    deleted: bool = False,
) -> Document:
    """One document by id, in one round trip.

    Args:
        version, tag, at: which version; at most one of them. `at` is a moment with a time zone.
        deleted: return it also when it is deleted (a deletion itself has the body it removed).

    Raises:
        NotFound: no such document or version for this organization, or deleted.
    """
    if sum(choice is not None for choice in (version, tag, at)) > 1:
        raise InvalidInput("version, tag and at exclude each other", remedy="give one of them")
    if version is not None:
        row = await scope.runner.fetchrow(_sql.get_version, scope.organization, id, version)
        return _found(scope, row, f"document {id} at version {version}", deleted)
    if tag is not None:
        row = await scope.runner.fetchrow(_sql.get_tagged, scope.organization, id, tag)
        return _found(scope, row, f"document {id} with the tag {tag!r}", deleted)
    if at is not None:
        return await _get_at(scope, id, at, deleted)
    row = await scope.runner.fetchrow(_sql.get_document, scope.organization, id)
    return _found(scope, row, f"document {id}", deleted)


async def get_named(scope: Scope, type: str, name: str) -> Document:
    """The document of this type and name in the scope's namespace, current version."""
    row = await scope.runner.fetchrow(
        _sql.get_named_document, scope.organization, scope.namespace, type, name
    )
    return _found(scope, row, f"{type} {name!r} in {scope.namespace!r}", deleted=False)


async def find_id(scope: Scope, type: str, name: str) -> UUID:
    """The id behind a name."""
    row = await scope.runner.fetchrow(_sql.find_id, scope.organization, scope.namespace, type, name)
    if row is None:
        raise NotFound(f"there is no {type} {name!r} in {scope.namespace!r}")
    id: UUID = row["id"]
    return id


async def get_many(scope: Scope, ids: Sequence[UUID]) -> dict[UUID, Document]:
    """Current versions of many documents in one statement, in the order asked; missing and deleted are left out."""
    if len(ids) > scope.limits.batch:
        raise LimitExceeded(
            f"{len(ids)} ids in one call",
            remedy=f"the limit is {scope.limits.batch}",
            limit=scope.limits.batch,
            actual=len(ids),
        )
    rows = await scope.runner.fetch(_sql.get_documents, scope.organization, list(ids))
    found = {row["id"]: row for row in rows}
    return {id: document_from_row(found[id], scope.shard) for id in ids if id in found}


async def get_versions(scope: Scope, asked: Sequence[tuple[UUID, int]]) -> list[Document | NotFound]:
    """Versions of many documents in one statement, in the order asked; for what is not there why `get` refuses it."""
    rows = await scope.runner.fetch(
        _sql.get_versions, scope.organization, [id for id, _ in asked], [number for _, number in asked]
    )
    found = {(row["id"], row["version"]): row for row in rows}
    return [_version(scope, found.get(one), *one) for one in asked]


async def history(scope: Scope, id: UUID, *, before: int | None = None, limit: int = 100) -> list[Version]:
    """Versions of a document, newest first, deleted documents included; `before` continues a listing."""
    rows = await scope.runner.fetch(
        _sql.history, scope.organization, id, before or _NEWEST, min(limit, scope.limits.page)
    )
    if not rows and before is None:
        raise NotFound(f"there is no document {id}")
    return [version_from_row(row) for row in rows]


async def diff(scope: Scope, id: UUID, before: int, after: int) -> list[Difference]:
    """What changed in body and metadata from one version to another, by path (RFC 6901)."""
    rows = await scope.runner.fetch(_sql.bodies_of_versions, scope.organization, id, [before, after])
    found = {
        row["number"]: {"body": decode(row["body"]), "metadata": decode(row["metadata"])} for row in rows
    }
    for number in (before, after):
        if number not in found:
            raise NotFound(f"document {id} has no version {number}", remedy="see its history")
    return difference(found[before], found[after])


async def _get_at(scope: Scope, id: UUID, at: datetime, deleted: bool) -> Document:
    if at.tzinfo is None:
        raise InvalidInput(
            f"the moment {at.isoformat()} has no time zone", remedy="add one, as in 2026-01-31T12:00:00Z"
        )
    row = await scope.runner.fetchrow(_sql.get_at, scope.organization, id, at)
    if row is not None and row["tombstone"] and not deleted:
        raise NotFound(f"document {id} was deleted at {at.isoformat()}")
    # What it was then counts, also if it has been deleted since.
    return _found(scope, row, f"document {id} at {at.isoformat()}", deleted=True)


def _version(scope: Scope, row: Row | None, id: UUID, number: int) -> Document | NotFound:
    try:
        return _found(scope, row, f"document {id} at version {number}", deleted=False)
    except NotFound as error:
        return error


def _found(scope: Scope, row: Row | None, what: str, deleted: bool) -> Document:
    if row is None:
        raise NotFound(f"there is no {what}")
    if row["deleted_at"] is not None and not deleted:
        raise NotFound(f"{what} is deleted", remedy="ask for deleted documents, or restore it")
    return document_from_row(row, scope.shard)
