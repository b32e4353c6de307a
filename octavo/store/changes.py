"""Changes of documents: each is one statement, one round trip, and commits head, version, body and event.

A call on a pool commits before it returns; on a transaction it commits with it. Two writers of one document
wait for each other, so no update is lost; `expect=` turns the wait into a `VersionConflict`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import (
    AlreadyExists,
    GuardFailed,
    InvalidInput,
    LimitExceeded,
    NotFound,
    VersionConflict,
)
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store import filters
from octavo.store.rows import document_from_row, position_from_row
from octavo.store.scope import Scope
from octavo.values import patch as patches
from octavo.values.document import Document
from octavo.values.filter import parse as parse_filter
from octavo.values.json import encode, encode_object
from octavo.values.position import Position

_sql = load("octavo.store", "changes.sql")
CREATE_ONLY = 0
_CHUNK_DOCUMENTS = 2_000
_CHUNK_BYTES = 16 * 1024 * 1024
_GUARD_PARAMETERS_FROM = 12


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be put: checked and encoded, nothing stored yet."""

    type: str
    body: bytes
    name: str | None = None
    id: UUID | None = None
    metadata: bytes | None = None
    schema_version: int = 0

    @classmethod
    def of(
        cls,
        scope: Scope,
        type: str,
        body: object,
        *,
        name: str | None = None,
        id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Draft:
        """Check and encode what a caller gave; raises `InvalidInput` or `LimitExceeded`."""
        content, schema_version = scope.types.checked(type, body)
        return cls(
            type=type,
            name=_checked_name(name),
            id=id,
            schema_version=schema_version,
            body=encode_object(content, max_bytes=scope.limits.body_bytes),
            metadata=None
            if metadata is None
            else encode_object(metadata, what="metadata", max_bytes=1024 * 1024),
        )


async def put(scope: Scope, draft: Draft, *, expect: int | None = None) -> Document:
    """Create a document, or make the next version of the one with this id or this namespace, type and name.

    An equal body and metadata is no change: the current version comes back with `changed=False`.

    Args:
        expect: 0 to create only; n to replace version n only.

    Raises:
        AlreadyExists, VersionConflict, NotFound, InvalidInput.
    """
    if expect:
        return await _replace(scope, draft, expect)
    if draft.id is None and draft.name is None:
        return await _create(scope, draft)
    statement = _sql.put_document if draft.id is None else _sql.put_document_by_id
    arguments = (*_arguments(scope, draft), expect == CREATE_ONLY)
    row = await scope.runner.fetchrow(statement, *arguments)
    if row is None:
        # A writer committed the same name between our snapshot and our look: the next snapshot sees it.
        await _require_organization(scope)
        row = await scope.runner.fetchrow(statement, *arguments)
    if row is None:
        raise VersionConflict(
            f"{draft.type} {draft.name!r} is changed by others all the time", remedy="try again"
        )
    if not row["changed"]:
        _refuse_unchanged(scope, draft, row, expect)
    return _done(scope, row, body=draft.body)


async def _create(scope: Scope, draft: Draft) -> Document:
    row = await scope.runner.fetchrow(_sql.create_document, *_arguments(scope, draft))
    if row is None:
        await _require_organization(scope)
        raise AssertionError("a document that meets no other was not stored")
    return _done(scope, row, body=draft.body)


def _arguments(scope: Scope, draft: Draft) -> tuple[object, ...]:
    return scope.change(
        draft.id or uuid7(),
        scope.namespace,
        draft.type,
        draft.name,
        draft.body,
        draft.metadata,
        draft.schema_version,
    )


async def put_many(scope: Scope, drafts: Sequence[Draft]) -> list[Document]:
    """Put documents in bulk, in the order given: one transaction if the runner is one, else one a chunk.

    A name may appear once in a call. Metadata that is not given is empty, also on an existing document.
    """
    _refuse_doubles(drafts)
    if len(drafts) > scope.limits.batch:
        raise LimitExceeded(
            f"{len(drafts)} documents in one call",
            remedy=f"the limit is {scope.limits.batch}: put them in several",
            limit=scope.limits.batch,
            actual=len(drafts),
        )
    stored: list[Document] = []
    for chunk in _chunks(drafts):
        stored += await _put_chunk(scope, chunk)
    return stored


def is_one_statement(drafts: Sequence[Draft]) -> bool:
    """Whether `put_many` needs one statement only, which is atomic without a transaction around it."""
    return len(_chunks(drafts)) <= 1


async def patch(
    scope: Scope,
    id: UUID,
    changes: Mapping[str, Any],
    *,
    metadata: Mapping[str, Any] | None = None,
    expect: int | None = None,
    where: Mapping[str, Any] | None = None,
) -> Document:
    """Change fields of a document's current version, on the server and under its lock.

    Plain keys merge as in JSON Merge Patch (RFC 7396: null removes a field); `$inc`, `$push` … operate.

    Raises:
        NotFound, VersionConflict, InvalidInput; GuardFailed when `where` does not hold for the current version.
    """
    parsed = patches.parse(changes)
    guard, guard_arguments = _guard(where)
    row = await scope.runner.fetchrow(
        _sql.patch_document.replace("{guard}", guard),
        *scope.change(
            id,
            parsed.merge,
            parsed.operations,
            None if metadata is None else encode(metadata, what="metadata"),
            expect,
            *guard_arguments,
        ),
    )
    document = _admitted(scope, row, id, expect)
    if document is None:
        raise GuardFailed(f"the condition does not hold for document {id}", remedy="read it and decide again")
    return document


async def revert(scope: Scope, id: UUID, version: int, *, expect: int | None = None) -> Document:
    """Make a new version with the body and metadata of an earlier one.

    Raises:
        NotFound: no such document or version, or a version that is a deletion.
    """
    row = await scope.runner.fetchrow(_sql.revert_document, *scope.change(id, version, expect))
    document = _admitted(scope, row, id, expect)
    if document is None:
        raise NotFound(f"document {id} has no version {version} to go back to", remedy="see its history")
    return document


async def delete(scope: Scope, id: UUID, *, expect: int | None = None) -> Document:
    """Delete a document: a version that says so; every read and search stops showing it, `restore` undoes it."""
    row = await scope.runner.fetchrow(_sql.delete_document, *scope.change(id, expect))
    document = _admitted(scope, row, id, expect)
    if document is None:
        raise NotFound(f"there is no document {id}")
    return document


async def restore(scope: Scope, id: UUID) -> Document:
    """Undo a deletion: the next version has the body it had before; a document not deleted stays as it is.

    Raises:
        NotFound; AlreadyExists when its name was taken meanwhile.
    """
    row = await scope.runner.fetchrow(_sql.restore_document, *scope.change(id))
    if row is None:
        raise NotFound(f"there is no document {id}", remedy="a purged document cannot be restored")
    return _done(scope, row)


class Purged(msgspec.Struct, frozen=True):
    """What a purge left to be collected: hashes of bodies and names of blobs that may have no reference now."""

    position: Position
    hashes: list[bytes]
    blobs: list[str]


async def purge(scope: Scope, id: UUID) -> Purged:
    """Remove a document's versions, tags and contents for good; the log keeps that it existed, not what it said."""
    row = await scope.runner.fetchrow(_sql.purge_document, *scope.change(id))
    if row is None:
        raise NotFound(f"there is no document {id}")
    scope.committed()
    return Purged(position_from_row(row, scope.shard), list(row["hashes"]), list(row["blobs"]))


async def _replace(scope: Scope, draft: Draft, expect: int) -> Document:
    row = await scope.runner.fetchrow(
        _sql.replace_document,
        *scope.change(draft.id, scope.namespace, draft.type, draft.name, draft.body, draft.metadata),
        draft.schema_version,
        expect,
    )
    document = _admitted(scope, row, draft.id or draft.name, expect)
    if document is None:
        raise NotFound(f"there is no document {draft.id or draft.name!r}")
    return document


def _admitted(scope: Scope, row: Row | None, wanted: object, expect: int | None) -> Document | None:
    """The changed (or equal) document; None when the statement admitted nothing for a reason of its own."""
    if row is None:
        raise NotFound(f"there is no document {wanted}")
    if row["admitted"]:
        return _done(scope, row)
    if row["deleted_at"] is not None:
        raise NotFound(f"document {wanted} is deleted", remedy="restore it first")
    if expect is not None and row["version"] != expect:
        raise VersionConflict(
            f"document {wanted} is at version {row['version']}, not {expect}",
            remedy="read it, apply the change to what it is now, and try again",
            expected=expect,
            actual=row["version"],
        )
    return None


def _done(scope: Scope, row: Row, *, body: bytes | None = None) -> Document:
    if row["changed"]:
        scope.committed()
    return document_from_row(row, scope.shard, body=body, changed=row["changed"])


def _guard(where: Mapping[str, Any] | None) -> tuple[str, list[object]]:
    if where is None:
        return "true", []
    return filters.compile_guard(
        parse_filter(where), body="locked.body", metadata="locked.metadata", first=_GUARD_PARAMETERS_FROM
    )


def _refuse_unchanged(scope: Scope, draft: Draft, row: Row, expect: int | None) -> None:
    """An upsert that changed nothing is fine only if the stored document is the one that was put."""
    what = f"{draft.type} {draft.name!r}" if draft.id is None else f"document {draft.id}"
    if expect == CREATE_ONLY:
        raise AlreadyExists(
            f"{what} exists at version {row['version']}", remedy="put without expect=0 to change it"
        )
    if row["deleted_at"] is not None:
        raise NotFound(f"{what} is deleted", remedy="restore it, or put under another id")
    if (row["namespace"], row["type"]) != (scope.namespace, draft.type):
        raise InvalidInput(
            f"{what} is a {row['type']} in {row['namespace']!r}, not a {draft.type} in {scope.namespace!r}",
            remedy="a document keeps its type and namespace",
        )


async def _require_organization(scope: Scope) -> None:
    if await scope.runner.fetchrow(_sql.organization_exists, scope.organization) is None:
        raise NotFound(
            f"there is no organization {scope.organization}", remedy="create it: `octavo org create NAME`"
        )


async def _put_chunk(scope: Scope, drafts: Sequence[Draft]) -> list[Document]:
    ids = [draft.id or uuid7() for draft in drafts]
    rows = await scope.runner.fetch(
        _sql.put_documents,
        *scope.change(
            ids,
            [scope.namespace] * len(drafts),
            [draft.type for draft in drafts],
            [draft.name for draft in drafts],
            [draft.body for draft in drafts],
            [draft.metadata or b"{}" for draft in drafts],
            [draft.schema_version for draft in drafts],
        ),
    )
    if rows:
        scope.committed()
    found = {_key(row["type"], row["name"], row["id"]): row for row in rows}
    missing = [
        draft for draft, id in zip(drafts, ids, strict=True) if _key(draft.type, draft.name, id) not in found
    ]
    if missing:
        found |= await _unchanged(scope, missing)
    return [
        document_from_row(row, scope.shard, body=draft.body, changed=row["changed"])
        for draft, id in zip(drafts, ids, strict=True)
        if (row := found[_key(draft.type, draft.name, id)])
    ]


async def _unchanged(scope: Scope, drafts: Sequence[Draft]) -> dict[object, Row]:
    rows = await scope.runner.fetch(
        _sql.current_named_documents,
        scope.organization,
        [scope.namespace] * len(drafts),
        [draft.type for draft in drafts],
        [draft.name for draft in drafts],
    )
    if len(rows) < len(drafts):
        await _require_organization(scope)
        raise VersionConflict(
            "documents of this batch were deleted by others at the same time", remedy="try again"
        )
    return {_key(row["type"], row["name"], row["id"]): row for row in rows}


def _key(type: str, name: str | None, id: UUID) -> object:
    return (type, name) if name is not None else id


def _chunks(drafts: Sequence[Draft]) -> list[Sequence[Draft]]:
    chunks: list[Sequence[Draft]] = []
    start = size = 0
    for place, draft in enumerate(drafts):
        size += len(draft.body)
        if place + 1 - start >= _CHUNK_DOCUMENTS or size >= _CHUNK_BYTES:
            chunks.append(drafts[start : place + 1])
            start, size = place + 1, 0
    return [*chunks, drafts[start:]] if start < len(drafts) else chunks


def _refuse_doubles(drafts: Sequence[Draft]) -> None:
    seen: set[object] = set()
    for draft in drafts:
        key = (draft.type, draft.name) if draft.name is not None else draft.id
        if key is not None and key in seen:
            raise InvalidInput(f"{draft.name or draft.id!s} is put twice in one call", remedy="put it once")
        seen.add(key)


def _checked_name(name: str | None) -> str | None:
    if name is not None and not 1 <= len(name) <= 500:
        raise InvalidInput(f"a name has 1 to 500 characters, this one {len(name)}", remedy="shorten it")
    if name is not None and "\x00" in name:
        raise InvalidInput("a name cannot hold the character U+0000")
    return name
