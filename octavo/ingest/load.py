"""What was read, into the record: documents, contents and the ledger of sources, a batch a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import NotFound, OctavoError, RecordFault, Unavailable, UnreadableFile
from octavo.ingest.extracted import Extracted, Failed, Read, Unread
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blobs, blob_key
from octavo.store import changes, contents, sources
from octavo.store.changes import Draft
from octavo.store.contents import Content
from octavo.store.scope import Scope
from octavo.store.sources import Source
from octavo.store.transaction import transaction
from octavo.text.counts import Counts
from octavo.text.preview import preview
from octavo.values.document import Document

_NAME_CHARACTERS = 500
_BLOBS_AT_ONCE = 8


class Stored(msgspec.Struct, frozen=True):
    """A file that became documents: its own, then those of its attachments."""

    read: Read
    documents: tuple[Document, ...]


class _Piece(msgspec.Struct, frozen=True):
    """One document to be: its draft, and the file it came from."""

    draft: Draft
    extracted: Extracted
    data: bytes | None
    sha256: bytes


class _Plan(msgspec.Struct, frozen=True):
    """One file and the documents it becomes, the file's own first."""

    read: Read
    pieces: Sequence[_Piece]


class Loader:
    """Stores batches of files; a file that cannot be stored is reported and does not hold up the others."""

    def __init__(self, scope: Scope, pool: Pool, blobs: Blobs) -> None:
        self._scope = scope
        self._pool = pool
        self._blobs = blobs

    async def store(self, reads: Sequence[Read]) -> tuple[list[Stored], list[Failed]]:
        """Store files: originals first, then documents and ledger in one transaction, which acknowledges them.

        A crash in between leaves originals nobody refers to, which the sweep of orphans removes.
        """
        plans, failed = self._plans(reads)
        kept = await asyncio.gather(*(self._keep_originals(plan) for plan in plans), return_exceptions=True)
        ready = []
        for plan, outcome in zip(plans, kept, strict=True):
            if isinstance(outcome, OctavoError) and not isinstance(outcome, Unavailable | RecordFault):
                failed.append(Failed(plan.read.path, outcome.code, str(outcome)))
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                ready.append(plan)
        stored, refused = await self._write(ready)
        await self._remember_failures([*failed, *refused], reads)
        return stored, [*failed, *refused]

    async def remember(self, failures: Sequence[tuple[Failed, int, int]]) -> None:
        """Note files that could not be read, with their size and time of modification, in the ledger."""
        await sources.record(self._scope, [_failed_source(*failure) for failure in failures])

    def _plans(self, reads: Sequence[Read]) -> tuple[list[_Plan], list[Failed]]:
        plans, failed = [], []
        for read in reads:
            try:
                plans.append(_Plan(read, list(_pieces(self._scope, read))))
            except OctavoError as error:
                failed.append(Failed(read.path, error.code, str(error)))
        return plans, failed

    async def _keep_originals(self, plan: _Plan) -> None:
        for piece in plan.pieces:
            source = plan.read.path if piece.data is None else piece.data
            blob = await self._blobs.put(self._scope.organization, source)
            if blob.sha256 != piece.sha256:
                raise UnreadableFile("the file was changed while it was read", remedy="ingest it again")

    async def _write(self, plans: Sequence[_Plan]) -> tuple[list[Stored], list[Failed]]:
        """Write plans in one transaction; if one of them is refused, halve until it is found."""
        if not plans:
            return [], []
        try:
            return await self._write_together(plans), []
        except (Unavailable, RecordFault):
            raise
        except OctavoError as error:
            if len(plans) == 1:
                return [], [Failed(plans[0].read.path, error.code, str(error))]
        half = len(plans) // 2
        first, second = await self._write(plans[:half]), await self._write(plans[half:])
        return first[0] + second[0], first[1] + second[1]

    async def _write_together(self, plans: Sequence[_Plan]) -> list[Stored]:
        keys = [sources.key_of(plan.read.path) for plan in plans]
        async with transaction(self._pool, self._scope) as inside:
            before = await sources.known(inside, keys)
            drafts = [piece.draft for plan in plans for piece in plan.pieces]
            documents = iter(await changes.put_many(inside, drafts))
            stored = [Stored(plan.read, tuple(next(documents) for _ in plan.pieces)) for plan in plans]
            await contents.record(inside, list(_contents(self._scope.organization, plans, stored)))
            await sources.record(inside, [_source(key, one) for key, one in zip(keys, stored, strict=True)])
            for key, one in zip(keys, stored, strict=True):
                if key in before:
                    await _delete_left_over(inside, before[key], one)
        return stored

    async def _remember_failures(self, failed: Sequence[Failed], reads: Sequence[Read]) -> None:
        sizes = {read.path: (read.bytes, read.modified_ns) for read in reads}
        await self.remember([(failure, *sizes[failure.path]) for failure in failed])


def name_of(path: str) -> str:
    """A document's name for a file's path; a path that is too long keeps its end."""
    return path if len(path) <= _NAME_CHARACTERS else f"…{path[-(_NAME_CHARACTERS - 1) :]}"


async def _delete_left_over(inside: Scope, before: Source, now: Stored) -> None:
    """Documents that this file no longer has: it changed its kind, or a mail lost an attachment."""
    for id in set(before.documents) - {document.id for document in now.documents}:
        try:
            await changes.delete(inside, id)
        except NotFound:
            continue


def _pieces(scope: Scope, read: Read) -> Iterator[_Piece]:
    path = sources.shown(read.path)
    name = name_of(path)
    yield _piece(scope, read.extracted, name, {"source": path, "bytes": read.bytes}, None, read.sha256)
    yield from _attachments(scope, read.extracted, name)


def _attachments(scope: Scope, mail: Extracted, name: str) -> Iterator[_Piece]:
    for number, attachment in enumerate(mail.attachments, 1):
        own = name_of(f"{name}#{number}-{attachment.name}")
        content = attachment.content
        extracted = (
            _unread(attachment.name, attachment.media_type, content)
            if isinstance(content, Unread)
            else content
        )
        about = {"attached_to": name, "bytes": len(attachment.data)}
        yield _piece(scope, extracted, own, about, attachment.data, attachment.sha256)
        yield from _attachments(scope, extracted, own)


def _piece(
    scope: Scope, extracted: Extracted, name: str, about: dict[str, Any], data: bytes | None, sha256: bytes
) -> _Piece:
    body = {
        "title": extracted.title,
        "text": extracted.text,
        "author": extracted.author,
        "language": extracted.language,
        "created": extracted.created,
        "modified": extracted.modified,
    }
    metadata = {**extracted.metadata, **about, "media_type": extracted.media_type, "sha256": sha256.hex()}
    given = {key: value for key, value in body.items() if value is not None}
    draft = Draft.of(scope, extracted.kind, given, name=name, metadata=metadata)
    return _Piece(draft, extracted, data, sha256)


def _unread(name: str, media_type: str, reason: Unread) -> Extracted:
    return Extracted(
        title=name[:500] or "attachment",
        text="",
        language="und",
        kind="other",
        media_type=media_type,
        counts=Counts(0, 0, 0),
        metadata={"unread": {"code": reason.code, "message": reason.message}},
    )


def _contents(
    organization: UUID, plans: Sequence[_Plan], stored: Sequence[Stored]
) -> Iterator[tuple[UUID, Content]]:
    for plan, one in zip(plans, stored, strict=True):
        for piece, document in zip(plan.pieces, one.documents, strict=True):
            if document.changed:
                yield (
                    document.id,
                    _content(piece, document.version, blob_key(organization, piece.sha256), plan.read),
                )


def _content(piece: _Piece, version: int, blob: str, read: Read) -> Content:
    counts = piece.extracted.counts
    return Content(
        version=version,
        sha256=piece.sha256,
        blob=blob,
        bytes=read.bytes if piece.data is None else len(piece.data),
        media_type=piece.extracted.media_type,
        encoding=piece.extracted.encoding,
        language=piece.extracted.language,
        preview=preview(piece.extracted.text),
        words=counts.words,
        characters=counts.characters,
        paragraphs=counts.paragraphs,
    )


def _source(key: bytes, one: Stored) -> Source:
    return Source(
        path=sources.shown(one.read.path),
        key=key,
        size_bytes=one.read.bytes,
        modified_ns=one.read.modified_ns,
        sha256=one.read.sha256,
        documents=tuple(document.id for document in one.documents),
    )


def _failed_source(failure: Failed, size: int, modified_ns: int) -> Source:
    return Source(
        path=sources.shown(failure.path),
        key=sources.key_of(failure.path),
        size_bytes=size,
        modified_ns=modified_ns,
        sha256=None,
        code=failure.code,
        message=failure.message,
    )
