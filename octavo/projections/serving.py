"""Search by whichever engine serves it at the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from octavo.projections.roster import Roster
from octavo.roles.search import Change, Found, Matching, Query, SearchEngine
from octavo.roles.state import Cursor, Digest, Parked


class ServingSearch:
    """The search engine that serves, asked anew for each call; see `octavo.roles.search.SearchEngine`."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    @property
    def _engine(self) -> SearchEngine:
        return cast("SearchEngine", self._roster.live("search"))

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return await self._engine.position()

    async def search(self, query: Query) -> Found:
        """One page of matches."""
        return await self._engine.search(query)

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches."""
        return await self._engine.matching(query, most)

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words with these beginnings."""
        return await self._engine.vocabulary(organization, beginnings)

    async def apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes."""
        return await self._engine.apply(changes, before, after)

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents the engine could not take."""
        return await self._engine.parked(organization)

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents."""
        await self._engine.erase(organization, documents)

    async def reset(self) -> Cursor:
        """Forget everything."""
        return await self._engine.reset()

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held."""
        return await self._engine.digests()

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket."""
        return await self._engine.held(organization, bucket)
