"""Documents that are live in the record, and what a search engine is told of them, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from octavo.postgres.record import Record
from octavo.roles.search import MATCH_END, MATCH_START, Change, Found, Query, Searchable, SearchEngine
from octavo.roles.state import Parked, Removed
from octavo.search.parse import parse
from octavo.testing.organization import InTheRecord
from octavo.text.passages import Passage, split

WEIGHED = ("title", "preview", "description")


class Library(InTheRecord):
    """One organization: `add` makes a document and tells the engine of it."""

    def __init__(self, record: Record, engine: SearchEngine, organization: UUID) -> None:
        super().__init__(record, organization)
        self.engine = engine

    async def add(
        self,
        text: str | Sequence[str] = "",
        *,
        type: str = "article",
        namespace: str = "default",
        configuration: str | None = "english",
        body: dict[str, Any] | None = None,
        **weighed: Any,
    ) -> UUID:
        """A live document with this text, as one text or as passages; returns its id."""
        document = await self.documents_in(namespace).put(type, body or {})
        change = self.searchable(document.id, text, configuration, type=type, namespace=namespace, **weighed)
        await self.apply([change])
        return document.id

    def searchable(
        self,
        id: UUID,
        text: str | Sequence[str] = "",
        configuration: str | None = "english",
        *,
        version: int = 1,
        type: str = "article",
        namespace: str = "default",
        **weighed: Any,
    ) -> Searchable:
        """What the engine is told of a document."""
        passages = split(text) if isinstance(text, str) else _passages(text)
        return Searchable(
            organization=self.organization,
            id=id,
            namespace=namespace,
            type=type,
            version=version,
            configuration=configuration,
            passages=passages,
            **{name: weighed.get(name) for name in WEIGHED},
        )

    async def apply(self, changes: Sequence[Change]) -> Sequence[Parked]:
        """Tell the engine, without moving its cursor."""
        cursor = await self.engine.position()
        return await self.engine.apply(changes, cursor, cursor)

    async def remove(self, id: UUID) -> None:
        """Tell the engine that a document is gone."""
        await self.apply([Removed(self.organization, id)])

    async def search(self, text: str, *, limit: int = 100, **query: Any) -> Found:
        """One page."""
        return await self.engine.search(
            Query(organization=self.organization, words=parse(text), limit=limit, **query)
        )

    async def ids(self, text: str, **query: Any) -> list[UUID]:
        """The documents of one page, best first."""
        return [match.id for match in (await self.search(text, **query)).matches]

    async def all_pages(self, text: str, *, limit: int, **query: Any) -> list[UUID]:
        """The documents of all pages."""
        found = await self.search(text, limit=limit, **query)
        ids = [match.id for match in found.matches]
        while found.more:
            assert len(found.matches) == limit
            found = await self.search(text, limit=limit, after=found.matches[-1].place, **query)
            ids += [match.id for match in found.matches]
        return ids


def marked(text: str) -> list[str]:
    """What a highlight marks."""
    return [piece.partition(MATCH_END)[0] for piece in text.split(MATCH_START)[1:]]


def _passages(texts: Sequence[str]) -> list[Passage]:
    found: list[Passage] = []
    start = 0
    for ordinal, text in enumerate(texts):
        found.append(Passage(ordinal, start, start + len(text), text))
        start += len(text) + 1
    return found
