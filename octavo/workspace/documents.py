"""The documents of one organization and namespace."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from octavo.postgres.pool import Pool
from octavo.search.hits import Hits
from octavo.search.hybrid import Hybrid
from octavo.store import (
    bulk,
    changes,
    collector,
    contents,
    groups,
    idempotency,
    labels,
    links,
    links_many,
    reads,
    tags,
    typed,
)
from octavo.store import expiry as expiring
from octavo.store import find as finding
from octavo.store.bulk import BulkChange, Progress, Selection
from octavo.store.changes import Draft
from octavo.store.contents import Content
from octavo.store.expiry import Expiry
from octavo.store.find import Found
from octavo.store.scope import Scope
from octavo.store.tags import TagMove
from octavo.store.transaction import transaction
from octavo.store.types import TakenNamed
from octavo.values.document import Difference, Document, Tag, Version
from octavo.values.group import BY_COUNT, Groups, parse_grouping
from octavo.values.json import encode
from octavo.values.label import AssignedLabel
from octavo.values.link import Direction, Link, LinkPage, Neighbour
from octavo.values.page import Page
from octavo.values.position import Position
from octavo.values.type import DocumentType
from octavo.workspace.given import (
    asked_by,
    draft_of,
    kind_of,
    known_id,
    link_draft_of,
    optional_id,
    outside,
    type_and_body,
)

Bind = Callable[[], Awaitable[Scope]]
Written = TypeVar("Written")


class Documents:
    """The documents of one organization and namespace.

    Every write is one round trip and commits document, version, body and event together; it returns the
    document with the position of its event. Every read sees what was committed before it began.
    """

    def __init__(self, bind: Bind, pool: Pool | None, hybrid: Hybrid | None = None) -> None:
        self._bind = bind
        self._pool = pool
        self._hybrid = hybrid

    async def put(
        self,
        type: str | DocumentType,
        body: object = None,
        *,
        name: str | None = None,
        id: UUID | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expect: int | None = None,
        expires_at: datetime | None = None,
        ttl_seconds: float | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Create a document, or make the next version of the one with this id, or with this type and name.

        Args:
            type: what kind of document it is: a letter, then letters, digits, `_`, `.` and `-`. Or an instance
                of a registered document type, which is the body too.
            body: a JSON object (mapping, dataclass, pydantic model …), up to `max_body_bytes`; that of a
                registered type is checked and stored as its model writes it.
            name: unique among the namespace's live documents of the type; at most 500 characters.
            metadata: free attributes; None keeps those of an existing document.
            expect: 0 creates only; n replaces version n only.
            expires_at, ttl_seconds: when it is deleted, softly; neither leaves an existing document's as it is.
            idempotency_key: a repetition with the same key and arguments returns the first call's document.

        Returns:
            The document; `changed` is False when it was equal already.

        Raises:
            AlreadyExists, VersionConflict, IdempotencyConflict, InvalidInput, InvalidBody, LimitExceeded, NotFound.
        """
        scope = await self._bind()
        kind, content = type_and_body(scope, type, body)
        draft = Draft.of(scope, kind, content, name=name, id=optional_id(id), metadata=metadata)
        async with TakenNamed(scope, [draft.body]):
            if expiry := Expiry.of(expires_at, ttl_seconds):
                return await self._put_expiring(scope, draft, (expiry, expect), idempotency_key)
            if idempotency_key is None:
                return await changes.put(scope, draft, expect=expect)
            request = encode(["put", scope.namespace, kind, name, id, expect, metadata]) + draft.body
            return await self._once(
                scope, idempotency_key, request, lambda inside: changes.put(inside, draft, expect=expect)
            )

    async def put_many(
        self,
        documents: Sequence[Mapping[str, Any] | DocumentType],
        *,
        expires_at: datetime | None = None,
        ttl_seconds: float | None = None,
    ) -> list[Document]:
        """Put up to `max_batch` documents in one transaction: all of them or none.

        Args:
            documents: mappings with `type` and `body`, and if wanted `name`, `id` and `metadata`; or instances
                of registered document types.
            expires_at, ttl_seconds: when all of them are deleted, softly.

        Returns:
            The documents in the order given; `changed` is False for those that were equal already.
        """
        scope = await self._bind()
        drafts = [draft_of(scope, document) for document in documents]
        async with TakenNamed(scope, [draft.body for draft in drafts]):
            if expiry := Expiry.of(expires_at, ttl_seconds):
                return await self._inside(scope, lambda inside: _put_many_expiring(inside, drafts, expiry))
            if self._pool is None or changes.is_one_statement(drafts):
                return await changes.put_many(scope, drafts)
            async with transaction(self._pool, scope) as inside:
                return await changes.put_many(inside, drafts)

    async def patch(
        self,
        id: UUID | str,
        changed: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        expect: int | None = None,
        where: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Change fields of the current version, on the server and under its lock.

        Plain keys merge (RFC 7396: None removes a field); `$inc`, `$mul`, `$min`, `$max`, `$set`, `$unset`,
        `$push`, `$add_to_set` and `$pull` operate on single fields, as in `{"$inc": {"reserved": 1}}`.

        Args:
            where: a filter that the current version must satisfy, checked under the lock.

        In a database with registered types the result is checked before the commit, which takes three more round
        trips; a document written as an older version of its type is put anew instead.

        Raises:
            NotFound, VersionConflict, GuardFailed, InvalidInput, InvalidBody, AlreadyExists.
        """
        scope = await self._bind()
        known = known_id(id)

        async def write(inside: Scope) -> Document:
            return await changes.patch(inside, known, changed, metadata=metadata, expect=expect, where=where)

        async def write_checked(inside: Scope) -> Document:
            return await typed.checked(inside, None, write)

        async with TakenNamed(scope):
            if idempotency_key is None:
                return await typed.checked(scope, self._pool, write)
            request = encode(["patch", id, changed, metadata, expect, where])
            return await self._once(scope, idempotency_key, request, write_checked)

    async def update_many(
        self,
        type: str | builtins.type[DocumentType] | None,
        changed: Mapping[str, Any],
        *,
        where: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        max_changed: int | None = bulk.MAX_CHANGED,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> BulkChange:
        """Patch every document that a filter holds for: a version and an event each.

        Done in chunks of at most 500 documents, each a short transaction that locks its documents and asks the
        filter again before it changes them. No document is changed twice in a call. An interrupted call is made
        again: with a filter that does not hold any more afterwards, or a patch that changes nothing twice, it
        goes on where it was. Inside a `transaction()` there is one chunk, and more documents are refused.

        Args:
            type: only this type; None for all.
            changed: a patch, as for `patch`.
            where: a filter, as for `find`; an empty one holds for all documents.
            max_changed: more documents than this are refused before anything changes; None for no limit.
            dry_run: change nothing, count.
            progress: called after each chunk with the documents done and how many there are, 0 if nobody
                counted them because there is no limit.

        Returns:
            How many documents matched, how many of them changed, and the position of the last event.

        Raises:
            LimitExceeded, InvalidFilter: nothing changed. InvalidInput: an operation does not fit a stored value;
            InvalidBody, AlreadyExists: a result does not fit its registered type, or a unique field is taken; what
            was changed by then stays, and `fields["changed"]` counts it.
        """
        selection = Selection(
            type=kind_of(type), where=where, max_changed=max_changed, dry_run=dry_run, progress=progress
        )
        return await bulk.update_many(await self._bind(), self._pool, changed, selection, metadata=metadata)

    async def delete_many(
        self,
        type: str | builtins.type[DocumentType] | None,
        *,
        where: Mapping[str, Any],
        max_changed: int | None = bulk.MAX_CHANGED,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> BulkChange:
        """Delete every document that a filter holds for; `restore` brings each back.

        Chunks, arguments and errors are those of `update_many`.
        """
        selection = Selection(
            type=kind_of(type), where=where, max_changed=max_changed, dry_run=dry_run, progress=progress
        )
        return await bulk.delete_many(await self._bind(), self._pool, selection)

    async def get(
        self,
        id_or_type: UUID | str,
        *,
        name: str | None = None,
        version: int | None = None,
        tag: str | None = None,
        at: datetime | None = None,
        deleted: bool = False,
    ) -> Document:
        """One document: by id, or by type and name; current, or at a version, a tag or a moment.

        Raises:
            NotFound: there is none, or it is deleted and `deleted` is False.
        """
        scope = await self._bind()
        if name is None:
            return await reads.get(
                scope, known_id(id_or_type), version=version, tag=tag, at=at, deleted=deleted
            )
        if version is None and tag is None and at is None:
            return await reads.get_named(scope, str(id_or_type), name)
        id = await reads.find_id(scope, str(id_or_type), name)
        return await reads.get(scope, id, version=version, tag=tag, at=at, deleted=deleted)

    async def get_many(self, ids: Sequence[UUID | str]) -> dict[UUID, Document]:
        """Current versions of up to `max_batch` documents, in the order asked; missing and deleted are left out."""
        return await reads.get_many(await self._bind(), [known_id(id) for id in ids])

    def find(
        self,
        type: str | builtins.type[DocumentType] | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        order: str = finding.NEWEST_FIRST,
        limit: int | None = None,
        cursor: str | None = None,
        include_body: bool = True,
        fields: Sequence[str] | None = None,
    ) -> Found:
        """Documents that a filter holds for: `async for` gives them, `await ….page()` one page with a cursor.

        Args:
            type: only this type, by its name or its model; None for all.
            where: a filter, as `{"status": "draft", "@created_at": {"$gte": moment}}`: a bare name is a field
                of the body, `@name` an attribute of the document.
            order: `@created_at`, `@updated_at`, `@name`, `@id`, `@version` or a field; `-` in front descends.
            limit: documents at most, up to `max_page`; None for all, read in pages of 100. `pages()` alone goes on
                to the end, in pages of so many.
            cursor: where the page before ended; stable under ties and concurrent writes.
            include_body: without, no body is read.
            fields: only these of the body are sent, as `["title", "author.name"]`; `Document.body` has no others.

        Raises:
            InvalidFilter; with the page LimitExceeded, when no index helps and more than `max_scanned`
            documents would have to be looked at.
        """
        return finding.find(
            self._bind,
            kind_of(type),
            where=where,
            order=order,
            limit=limit,
            cursor=cursor,
            include_body=include_body,
            fields=fields,
        )

    async def count(
        self,
        type: str | builtins.type[DocumentType] | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        cap: int | None = None,
    ) -> int:
        """How many documents a filter holds for, exactly; counting stops at `cap`, if one is given."""
        return await finding.count(await self._bind(), kind_of(type), where=where, cap=cap)

    async def group(
        self,
        type: str | builtins.type[DocumentType] | None = None,
        *,
        by: str | Sequence[str] = (),
        sum: str | Sequence[str] | None = None,  # noqa: A002  # what everybody calls it
        min: str | Sequence[str] | None = None,  # noqa: A002  # what everybody calls it
        max: str | Sequence[str] | None = None,  # noqa: A002  # what everybody calls it
        avg: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        order: str = BY_COUNT,
        limit: int = 100,
    ) -> Groups:
        """Count documents by what they have in common, and add up their numbers, exactly.

        Args:
            type: only this type; None for all.
            by: fields and attributes, and `@created_at.day` (`.hour`, `.month`, `.year`, in UTC); none for one
                group of all.
            sum, min, max, avg: fields to calculate of; what is no number is left out and counted.
            where: a filter, as for `find`.
            order: `count` or a name of `by`, `-` in front descends; the largest group is first by default.
            limit: groups given, at most `max_page`; `total` says how many there are.

        Raises:
            InvalidFilter; LimitExceeded, when no index helps with the filter and more than `max_scanned` documents
            would have to be looked at.
        """
        grouping = parse_grouping(by, order, sum=sum, min=min, max=max, avg=avg)
        return await groups.group(await self._bind(), grouping, kind_of(type), where=where, limit=limit)

    async def by_session(
        self,
        session: str,
        *,
        types: Sequence[str] | None = None,
        include_body: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Live documents that a session touched, in the order it first did, from all namespaces."""
        return await finding.get_by_session(
            await self._bind(), session, types=types, include_body=include_body, limit=limit, cursor=cursor
        )

    async def similar(
        self,
        id: UUID | str,
        *,
        type: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int = 10,
        **options: Any,
    ) -> Hits:
        """Documents of this namespace that mean nearly the same as one, which is left out; the nearest first.

        A hit's `score` is the cosine of the mean of the document's passages and the hit's nearest one.

        Args:
            type, where, limit: only these types, what passes a filter as in `find`, and documents at most.
            **options: `after`, `wait_seconds`, `fallback`, `exact`, `explain`, `least_similarity`, `language`.

        Raises:
            NotFound: it has no vectors (yet). InvalidSetting: vectors are off. Further what `search` raises.
        """
        scope = await self._bind()
        asked = asked_by(scope, type=type, where=where, limit=limit, **options)
        return await outside(self._hybrid).similar(known_id(id), asked)

    async def history(self, id: UUID | str, *, before: int | None = None, limit: int = 100) -> list[Version]:
        """Versions, newest first, deletions included; `before=` a number continues the listing."""
        return await reads.history(await self._bind(), known_id(id), before=before, limit=limit)

    async def diff(self, id: UUID | str, before: int, after: int) -> list[Difference]:
        """What changed in body and metadata between two versions, by path."""
        return await reads.diff(await self._bind(), known_id(id), before, after)

    async def revert(self, id: UUID | str, version: int, *, expect: int | None = None) -> Document:
        """Make a new version that is as an earlier one was, and of the version of its type that that one was."""
        scope = await self._bind()
        async with TakenNamed(scope):
            return await changes.revert(scope, known_id(id), version, expect=expect)

    async def delete(self, id: UUID | str, *, expect: int | None = None) -> Document:
        """Delete: no read, search or listing shows it any more; `restore` brings it back."""
        return await changes.delete(await self._bind(), known_id(id), expect=expect)

    async def restore(self, id: UUID | str) -> Document:
        """Bring a deleted document back as it was before."""
        scope = await self._bind()
        async with TakenNamed(scope):
            return await changes.restore(scope, known_id(id))

    async def set_expiry(
        self,
        id: UUID | str,
        expires_at: datetime | None = None,
        *,
        ttl_seconds: float | None = None,
    ) -> Position:
        """Set when a document is deleted, softly; without moment and seconds it is kept for good again.

        `get` and `get_many` take it as deleted from that moment on; lists, counts and search do within a minute.

        Raises:
            NotFound: there is none, or it is deleted. InvalidInput.
        """
        return await expiring.set_one(await self._bind(), known_id(id), Expiry.of(expires_at, ttl_seconds))

    async def expiry(self, id: UUID | str) -> datetime | None:
        """When a document expires, None: never."""
        return await expiring.find(await self._bind(), known_id(id))

    async def purge(self, id: UUID | str) -> Position:
        """Remove a document for good, with its versions, tags and bodies; only its events stay, without values.

        Bodies that no other version shares are collected after the commit; a crash in between leaves them to
        the next sweep of orphans.
        """
        scope = await self._bind()
        purged = await changes.purge(scope, known_id(id))
        await collector.collect(scope, purged.hashes)
        return purged.position

    async def tag(self, id: UUID | str, name: str, *, version: int | None = None) -> Tag:
        """Point a tag at a version, the current one if none is given; moving it is atomic."""
        return await tags.move(await self._bind(), known_id(id), name, version)

    async def untag(self, id: UUID | str, name: str) -> Position:
        """Take a tag away."""
        return await tags.remove(await self._bind(), known_id(id), name)

    async def tags(self, id: UUID | str) -> list[Tag]:
        """The tags of a document."""
        return await tags.current(await self._bind(), known_id(id))

    async def tag_history(
        self, id: UUID | str, name: str | None = None, *, limit: int = 100
    ) -> list[TagMove]:
        """Moves of one tag, or of all tags, newest first."""
        return await tags.history(await self._bind(), known_id(id), name, limit=limit)

    async def label(self, id: UUID | str, name: str, *, confidence: float | None = None) -> AssignedLabel:
        """Put a label on a document; one that is not defined yet is made. The same again changes nothing.

        Args:
            confidence: how sure a model is, 0 to 1; None for a person's choice.

        Raises:
            NotFound, InvalidInput; LimitExceeded: the document has 1,000 labels.
        """
        return await labels.assign(await self._bind(), known_id(id), name, confidence)

    async def unlabel(self, id: UUID | str, name: str) -> Position:
        """Take a label from a document."""
        return await labels.remove(await self._bind(), known_id(id), name)

    async def labels(self, id: UUID | str) -> list[AssignedLabel]:
        """The labels of a document, by name."""
        return await labels.of_document(await self._bind(), known_id(id))

    async def link(
        self,
        source: UUID | str,
        type: str,
        target: UUID | str,
        *,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Link:
        """Link a document to another one; the same link again changes its confidence and metadata.

        Args:
            type: a type of links (see `Links.define`); one that is not defined yet is made, with a direction.
            confidence: how sure a model is, 0 to 1; None for a person's link.
            metadata: free attributes, up to 64 KiB; None keeps those of an existing link.

        Raises:
            NotFound, InvalidInput.
        """
        scope, ends = await self._bind(), (known_id(source), known_id(target))
        return await links.put(scope, ends[0], type, ends[1], confidence=confidence, metadata=metadata)

    async def link_many(self, wanted: Sequence[Mapping[str, Any]]) -> list[Link]:
        """Make up to `max_batch` links in one transaction: all of them or none.

        Args:
            wanted: mappings with `source`, `type` and `target`, and if wanted `confidence` and `metadata`, as for
                `link`. Of the same link given twice the last one counts.

        Returns:
            The links in the order given; `changed` is False for those that were equal already.

        Raises:
            NotFound, InvalidInput, LimitExceeded: nothing was linked.
        """
        drafts = [link_draft_of(link) for link in wanted]
        return await self._inside(await self._bind(), lambda inside: links_many.put_many(inside, drafts))

    async def unlink(self, source: UUID | str, type: str, target: UUID | str) -> Position:
        """Take a link away."""
        return await links.remove(await self._bind(), known_id(source), type, known_id(target))

    async def links(
        self,
        id: UUID | str,
        *,
        type: str | None = None,
        direction: Direction = "both",
        limit: int = 100,
        cursor: str | None = None,
    ) -> LinkPage:
        """A page of a document's links with live documents, by type and the other one's id.

        Args:
            direction: `out` for those that begin here, `in` for those that end here; symmetric ones do both.
        """
        return await links.of_document(
            await self._bind(), known_id(id), type=type, direction=direction, limit=limit, cursor=cursor
        )

    async def neighbours(
        self,
        id: UUID | str,
        *,
        types: Sequence[str] | None = None,
        direction: Direction = "both",
        depth: int = 1,
        limit: int = 100,
    ) -> list[Neighbour]:
        """Live documents that links lead to, the nearest first, each once.

        Args:
            types: along links of these types only; None for all.
            direction: along links as they point (`out`), against them (`in`), or both.
            depth: how many links away, at most 10.
            limit: documents at most; if there are as many, there may be more.
        """
        return await links.neighbours(
            await self._bind(), known_id(id), types=types, direction=direction, depth=depth, limit=limit
        )

    async def content(self, id: UUID | str, *, version: int | None = None) -> Content:
        """What the file behind a document was: checksum, kind, counts and where the original is."""
        return await contents.get(await self._bind(), known_id(id), version)

    async def _put_expiring(
        self, scope: Scope, draft: Draft, wanted: tuple[Expiry, int | None], key: str | None
    ) -> Document:
        expiry, expect = wanted

        async def write(inside: Scope) -> Document:
            stored = await changes.put(inside, draft, expect=expect)
            return (await expiring.set_for(inside, [stored], expiry))[0]

        if key is None:
            return await self._inside(scope, write)
        return await self._once(scope, key, encode(["put", scope.namespace, draft, expiry, expect]), write)

    async def _inside(self, scope: Scope, write: Callable[[Scope], Awaitable[Written]]) -> Written:
        """Several statements, one commit: in the transaction that is open, or in one of its own."""
        if self._pool is None:
            return await write(scope)
        async with transaction(self._pool, scope) as inside:
            return await write(inside)

    async def _once(
        self, scope: Scope, key: str, request: bytes, write: Callable[[Scope], Awaitable[Document]]
    ) -> Document:
        async def read(inside: Scope, id: UUID, version: int) -> Document:
            return await reads.get(inside, id, version=version, deleted=True)

        if self._pool is None:
            return await idempotency.once(scope, key, request, write, read)
        async with transaction(self._pool, scope) as inside:
            return await idempotency.once(inside, key, request, write, read)


async def _put_many_expiring(scope: Scope, drafts: Sequence[Draft], expiry: Expiry) -> list[Document]:
    return await expiring.set_for(scope, await changes.put_many(scope, drafts), expiry)
