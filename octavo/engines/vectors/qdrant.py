"""Semantic search in Qdrant: the engine that takes over when the vectors outgrow the record.

One collection holds the vectors of one model for one life of a record: after a restore, for another record, or with
another model, another one is filled. It lies outside of the record's transactions, so a load is announced, written
and settled, and every point says which load wrote it (see `qdrant_standing`). Writing again what was written before
changes nothing, so a load that failed halfway is simply made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy
from qdrant_client import models

from octavo.engines.vectors import qdrant_comparing as comparing
from octavo.engines.vectors import qdrant_points as points
from octavo.engines.vectors.qdrant_address import parse
from octavo.engines.vectors.qdrant_collection import QdrantCollection, Settings
from octavo.engines.vectors.qdrant_making import named, record_of
from octavo.engines.vectors.qdrant_nearest import nearest
from octavo.engines.vectors.qdrant_requests import chunks, requests
from octavo.errors import InvalidInput, LimitExceeded, OctavoError
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.embedder import Model
from octavo.roles.state import Cursor, Digest, Parked
from octavo.roles.vectors import Embedded, Nearest, NearestQuery, VectorChange

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

_sql = load("octavo.engines.vectors", "qdrant.sql")

PASSAGE_BYTES = 1_000_000
MOST_PARKED = 1_000

_PARKED = ("organization", "document", "version", "code", "message")


class QdrantVectors:
    """The vector engine in Qdrant; see `octavo.roles.vectors.VectorEngine`.

    Args:
        record: says what is live.
        model: whose vectors it holds.
        setting: `qdrant://…`, `qdrants://…` or `qdrant:DIR`, see `qdrant_address`.
        api_key: of the server; None when it asks for none.

    Raises:
        InvalidSetting: the setting names no Qdrant.
    """

    def __init__(self, record: Record, model: Model, setting: str, api_key: str | None = None) -> None:
        self._record = record
        self._model = model
        self._address = parse(setting)
        self._api_key = api_key
        self._collection: QdrantCollection | None = None
        self._epoch = -1
        self._opening = asyncio.Lock()

    @property
    def model(self) -> Model:
        """Whose vectors it holds."""
        return self._model

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        if self._collection is not None:
            await self._collection.close()
            self._collection = None

    async def position(self) -> Cursor:
        """Where the engine stands; a collection that is not there is made, and stands at the start."""
        return (await (await self._current()).standing()).cursor

    async def apply(self, changes: Sequence[VectorChange], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Write the points of changed documents, delete what was there of them before, and move the cursor."""
        collection = await self._current()
        begun = await collection.announce(before, after)
        latest = {(one.organization, one.id): self._checked(one) for one in changes}
        parked = [one for one in latest.values() if isinstance(one, Parked)]
        for some in chunks(list(latest.values())):
            parked += await self._write(collection, some, begun.load)
        if begun.void:
            await collection.delete(points.Scope((points.of_loads(begun.void),)).filter())
        await collection.settle(begun, after)
        return parked

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents that could not be taken, 1,000 at most."""
        collection = await self._current()
        scope = points.Scope() if organization is None else points.of(organization)
        scope = scope.within(points.is_("kind", points.PARKED))
        found: list[Parked] = []
        async for one in collection.scan(scope.filter(), _PARKED):
            found.append(points.parked_of(one.payload or {}))
            if len(found) == MOST_PARKED:
                break
        return sorted(found, key=lambda one: (one.organization, one.id))

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Delete the points of documents, or of an organization; Qdrant gives their bytes back by itself."""
        await (await self._current()).delete(points.of(organization, documents).filter())

    async def reset(self) -> Cursor:
        """Delete everything and begin a new generation."""
        return (await (await self._current()).empty()).cursor

    async def nearest(self, query: NearestQuery) -> Nearest:
        """The documents whose passages are nearest to a vector."""
        if len(query.vector) != self._model.dimensions:
            raise InvalidInput(
                f"the vector has {len(query.vector)} numbers, and {self._model.key} has {self._model.dimensions}",
                remedy="embed the question with the engine's model",
            )
        return await nearest(await self._current(), self._record.app, query)

    async def vectors(self, organization: UUID, documents: Sequence[UUID]) -> Mapping[UUID, Sequence[Vector]]:
        """The vectors of documents' passages, in their order."""
        collection = await self._current()
        scope = points.counting(await collection.standing())
        scope = scope.within(*points.of(organization, documents).must)
        found: dict[UUID, list[tuple[int, Vector]]] = {}
        async for one in collection.scan(scope.filter(), ("document", "ordinal"), vectors=True):
            payload = one.payload or {}
            found.setdefault(UUID(payload["document"]), []).append((payload["ordinal"], _vector(one)))
        return {id: [vector for _, vector in sorted(of, key=lambda two: two[0])] for id, of in found.items()}

    async def known(self, organization: UUID, digests: Sequence[bytes]) -> Mapping[bytes, Vector]:
        """Vectors that passages with these digests have."""
        collection = await self._current()
        scope = points.counting(await collection.standing()).within(
            *points.of(organization).must, points.one_of("digest", [one.hex() for one in digests])
        )
        return {
            bytes.fromhex((one.payload or {})["digest"]): _vector(one)
            async for one in collection.scan(scope.filter(), ("digest",), vectors=True)
        }

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket."""
        return await comparing.digests(await self._current())

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket and their versions; 0 where passages are missing or of several versions."""
        return await comparing.held(await self._current(), organization, bucket)

    async def settings(self) -> Settings:
        """What the server says of the collection: its size, optimizer, write-ahead log and indexes."""
        collection = await self._current()
        await collection.standing()
        return await collection.settings()

    async def _current(self) -> QdrantCollection:
        """The collection of the record's present life; those of earlier ones are dropped."""
        async with self._opening:
            if self._collection is None or self._epoch != self._record.epoch:
                await self.close()
                epoch = self._record.epoch
                self._collection = await self._opened()
                self._epoch = epoch
        return self._collection

    async def _opened(self) -> QdrantCollection:
        row = await self._record.app.fetchrow(_sql.life)
        assert row is not None
        beginning = record_of(self._address.prefix, f"{row['system_identifier']}-{row['database']}")
        name = named(beginning, row["number"], self._model)
        shard = self._record.shard
        collection = QdrantCollection(self._address, self._api_key, name=name, model=self._model, shard=shard)
        try:
            await collection.forget_others(beginning)
        except BaseException:
            await collection.close()
            raise
        return collection

    def _checked(self, change: VectorChange) -> VectorChange:
        """The change, or the mark of a document that can never be taken."""
        if isinstance(change, Embedded):
            for passage in change.passages:
                if len(passage.vector) != self._model.dimensions or not numpy.isfinite(passage.vector).all():
                    return _parked(change, InvalidInput("a passage's vector is not of the engine's model"))
                if len(passage.text) > PASSAGE_BYTES // 4 and len(passage.text.encode()) > PASSAGE_BYTES:
                    return _parked(change, LimitExceeded(f"a passage has more than {PASSAGE_BYTES} bytes"))
        return change

    async def _write(
        self, collection: QdrantCollection, changes: Sequence[VectorChange], load: int
    ) -> list[Parked]:
        """Write some documents; one that the server takes for wrong is parked.

        Returns:
            Those that are parked for it.
        """
        try:
            for operations in requests(changes, load, self._model):
                await collection.change(operations)
        except InvalidInput as error:
            if len(changes) > 1:
                return [one for change in changes for one in await self._write(collection, [change], load)]
            [change] = changes
            if not isinstance(change, Embedded):
                raise
            parked = _parked(change, error)
            await self._write(collection, [parked], load)
            return [parked]
        return []


def _vector(point: models.Record) -> Vector:
    vector = point.vector
    assert isinstance(vector, dict)
    return numpy.asarray(vector[points.VECTOR], dtype=numpy.float32)


def _parked(document: Embedded, error: OctavoError) -> Parked:
    return Parked(
        organization=document.organization,
        id=document.id,
        version=document.version,
        code=error.code,
        message=error.message,
    )
