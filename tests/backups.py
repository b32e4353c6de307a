"""A record with everything in it that a backup has to bring back, and how to look at a restored one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from octavo.operations import snapshot
from octavo.operations.manifest import Table
from octavo.postgres.record import Record
from octavo.registry import results
from octavo.roles.blobs import Blobs
from octavo.store import changes, contents, idempotency, labels, links, organizations, reads, tags
from octavo.store.changes import Draft
from octavo.store.contents import Content
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Actor, Origin
from octavo.values.document import Document


def scope_of(record: Record, organization: UUID, **changes: Any) -> Scope:
    """An organization's view of a record."""
    fields = {
        "runner": record.app,
        "organization": organization,
        "namespace": "default",
        "origin": Origin(Actor("ann"), session="s-1"),
        "limits": Limits(),
        "committed": unheard,
    }
    return Scope(**{**fields, **changes})


async def put(scope: Scope, body: Mapping[str, Any], **fields: Any) -> Document:
    """Put an article."""
    return await changes.put(scope, Draft.of(scope, "article", body, **fields))


async def put_file(scope: Scope, blobs: Blobs, data: bytes, **fields: Any) -> Document:
    """Put a document that came from a file."""
    document = await put(scope, {"text": hashlib.sha256(data).hexdigest()}, **fields)
    blob = await blobs.put(scope.organization, data)
    content = Content(
        version=document.version,
        sha256=blob.sha256,
        blob=blob.key,
        bytes=blob.size_bytes,
        media_type="application/pdf",
        encoding=None,
        language="de",
        preview="Zahlung binnen 30 Tagen",
        words=4,
        characters=23,
        paragraphs=1,
    )
    await contents.record(scope, [(document.id, content)])
    return document


class Filled(msgspec.Struct):
    """What `fill` has put into an organization."""

    scope: Scope
    versions: Document
    tagged: Document
    deleted: Document
    purged: Document
    files: list[Document]


async def fill(record: Record, blobs: Blobs, name: str) -> Filled:
    """An organization with everything in it: versions, tags, labels, links, files, deleted and purged documents."""
    organization = await organizations.create(record.system, name)
    scope = scope_of(record, organization.id)
    versions = await put(scope, {"title": "Grüße", "price": 1.10}, name="versions", metadata={"a": [1, None]})
    for number in range(2, 6):
        versions = await changes.patch(scope, versions.id, {"n": number, "text": "x" * 3000 * number})
    tagged = await put(scope, {"title": "tagged"}, name="tagged")
    await tags.move(scope, tagged.id, "production")
    tagged = await changes.patch(scope, tagged.id, {"title": "newer"})
    await tags.move(scope, tagged.id, "staging")
    await labels.assign(scope, tagged.id, "legal", 0.9)
    await links.put(scope, tagged.id, "references", versions.id, metadata={"page": 7})
    feeling = {"sentiment": "positive", "score": 0.5, "confidence": 0.9, "emotion_scores": {"joy": 0.4}}
    await results.put(
        record.app, scope, results.Draft.of(tagged.id, "sentiment", feeling, model="mood@1", options={"n": 1})
    )
    deleted = await changes.delete(scope, (await put(scope, {"title": "deleted"}, name="deleted")).id)
    purged = await put_file(scope, blobs, os.urandom(100), name="purged")
    await changes.purge(scope, purged.id)
    files = [
        await put_file(scope, blobs, os.urandom(size), name=f"f-{size}") for size in (10, 70_000, 3_000_000)
    ]
    await _answer_once(record, scope)
    await record.system.execute(
        "INSERT INTO octavo.subscription (name, organization_id, epoch, position_xid, position_id)"
        " VALUES ('billing', $1, 1, '7', 7)",
        organization.id,
    )
    await _watch(record, organization.id)
    return Filled(scope, versions, tagged, deleted, purged, files)


async def _watch(record: Record, organization: UUID) -> None:
    """A trigger that a document which is restored would fire, if restoring were an arrival."""
    await record.system.execute(
        "INSERT INTO octavo.run_trigger (organization_id, name, namespace, type, pipeline, on_created, on_updated,"
        " body_condition, priority, debounce_seconds, recursive, max_depth, created_by, created_by_kind)"
        " VALUES ($1, 'once', 'default', 'article', 'p', true, true, '$.title == \"once\"', 5, 0, false, 10, 'ann',"
        " 'user')",
        organization,
    )


async def _answer_once(record: Record, scope: Scope) -> None:
    async def write(inside: Scope) -> Document:
        return await put(inside, {"title": "once"}, name="once")

    async def read(inside: Scope, id: UUID, version: int) -> Document:
        return await reads.get(inside, id, version=version)

    async with record.app.transaction() as transaction:
        inside = msgspec.structs.replace(scope, runner=transaction)
        await idempotency.once(inside, "key-1", b"request", write, read)


# Made new by a restore on purpose: the life of the log, and where search stands.
NOT_COMPARED = {"octavo.epoch", "octavo.search_engine", "octavo.analytics_engine"}


def equal(first: Mapping[str, Table], second: Mapping[str, Table]) -> bool:
    """Whether two records hold the same rows; names the tables that differ in an assertion's message."""
    names = (first.keys() | second.keys()) - NOT_COMPARED
    differing = [name for name in names if _content(first.get(name)) != _content(second.get(name))]
    assert differing == []
    return True


def _content(table: Table | None) -> object:
    return table and (table.rows, table.digest)


async def digests(connect: Mapping[str, Any]) -> dict[str, Table]:
    """Counts and digests of all tables of a record that are no projections."""
    async with (
        snapshot.reading(connect) as pool,
        pool.transaction(read_only=True, snapshot=True) as transaction,
    ):
        return {
            relation.name: await snapshot.digest(transaction, relation)
            for relation in await snapshot.relations(transaction)
            if not relation.derived
        }
