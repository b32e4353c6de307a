"""What people looked for: kept only of those who allowed it, for a while, and forgotten when they say so."""

from __future__ import annotations

import builtins
import logging
from uuid import UUID

from octavo.errors import InvalidInput, InvalidSetting, OctavoError
from octavo.roles.embedder import Embedding
from octavo.search.semantic import Semantic
from octavo.store import queries
from octavo.store.scope import Scope
from octavo.values.actor import Actor, parse_actor
from octavo.values.query import Consent, RememberedQuery
from octavo.workspace.documents import Bind
from octavo.workspace.given import known_id

log = logging.getLogger("octavo.queries")


class Queries:
    """The queries of one organization that are kept: those of `search(…, remember=True)` whose actor allowed it.

    Off by default in both ways. A query is kept with its text, its vector if vectors are on, how it was searched and
    how much was found; it is forgotten after the days its actor allowed.
    """

    def __init__(self, bind: Bind, semantic: Semantic) -> None:
        self._bind = bind
        self._semantic = semantic

    async def allow(self, actor: Actor | str | None = None, *, days: int = 30) -> Consent:
        """Somebody allows that what they look for is kept, for so many days each.

        Args:
            actor: as `kind:id`; None: who this view acts for.
            days: 1 to 3,650; counts for queries from now on.

        Raises:
            InvalidInput.
        """
        scope = await self._bind()
        return await queries.allow(scope, _actor(scope, actor), days)

    async def consents(self, *, after: Actor | str | None = None, limit: int = 100) -> builtins.list[Consent]:
        """Who allowed it, by kind and id; `after` continues a listing."""
        scope = await self._bind()
        return await queries.consents(scope, None if after is None else _actor(scope, after), limit)

    async def list(
        self,
        *,
        actor: Actor | str | None = None,
        before: UUID | str | None = None,
        limit: int = 100,
    ) -> builtins.list[RememberedQuery]:
        """Queries that are kept, the newest first.

        Args:
            actor: only theirs, as `kind:id`.
            before: an id; continues a listing.
        """
        scope = await self._bind()
        of = None if actor is None else _actor(scope, actor)
        return await queries.listing(scope, of, None if before is None else known_id(before, "query"), limit)

    async def similar(
        self, text: str, *, least_similarity: float = -1.0, limit: int = 10
    ) -> builtins.list[RememberedQuery]:
        """What was looked for that means nearly the same, the nearest first; of the newest 20,000 queries.

        Args:
            least_similarity: nothing below it, -1 to 1.

        Raises:
            InvalidInput, LimitExceeded; InvalidSetting: vectors are off. Unavailable: the embedder is.
        """
        if not -1 <= least_similarity <= 1:
            raise InvalidInput(f"least_similarity = {least_similarity!r}", remedy="give -1 to 1")
        model, vector = await self._semantic.embedded(text)
        return await queries.similar(await self._bind(), model, vector, least_similarity, limit)

    async def erase(self, actor: Actor | str | None = None) -> int:
        """Forget everything somebody looked for, and that they allowed it; returns how many queries that were.

        Args:
            actor: as `kind:id`; None: who this view acts for.
        """
        scope = await self._bind()
        return await queries.erase(scope, _actor(scope, actor))

    async def remember(self, text: str, mode: str, found: int, embedding: Embedding | None = None) -> None:
        """Keep a query if its actor allowed it. Never fails a search: what cannot be kept is told in the log.

        Args:
            mode, found: how it was searched, and hits of its first page.
            embedding: what the search made of the text; None: it is embedded now, if vectors are on.
        """
        scope = await self._bind()
        actor = scope.origin.actor
        try:
            if await queries.may_remember(scope, actor):
                vector = embedding or await self._vector(text)
                await queries.remember(scope, actor, text, mode=mode, found=found, vector=vector)
        except OctavoError as error:
            log.warning("a query could not be kept: %s", error)

    async def _vector(self, text: str) -> Embedding | None:
        try:
            return await self._semantic.embedded(text)
        except InvalidSetting:
            return None


def _actor(scope: Scope, given: Actor | str | None) -> Actor:
    if given is None:
        return scope.origin.actor
    return parse_actor(given) if isinstance(given, str) else given
