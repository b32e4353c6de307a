"""What serves semantic search: passages of documents with their vectors, all of one model.

An engine holds the vectors of one model only; another model, or another version of it, is another engine, filled
beside and switched to. Everything `octavo.roles.state` says holds here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID

import msgspec

from octavo.roles.embedder import Embedder, Model
from octavo.roles.search import Condition
from octavo.roles.state import Cursor, DocumentEngine, Parked, Removed

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector


class EmbeddedPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document's text and its vector.

    Attributes:
        start, end: of the piece in the document's text, in code points.
        digest: of what was embedded: a passage with the same digest has the same vector.
    """

    ordinal: int
    start: int
    end: int
    text: str
    digest: bytes
    vector: Vector


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """A document's current version as vector engines take it.

    Attributes:
        language: a BCP 47 tag, or None when nobody knows.
        author: who made the document, as `kind:id`.
        passages: at least one; a document without any text is told as `Removed`.
    """

    organization: UUID
    id: UUID
    namespace: str
    type: str
    version: int
    title: str | None
    language: str | None
    author: str
    created_at: datetime
    passages: Sequence[EmbeddedPassage]


VectorChange = Embedded | Removed | Parked


class NearestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One question for one organization.

    Attributes:
        vector: of the engine's model.
        limit: documents at most.
        namespaces, types, languages, authors: only these; None for all.
        created_from, created_to: only documents made at or after, and at or before.
        condition: a further filter, asked of the record.
        least_similarity: nothing below it, -1 to 1.
        exact: True compares with every vector that passes the filters; None lets the engine choose.
        without: documents that are not wanted, such as the one that "more like this" starts from.
    """

    organization: UUID
    vector: Vector
    limit: int
    namespaces: Sequence[str] | None = None
    types: Sequence[str] | None = None
    languages: Sequence[str] | None = None
    authors: Sequence[str] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    condition: Condition | None = None
    least_similarity: float = -1.0
    exact: bool | None = None
    without: Sequence[UUID] = ()


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A live document by its nearest passage.

    Attributes:
        version: the version that was embedded; `current_version` is newer while the engine lags.
        similarity: cosine of the angle between the vectors, -1 to 1; equal ones have 1.
        start, end, text: the passage.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    title: str | None
    version: int
    current_version: int
    similarity: float
    start: int
    end: int
    text: str


class Nearest(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest documents, the nearest first; equals by id, the newest first.

    Attributes:
        exact: every vector that passes the filters was compared, so nothing nearer exists.
        cursor: where the engine stood when it was asked.
    """

    matches: Sequence[Near]
    exact: bool
    cursor: Cursor


class VectorEngine(DocumentEngine[VectorChange], Protocol):
    """What an engine does for semantic search; `octavo.testing` holds the suite every one must pass.

    Guarantees beyond those of `DocumentEngine`: `nearest` gives live documents of the query's organization only,
    also while the engine lags, each document once, by its nearest passage.
    """

    @property
    def model(self) -> Model:
        """Whose vectors it holds; others are refused."""
        ...

    async def nearest(self, query: NearestQuery) -> Nearest:
        """The documents whose passages are nearest to a vector.

        Raises:
            InvalidInput: the vector has another length than the model's.
        """
        ...

    async def vectors(self, organization: UUID, documents: Sequence[UUID]) -> Mapping[UUID, Sequence[Vector]]:
        """The vectors of documents' passages, in their order; documents that are not held are left out."""
        ...

    async def known(self, organization: UUID, digests: Sequence[bytes]) -> Mapping[bytes, Vector]:
        """Vectors that passages with these digests have already, so that nothing is embedded twice."""
        ...


class Served(NamedTuple):
    """An engine that answers, and the embedder of its model: vectors of two models are never compared."""

    engine: VectorEngine
    embedder: Embedder
