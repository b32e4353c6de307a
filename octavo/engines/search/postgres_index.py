"""What the record's own search engine holds: passages written in batches, with the cursor, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from octavo.engines.search import lexemes
from octavo.errors import Conflict, InvalidInput, OctavoError, RecordFault
from octavo.postgres.pool import Row, Runner
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.search import Change, Searchable
from octavo.roles.state import NO_DOCUMENT, Cursor, Digest, Parked
from octavo.text.passages import Passage
from octavo.values.position import Position

_sql = load("octavo.engines.search", "postgres_index.sql")

# Passages: of a segment, which is what a query reads at a time; of one insert, which bounds its memory.
SEGMENT_PASSAGES = 8_192
INSERTED_AT_ONCE = 5_000

_PLAIN = "simple"
# Classes of SQLSTATE: data exceptions, constraints, limits of the program.
_OF_VALUES = ("22", "23", "54")


class PostgresIndex:
    """Writes the passages of documents for all organizations."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes and move the cursor together; what cannot be taken is parked.

        Raises:
            Conflict: the engine is not at `before`, so somebody else fills it.
        """
        try:
            parked = await self._apply(changes, before, after)
        except (InvalidInput, RecordFault) as error:
            if not _is_about_a_document(error):
                raise
            parked = await self._apply_singly(changes, before, after)
        await self._record.system.execute(_sql.settle)
        return parked

    async def cursor(self) -> Cursor:
        """Where the engine stands, with the progress of a scan."""
        row = await self._record.system.fetchrow(_sql.cursor)
        assert row is not None
        return self._cursor(row)

    async def parked(self, organization: UUID | None) -> Sequence[Parked]:
        """Documents that could not be indexed."""
        rows = await self._record.system.fetch(_sql.parked, organization)
        return [
            Parked(
                organization=row["organization_id"],
                id=row["document_id"],
                version=row["version"],
                code=row["code"],
                message=row["message"],
            )
            for row in rows
        ]

    async def summaries(self) -> Mapping[UUID, Digest]:
        """What is held, by organization, with seals of the server."""
        rows = await self._record.system.fetch(_sql.summaries)
        return {row["organization_id"]: Digest(row["documents"], int(row["seals"])) for row in rows}

    async def digests(self, organizations: Sequence[UUID] | None = None) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket."""
        rows = await self._record.system.fetch(_sql.digests, organizations)
        return {
            (row["organization_id"], row["bucket"]): Digest(row["documents"], row["seals"]) for row in rows
        }

    async def held(self, organization: UUID, buckets: Sequence[int]) -> Mapping[UUID, int]:
        """The documents of some buckets with their versions, 0 of one that is not whole."""
        rows = await self._record.system.fetch(_sql.held, organization, buckets)
        return {row["document_id"]: row["version"] for row in rows}

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None) -> None:
        """Delete passages, texts and parked errors."""
        async with self._record.system.transaction() as transaction:
            await transaction.execute(_sql.erase_documents, organization, documents)
            await transaction.execute(_sql.drop_empty_segments, [organization])

    async def reset(self) -> Cursor:
        """Empty the engine and begin a new generation."""
        async with self._record.system.transaction() as transaction:
            row = await transaction.fetchrow(_sql.begin_generation)
            await transaction.execute(_sql.forget_everything)
        assert row is not None
        return self._cursor(row)

    async def _apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> list[Parked]:
        searchable = [change for change in changes if isinstance(change, Searchable)]
        parked = [change for change in changes if isinstance(change, Parked)]
        async with self._record.system.transaction() as transaction:
            await _remove_and_move(transaction, changes, before, after)
            for rows in _chunks(_passages(searchable), INSERTED_AT_ONCE):
                await transaction.execute(_sql.add_passages, SEGMENT_PASSAGES, *_columns(rows))
            if parked:
                await transaction.execute(_sql.park, *_columns([_parked_row(one) for one in parked]))
        return parked

    async def _apply_singly(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> list[Parked]:
        """One document a transaction, the cursor last: whichever fails is parked, and the rest goes on."""
        parked: list[Parked] = []
        for change in changes:
            try:
                parked += await self._apply([change], before, before)
            except (InvalidInput, RecordFault) as error:
                if not isinstance(change, Searchable) or not _is_about_a_document(error):
                    raise
                parked += await self._apply([_parked(change, error)], before, before)
        await self._apply([], before, after)
        return parked

    def _cursor(self, row: Row) -> Cursor:
        position = Position(self._record.shard, row["epoch"], row["position_xid"], row["position_id"])
        if not row["scanning"]:
            return Cursor(row["generation"], position)
        if row["scanned_organization"] is None:
            return Cursor(row["generation"], position, NO_DOCUMENT)
        return Cursor(row["generation"], position, (row["scanned_organization"], row["scanned_document"]))


async def _remove_and_move(
    transaction: Runner, changes: Sequence[Change], before: Cursor, after: Cursor
) -> None:
    organizations = [change.organization for change in changes]
    moved = await transaction.fetchrow(
        _sql.remove_and_move,
        before.generation,
        *_place(before),
        *_scanned(before),
        *_place(after),
        after.scanned is not None,
        *_scanned(after),
        organizations,
        [change.id for change in changes],
    )
    if moved is None:
        raise Conflict(
            f"the search engine does not stand at {before.position} of generation {before.generation} any more",
            remedy="read its position again: another process fills it",
        )
    if moved["gone"]:
        await transaction.execute(_sql.drop_empty_segments, list(set(organizations)))


def _place(cursor: Cursor) -> tuple[int, int, int]:
    return cursor.position.epoch, cursor.position.xid, cursor.position.id


def _scanned(cursor: Cursor) -> tuple[UUID | None, UUID | None]:
    return (None, None) if cursor.scanned in (None, NO_DOCUMENT) else cursor.scanned


def _passages(documents: Iterable[Searchable]) -> Iterator[tuple[object, ...]]:
    """A row of `add_passages` for each passage; a document without text has an empty one."""
    for document in documents:
        passages = document.passages or (Passage(0, 0, 0, ""),)
        for passage in passages:
            yield _row(document, passage, len(passages))


def _row(document: Searchable, passage: Passage, passages: int) -> tuple[object, ...]:
    text_words = lexemes.paired(passage.text)
    first = passage.ordinal == 0
    title, description, preview = (
        (document.title, document.description, document.preview) if first else (None, None, None)
    )
    return (
        document.organization,
        document.id,
        passage.ordinal,
        passages,
        document.namespace,
        document.type,
        document.version,
        document.configuration or _PLAIN,
        title,
        description,
        passage.start,
        passage.end,
        passage.text,
        title and lexemes.name_words(title),
        description and lexemes.name_words(description),
        preview and (lexemes.paired(preview) or preview),
        text_words,
        _trigram_text(document, passage, title) if text_words is None else None,
    )


def _trigram_text(document: Searchable, passage: Passage, title: str | None) -> str | None:
    """What trigrams compare, in languages whose word forms no dictionary of the server knows."""
    if document.configuration is not None:
        return None
    return f"{title} {passage.text}" if title else passage.text


def _parked(document: Searchable, error: OctavoError) -> Parked:
    return Parked(
        organization=document.organization,
        id=document.id,
        version=document.version,
        code=error.code,
        message=error.message,
    )


def _parked_row(parked: Parked) -> tuple[object, ...]:
    return parked.organization, parked.id, parked.version, parked.code, parked.message


def _is_about_a_document(error: OctavoError) -> bool:
    """Whether PostgreSQL refused a value: then one document is at fault. Of anything else all are victims."""
    return str(getattr(error.__cause__, "sqlstate", ""))[:2] in _OF_VALUES


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _chunks(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
