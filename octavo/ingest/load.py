"""What was read, into the record: documents, contents and the ledger of sources, a batch a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import NotFound, OctavoError, RecordFault, Unavailable, UnreadableFile
from octavo.ingest.extracted import Extracted, Failed, Read, Unread
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blob, Blobs, blob_key
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


class Stored(msgspec.Struct, frozen=True):
    """A file that became documents: its own, then those of its attachments."""

    read: Read
    documents: tuple[Document, ...]


class _Original(msgspec.Struct, frozen=True):
    """The bytes behind a document; None when they are those of the file at its path."""

    data: bytes | None
    sha256: bytes


class _Piece(msgspec.Struct, frozen=True):
    """One document to be: its draft, and the file it came from."""

    draft: Draft
    extracted: Extracted
    original: _Original


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

    async def store(
        self, reads: Sequence[Read], data: Mapping[Path, bytes]
    ) -> tuple[list[Stored], list[Failed]]:
        """Store files: originals first, then documents and ledger in one transaction, which acknowledges them.

        Args:
            reads: what was read.
            data: bytes of those that are no files.

        A crash in between leaves originals nobody refers to, which the sweep of orphans removes.
        """
        plans, failed = self._plans(reads, data)
        kept = await self._keep_originals(plans)
        ready = []
        for plan, error in zip(plans, kept, strict=True):
            if error is None:
                ready.append(plan)
            elif isinstance(error, Unavailable | RecordFault):
                raise error
            else:
                failed.append(_failed(plan.read, error))
        stored, refused = await self._write(ready)
        return stored, [*failed, *refused]

    def _plans(self, reads: Sequence[Read], data: Mapping[Path, bytes]) -> tuple[list[_Plan], list[Failed]]:
        plans, failed = [], []
        for read in reads:
            try:
                plans.append(_Plan(read, list(_pieces(self._scope, read, data.get(read.path)))))
            except OctavoError as error:
                failed.append(_failed(read, error))
        return plans, failed

    async def _keep_originals(self, plans: Sequence[_Plan]) -> list[OctavoError | None]:
        """Put all of them; what is wrong with each plan, or None."""
        pieces = [(plan, piece) for plan in plans for piece in plan.pieces]
        sources = [
            plan.read.path if piece.original.data is None else piece.original.data for plan, piece in pieces
        ]
        outcomes = iter(await self._blobs.put_many(self._scope.organization, sources))
        return [_first_error([(piece, next(outcomes)) for piece in plan.pieces]) for plan in plans]

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
                return [], [_failed(plans[0].read, error)]
        half = len(plans) // 2
        first, second = await self._write(plans[:half]), await self._write(plans[half:])
        return first[0] + second[0], first[1] + second[1]

    async def _write_together(self, plans: Sequence[_Plan]) -> list[Stored]:
        keys = [sources.key_of(plan.read.source) for plan in plans]
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


def _first_error(kept: Sequence[tuple[_Piece, Blob | OctavoError]]) -> OctavoError | None:
    for piece, outcome in kept:
        if isinstance(outcome, OctavoError):
            return outcome
        if outcome.sha256 != piece.original.sha256:
            return UnreadableFile("the file was changed while it was read", remedy="ingest it again")
    return None


def name_of(path: str) -> str:
    """A document's name for a file's path; a path that is too long keeps its end."""
    return path if len(path) <= _NAME_CHARACTERS else f"…{path[-(_NAME_CHARACTERS - 1) :]}"


def _failed(read: Read, error: OctavoError) -> Failed:
    return Failed(Path(read.source), error.code, str(error), read.place)


async def _delete_left_over(inside: Scope, before: Source, now: Stored) -> None:
    """Documents that this file no longer has: it changed its kind, or a mail lost an attachment."""
    for id in set(before.documents) - {document.id for document in now.documents}:
        try:
            await changes.delete(inside, id)
        except NotFound:
            continue


def _pieces(scope: Scope, read: Read, data: bytes | None) -> Iterator[_Piece]:
    path = sources.shown(read.source)
    name = name_of(path)
    about = {"source": path, "bytes": read.bytes}
    yield _piece(scope, read.extracted, name, about, _Original(data, read.sha256))
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
        yield _piece(scope, extracted, own, about, _Original(attachment.data, attachment.sha256))
        yield from _attachments(scope, extracted, own)


def _piece(
    scope: Scope, extracted: Extracted, name: str, about: dict[str, Any], original: _Original
) -> _Piece:
    body = {
        "title": extracted.title,
        "text": extracted.text,
        "author": extracted.author,
        "language": extracted.language,
        "created": extracted.created,
        "modified": extracted.modified,
    }
    metadata = {
        **extracted.metadata,
        **about,
        "media_type": extracted.media_type,
        "sha256": original.sha256.hex(),
    }
    given = {key: value for key, value in body.items() if value is not None}
    draft = Draft.of(scope, extracted.kind, given, name=name, metadata=metadata)
    return _Piece(draft, extracted, original)


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
                    _content(
                        piece, document.version, blob_key(organization, piece.original.sha256), plan.read
                    ),
                )


def _content(piece: _Piece, version: int, blob: str, read: Read) -> Content:
    counts = piece.extracted.counts
    return Content(
        version=version,
        sha256=piece.original.sha256,
        blob=blob,
        bytes=read.bytes if piece.original.data is None else len(piece.original.data),
        media_type=piece.extracted.media_type,
        encoding=piece.extracted.encoding,
        language=piece.extracted.language,
        preview=preview(piece.extracted.text),
        words=counts.words,
        characters=counts.characters,
        paragraphs=counts.paragraphs,
    )


def _source(key: bytes, one: Stored) -> Source:
    place = one.read.place
    return Source(
        path=sources.shown(one.read.source),
        key=key,
        size_bytes=one.read.bytes,
        modified_ns=one.read.modified_ns,
        sha256=one.read.sha256,
        documents=tuple(document.id for document in one.documents),
        container=place.container if place else None,
        etag=place.etag if place else None,
        last_modified=place.last_modified if place else None,
    )
