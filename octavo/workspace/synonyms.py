"""The synonyms of an organization."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from octavo.store import synonyms
from octavo.values.synonyms import Synonyms
from octavo.workspace.documents import Bind
from octavo.workspace.given import known_id


class SynonymSets:
    """Sets of words that an organization calls the same; `search(…, synonyms=True)` uses them."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    async def define(self, words: Sequence[str], *, language: str | None = None) -> Synonyms:
        """Keep a set: each word stands for every other, in whatever order and case.

        Args:
            words: 2 to 20 single words or phrases, each of at most 100 characters.
            language: BCP 47 tag of the language they are of; None: of every one.

        Raises:
            InvalidInput; LimitExceeded: a limit of the set, or the organization has 1,000 sets.
        """
        return await synonyms.define(await self._bind(), words, language)

    async def list(self, *, after: UUID | str | None = None, limit: int = 100) -> list[Synonyms]:
        """Sets in the order they were made; `after`, an id, continues a listing."""
        behind = None if after is None else known_id(after, "set of synonyms")
        return await synonyms.listing(await self._bind(), after=behind, limit=limit)

    async def delete(self, id: UUID | str) -> None:
        """Delete a set; raises `NotFound`."""
        await synonyms.delete(await self._bind(), known_id(id, "set of synonyms"))
