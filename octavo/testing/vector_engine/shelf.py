"""Documents that are live in the record, and what a vector engine is told of them, each by itself."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from octavo.postgres.record import Record
from octavo.roles.embedder import Model
from octavo.roles.state import Parked, Removed
from octavo.roles.vectors import Embedded, EmbeddedPassage, Nearest, NearestQuery, VectorChange, VectorEngine
from octavo.testing.organization import InTheRecord

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

MODEL = Model("directions", "1", 8)


def direction(degrees: float) -> Vector:
    """A vector of the suite's model: as much alike as the cosine of the angle between two directions."""
    import numpy as np  # noqa: PLC0415 - of the extra `vectors`

    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle), *[0.0] * (MODEL.dimensions - 2)], dtype=np.float32)


class Shelf(InTheRecord):
    """One organization: `add` makes a document and tells the engine of it."""

    def __init__(self, record: Record, engine: VectorEngine, organization: UUID) -> None:
        super().__init__(record, organization)
        self.engine = engine

    async def add(
        self,
        *degrees: float,
        type: str = "article",
        namespace: str = "default",
        body: dict[str, Any] | None = None,
        name: str | None = None,
        **told: Any,
    ) -> UUID:
        """A live document with a passage for each direction; returns its id."""
        document = await self.documents_in(namespace).put(type, body or {}, name=name)
        await self.apply([self.embedded(document.id, *degrees, type=type, namespace=namespace, **told)])
        return document.id

    def embedded(
        self,
        id: UUID,
        *degrees: float,
        version: int = 1,
        type: str = "article",
        namespace: str = "default",
        title: str | None = None,
        language: str | None = "en",
        author: str = "user:tester",
        created_at: datetime | None = None,
    ) -> Embedded:
        """What the engine is told of a document."""
        return Embedded(
            organization=self.organization,
            id=id,
            namespace=namespace,
            type=type,
            version=version,
            title=title,
            language=language,
            author=author,
            created_at=created_at or datetime.fromisoformat("2026-03-01T12:00:00+00:00"),
            passages=[passage(ordinal, angle) for ordinal, angle in enumerate(degrees)],
        )

    async def apply(self, changes: Sequence[VectorChange]) -> Sequence[Parked]:
        """Tell the engine, without moving its cursor."""
        cursor = await self.engine.position()
        return await self.engine.apply(changes, cursor, cursor)

    async def remove(self, id: UUID) -> None:
        """Tell the engine that a document is gone."""
        await self.apply([Removed(self.organization, id)])

    async def nearest(self, degrees: float = 0, *, limit: int = 100, **query: Any) -> Nearest:
        """The documents nearest to a direction."""
        question = NearestQuery(
            organization=self.organization, vector=direction(degrees), limit=limit, **query
        )
        return await self.engine.nearest(question)

    async def ids(self, degrees: float = 0, **query: Any) -> list[UUID]:
        """The same, their ids only."""
        return [match.id for match in (await self.nearest(degrees, **query)).matches]


def passage(ordinal: int, degrees: float) -> EmbeddedPassage:
    """A passage that lies in a direction."""
    text = f"passage {ordinal} at {degrees:g}"
    return EmbeddedPassage(
        ordinal=ordinal,
        start=100 * ordinal,
        end=100 * ordinal + len(text),
        text=text,
        digest=hashlib.sha256(f"{MODEL.key} {degrees:g}".encode()).digest(),
        vector=direction(degrees),
    )
