"""The vectors projection: the engine of the vectors role holds the passages of every live document, embedded.

Embedding is nearly all of its cost. So passages that the engine or the same load holds already are not embedded
again, the texts of some documents are taken out while those before them are embedded, and the next load is embedded
while the engine takes this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import zip_longest
from typing import TYPE_CHECKING
from uuid import UUID

from octavo.errors import InvalidInput, InvalidSetting
from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool, Row
from octavo.projections.documents import DocumentProjection
from octavo.projections.embeddable import Embeddable, Piece, embeddable
from octavo.roles.embedder import Embedder, Model
from octavo.roles.state import Parked, Removed
from octavo.roles.vectors import Embedded, EmbeddedPassage, VectorChange, VectorEngine

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

Vectors = dict[bytes, "Vector"]
# Documents whose texts are taken out, and embedded, together.
_AT_ONCE = 250


class VectorProjection(DocumentProjection[VectorChange]):
    """Brings the passages of documents and their vectors to an engine.

    Args:
        system: reads the heads of all organizations.
        feed: the log of all organizations.
        engine: takes them, and knows where it stands.
        embedder: of the engine's model.
    """

    def __init__(
        self, system: Pool, feed: Feed, engine: VectorEngine, embedder: Embedder, name: str = "vectors"
    ) -> None:
        super().__init__(name, system, feed, engine, Embedding(engine, embedder).changes)


class Embedding:
    """Makes of documents what a vector engine is told of them.

    Args:
        engine: is asked for the vectors it holds already.
        embedder: makes the others.
    """

    def __init__(self, engine: VectorEngine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder

    async def changes(self, rows: Sequence[Row]) -> Sequence[VectorChange]:
        """What the engine is told of documents.

        Raises:
            Unavailable: the embedder or the engine does not answer; nothing is taken for embedded.
        """
        texts: list[_Text] = []
        vectors: Vectors = {}
        refused: dict[tuple[UUID, UUID], InvalidInput] = {}
        async with aclosing(self._taken_out(rows)) as taken_out:
            async for some, of_some in taken_out:
                texts += of_some
                refused |= await self._embed_new(some, of_some, vectors)
        return [
            _change(row, text, vectors, refused.get((row["organization_id"], row["id"])))
            for row, text in zip(rows, texts, strict=True)
        ]

    async def _taken_out(
        self, rows: Sequence[Row]
    ) -> AsyncGenerator[tuple[Sequence[Row], list[_Text]], None]:
        """Some documents at a time with their texts; the next are taken out meanwhile."""
        parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        ahead: asyncio.Task[list[_Text]] | None = None
        try:
            for part, following in zip_longest(parts, parts[1:]):
                texts = await (ahead or self._texts(part))
                ahead = asyncio.create_task(self._texts(following)) if following else None
                yield part, texts
        finally:
            if ahead is not None:
                ahead.cancel()

    async def _texts(self, rows: Sequence[Row]) -> list[_Text]:
        return await asyncio.to_thread(_texts, rows, self._embedder.model)

    async def _embed_new(
        self, rows: Sequence[Row], texts: Sequence[_Text], vectors: Vectors
    ) -> Mapping[tuple[UUID, UUID], InvalidInput]:
        """Add the vectors of what has none, by digest; gives the documents whose text the embedder refuses."""
        wanted: dict[UUID, dict[bytes, str]] = {}
        for row, text in zip(rows, texts, strict=True):
            if isinstance(text, Embeddable):
                wanted.setdefault(row["organization_id"], {}).update(_by_digest(text.pieces))
        for organization, digests in wanted.items():
            if new := [digest for digest in digests if digest not in vectors]:
                vectors.update(await self._engine.known(organization, new))
        missing = {
            digest: text
            for digests in wanted.values()
            for digest, text in digests.items()
            if digest not in vectors
        }
        try:
            vectors.update(await self._embed(missing))
        except InvalidInput as error:
            if isinstance(error, InvalidSetting):
                raise
            return await self._embed_singly(rows, texts, vectors)
        return {}

    async def _embed_singly(
        self, rows: Sequence[Row], texts: Sequence[_Text], vectors: Vectors
    ) -> Mapping[tuple[UUID, UUID], InvalidInput]:
        """A document at a time, so that one that cannot be embedded keeps no other back."""
        refused: dict[tuple[UUID, UUID], InvalidInput] = {}
        for row, text in zip(rows, texts, strict=True):
            if not isinstance(text, Embeddable):
                continue
            digests = _by_digest(text.pieces)
            missing = {digest: digests[digest] for digest in digests if digest not in vectors}
            try:
                vectors.update(await self._embed(missing))
            except InvalidInput as error:
                if isinstance(error, InvalidSetting):
                    raise
                refused[row["organization_id"], row["id"]] = error
        return refused

    async def _embed(self, texts: Mapping[bytes, str]) -> Vectors:
        if not texts:
            return {}
        vectors = await self._embedder.embed(list(texts.values()), "passage")
        return dict(zip(texts, vectors, strict=True))


# What was made of a row: nothing of one that is not live, an error of one that cannot be read.
_Text = Embeddable | Exception | None


def _texts(rows: Sequence[Row], model: Model) -> list[_Text]:
    return [_text(row, model) for row in rows]


def _text(row: Row, model: Model) -> _Text:
    if not row["is_live"]:
        return None
    try:
        return embeddable(row, model)
    except Exception as error:  # noqa: BLE001 - whatever one document does, the others go on
        return error


def _by_digest(pieces: Iterable[Piece]) -> dict[bytes, str]:
    return {piece.digest: piece.text for piece in pieces}


def _change(row: Row, text: _Text, vectors: Vectors, refused: InvalidInput | None) -> VectorChange:
    if isinstance(text, Exception):
        why = f"its text could not be taken out ({type(text).__name__})"
        return _parked(row, "unreadable", why)
    if refused is not None:
        return _parked(row, refused.code, refused.message)
    if text is None or not text.pieces:
        return Removed(row["organization_id"], row["id"])
    return Embedded(
        organization=row["organization_id"],
        id=row["id"],
        namespace=row["namespace"],
        type=row["type"],
        version=row["version"],
        title=text.title,
        language=text.language,
        author=text.author,
        created_at=row["created_at"],
        passages=[_passage(piece, vectors[piece.digest]) for piece in text.pieces],
    )


def _passage(piece: Piece, vector: Vector) -> EmbeddedPassage:
    passage = piece.passage
    return EmbeddedPassage(
        ordinal=passage.ordinal,
        start=passage.start,
        end=passage.end,
        text=passage.text or piece.text,
        digest=piece.digest,
        vector=vector,
    )


def _parked(row: Row, code: str, message: str) -> Parked:
    return Parked(
        organization=row["organization_id"], id=row["id"], version=row["version"], code=code, message=message
    )
