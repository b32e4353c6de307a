"""What the record's own vector engine holds: passages with vectors, one shelf an organization and model.

A load is written in transactions of a few hundred passages, because a writing transaction holds the log's readers
back and each vector of a large shelf costs about a millisecond. The first of them lays a claim, the others demand
it, and the last moves the cursor: so a load is whole or is repeated, and two processes cannot mix theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import msgspec

from octavo.engines.vectors.halfvec import written
from octavo.errors import Conflict, InvalidInput, InvalidSetting, OctavoError, RecordFault
from octavo.postgres.pool import Row, Runner
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.embedder import Model
from octavo.roles.state import NO_DOCUMENT, Cursor, Digest, Parked
from octavo.roles.vectors import Embedded, VectorChange
from octavo.values.position import Position

_sql = load("octavo.engines.vectors", "postgres_shelves.sql")

WRITTEN_AT_ONCE = 300
SWEPT_AT_ONCE = 2_000
# Passages from which a shelf has an approximate index: comparing so many takes as long as asking an index.
INDEXED_FROM = 5_000
# Of an engine. All of them belong to one table, and each costs a little at every write to it.
MOST_INDEXES = 100

# Classes of SQLSTATE: data exceptions, constraints, limits of the program.
_OF_VALUES = ("22", "23", "54")


class PostgresShelves:
    """Writes the vectors of one model for all organizations.

    Args:
        model: whose vectors; it is registered at the first use.
        version: as which version of the model it is registered.
        indexed_from: passages from which a shelf has an approximate index.
    """

    def __init__(
        self, record: Record, model: Model, version: str, *, indexed_from: int = INDEXED_FROM
    ) -> None:
        self._record = record
        self._model = model
        self._version = version
        self._indexed_from = indexed_from
        self._number: int | None = None

    async def cursor(self) -> Cursor:
        """Where the engine stands, with the progress of a scan; registers the model if need be."""
        row = await self._registered()
        return self._cursor(row)

    async def apply(self, changes: Sequence[VectorChange], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes and move the cursor; what cannot be taken is parked.

        Raises:
            Conflict: the engine is not at `before`, or another process fills it.
        """
        move = _Move(await self._model_number(), before, uuid.uuid4())
        parked: list[Parked] = []
        first = True
        told = {(change.organization, change.id): self._checked(change) for change in changes}
        for chunk in _chunks(told.values()):
            parked += await self._take(chunk, move, first=first)
            first = False
        async with self._record.system.transaction() as transaction:
            retired = await _move(transaction, move, after, first=first)
        if retired:
            await self._sweep()
        return parked

    async def parked(self, organization: UUID | None) -> Sequence[Parked]:
        """Documents that could not be taken."""
        rows = await self._record.system.fetch(_sql.parked, await self._model_number(), organization)
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

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None) -> None:
        """Delete passages, vectors, texts and parked errors."""
        number = await self._model_number()
        async with self._record.system.transaction() as transaction:
            await transaction.execute(_sql.forget_parked, number, organization, documents)
            if documents is None:
                await transaction.execute(_sql.retire_shelf, number, organization)
            else:
                await _remove(transaction, number, [(organization, id) for id in documents], [])
        await self._sweep()

    async def reset(self) -> Cursor:
        """Empty the engine and begin a new generation; what it held is found no more from the first moment."""
        number = await self._model_number()
        async with self._record.system.transaction() as transaction:
            row = await transaction.fetchrow(_sql.begin_generation, number)
            await transaction.execute(_sql.retire_shelf, number, None)
            await transaction.execute(_sql.forget_parked, number, None, None)
        await self._sweep()
        assert row is not None
        return self._cursor(row)

    async def summaries(self) -> Mapping[UUID, Digest]:
        """What is held, by organization, with seals of the server."""
        rows = await self._record.system.fetch(_sql.summaries, await self._model_number())
        return {row["organization_id"]: Digest(row["documents"], int(row["seals"])) for row in rows}

    async def digests(self, organizations: Sequence[UUID] | None = None) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket."""
        rows = await self._record.system.fetch(_sql.digests, await self._model_number(), organizations)
        return {
            (row["organization_id"], row["bucket"]): Digest(row["documents"], row["seals"]) for row in rows
        }

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket and the version held of each; 0 of one that is not whole."""
        number = await self._model_number()
        rows = await self._record.system.fetch(_sql.held, number, organization, bucket)
        return {row["document_id"]: row["version"] for row in rows}

    async def _model_number(self) -> int:
        if self._number is None:
            await self._registered()
        assert self._number is not None
        return self._number

    async def _registered(self) -> Row:
        model = self._model
        row = await self._record.system.fetchrow(_sql.register, model.name, self._version, model.dimensions)
        if row is None:  # another process registered it at this moment
            row = await self._record.system.fetchrow(
                _sql.register, model.name, self._version, model.dimensions
            )
        assert row is not None
        if row["dimensions"] != model.dimensions:
            raise InvalidSetting(
                f"vectors of {model.key} have {row['dimensions']} numbers here, not {model.dimensions}",
                remedy="give the embedder another version when its vectors change",
                setting="embedder",
            )
        if self._number is None:  # a restore brings the indexes of shelves it does not bring
            await self._record.system.execute(_sql.drop_indexes_of_retired)
        self._number = row["model"]
        return row

    def _checked(self, change: VectorChange) -> VectorChange:
        """A change, or why it cannot be taken: vectors of another length would be refused by the server whole."""
        if not isinstance(change, Embedded):
            return change
        lengths = {len(passage.vector) for passage in change.passages}
        if lengths == {self._model.dimensions}:
            return change
        error = InvalidInput(f"a vector has {sorted(lengths)} numbers and not {self._model.dimensions}")
        return _parked(change, error)

    async def _take(self, changes: Sequence[VectorChange], move: _Move, *, first: bool) -> list[Parked]:
        """Write some changes; when the server refuses a value, one by one, and whichever fails is parked."""
        try:
            return await self._write(changes, move, first=first)
        except (InvalidInput, RecordFault) as error:
            if not _is_about_a_document(error):
                raise
        parked: list[Parked] = []
        for change in changes:
            try:
                parked += await self._write([change], move, first=first)
            except (InvalidInput, RecordFault) as error:
                if not isinstance(change, Embedded) or not _is_about_a_document(error):
                    raise
                parked += await self._write([_parked(change, error)], move, first=first)
            first = False
        return parked

    async def _write(self, changes: Sequence[VectorChange], move: _Move, *, first: bool) -> list[Parked]:
        embedded = [change for change in changes if isinstance(change, Embedded)]
        parked = [change for change in changes if isinstance(change, Parked)]
        async with self._record.system.transaction() as transaction:
            await _move(transaction, move, move.before, first=first)
            await _remove(transaction, move.model, [(one.organization, one.id) for one in changes], embedded)
            grown = await _add(transaction, move.model, embedded) if embedded else []
            if parked:
                rows = [(one.organization, one.id, one.version, one.code, one.message) for one in parked]
                await transaction.execute(_sql.park, move.model, *_columns(rows))
        await self._index([row["shelf"] for row in grown if self._is_large(row)])
        return parked

    def _is_large(self, shelf: Row) -> bool:
        return shelf["passages"] >= self._indexed_from and not shelf["is_indexed"]

    async def _index(self, shelves: Sequence[int]) -> None:
        """Give large shelves an approximate index, in a transaction of its own for each."""
        for shelf in shelves:
            counted = await self._record.system.fetchrow(_sql.count_indexes, await self._model_number())
            if counted is None or counted["indexes"] >= MOST_INDEXES:
                return
            async with self._record.system.transaction() as transaction:
                await transaction.execute(_sql.index_shelf, shelf, self._model.dimensions)
                await transaction.execute(_sql.note_index, shelf)

    async def _sweep(self) -> None:
        """Delete what stands on retired shelves, whosever model it is of."""
        await self._record.system.execute(_sql.drop_indexes_of_retired)
        while (row := await self._record.system.fetchrow(_sql.sweep, SWEPT_AT_ONCE)) and row["documents"]:
            pass

    def _cursor(self, row: Row) -> Cursor:
        position = Position(self._record.shard, row["epoch"], row["position_xid"], row["position_id"])
        if not row["scanning"]:
            return Cursor(row["generation"], position)
        if row["scanned_organization"] is None:
            return Cursor(row["generation"], position, NO_DOCUMENT)
        return Cursor(row["generation"], position, (row["scanned_organization"], row["scanned_document"]))


class _Move(msgspec.Struct, frozen=True):
    """What all transactions of one load have in common."""

    model: int
    before: Cursor
    claim: UUID


async def _move(transaction: Runner, move: _Move, after: Cursor, *, first: bool) -> bool:
    """Move the cursor, or hold it where it is; whether there are retired shelves."""
    before = move.before
    row = await transaction.fetchrow(
        _sql.move,
        move.model,
        before.generation,
        *_place(before),
        *_scanned(before),
        *_place(after),
        after.scanned is not None,
        *_scanned(after),
        move.claim,
        first,
    )
    if row is None:
        raise Conflict(
            f"the vector engine does not stand at {before.position} of generation {before.generation} any more",
            remedy="read its position again: another process fills it",
        )
    return bool(row["retired"])


async def _remove(
    transaction: Runner, model: int, told: Sequence[tuple[UUID, UUID]], embedded: Sequence[Embedded]
) -> None:
    """Delete what documents no longer hold."""
    passages = {(one.organization, one.id): len(one.passages) for one in embedded}
    kept = [
        (one.organization, one.id, passage.ordinal, passage.digest)
        for one in embedded
        for passage in one.passages
    ]
    await transaction.execute(
        _sql.remove,
        model,
        [organization for organization, _ in told],
        [id for _, id in told],
        [passages.get(key, 0) for key in told],
        *(_columns(kept) if kept else ([], [], [], [])),
    )


async def _add(transaction: Runner, model: int, embedded: Sequence[Embedded]) -> Sequence[Row]:
    """Write documents and what of their passages is not there; gives the shelves that grew."""
    await transaction.execute(_sql.add_shelves, model, [one.organization for one in embedded])
    documents = [(one.organization, one.id, one.version, len(one.passages), one.title) for one in embedded]
    await transaction.execute(_sql.add_documents, model, *_columns(documents))
    return await transaction.fetch(
        _sql.add_passages,
        model,
        [written(passage.vector) for one in embedded for passage in one.passages],
        *_columns([row for one in embedded for row in _passages(one)]),
    )


def _passages(document: Embedded) -> Iterator[tuple[object, ...]]:
    for passage in document.passages:
        yield (
            document.organization,
            document.id,
            passage.ordinal,
            document.namespace,
            document.type,
            document.language,
            document.author,
            document.created_at,
            passage.digest,
            passage.start,
            passage.end,
            passage.text,
        )


def _chunks(changes: Iterable[VectorChange]) -> Iterator[list[VectorChange]]:
    """Changes with a few hundred passages together; a document stays whole."""
    chunk: list[VectorChange] = []
    size = 0
    for change in changes:
        chunk.append(change)
        size += len(change.passages) if isinstance(change, Embedded) else 1
        if size >= WRITTEN_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _place(cursor: Cursor) -> tuple[int, int, int]:
    return cursor.position.epoch, cursor.position.xid, cursor.position.id


def _scanned(cursor: Cursor) -> tuple[UUID | None, UUID | None]:
    return (None, None) if cursor.scanned in (None, NO_DOCUMENT) else cursor.scanned


def _parked(document: Embedded, error: OctavoError) -> Parked:
    return Parked(
        organization=document.organization,
        id=document.id,
        version=document.version,
        code=error.code,
        message=error.message,
    )


def _is_about_a_document(error: OctavoError) -> bool:
    """Whether PostgreSQL refused a value: then one document is at fault. Of anything else all are victims."""
    return str(getattr(error.__cause__, "sqlstate", ""))[:2] in _OF_VALUES


def _columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
