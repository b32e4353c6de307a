"""One search: words, filters, order and page in; hits out, read at or behind the position the caller asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter, LimitExceeded
from octavo.postgres.transaction import Runner
from octavo.roles.search import Found, Match, Order, Query, Searched, Term, Weights, Words
from octavo.search import facets as facets_of
from octavo.search import pages, suggestions
from octavo.search import synonyms as meanings
from octavo.search.explain import why
from octavo.search.facets import Asked, Facet
from octavo.search.highlights import Style, highlight
from octavo.search.hits import Hit, Hits
from octavo.search.narrowing import condition, filter_of, names
from octavo.search.parse import parse
from octavo.search.ranking import boosts_of, weights_of
from octavo.search.reading import (
    WAIT_SECONDS,
    Fallback,
    Moved,
    Reading,
    Skips,
    check_fallback,
    wanted_position,
)
from octavo.store.synonyms import sets_with
from octavo.values.condition import Attribute, Filter, parse_subject
from octavo.values.position import Position

__all__ = ["WAIT_SECONDS", "Fallback", "Hit", "Hits", "Moved", "Search", "Skips"]


_FEWEST_LOOSE = 2


class Ranking(msgspec.Struct, frozen=True):
    """What a search weighs more, and whether it tells why."""

    weights: Weights = Weights()
    boosts: Mapping[str, float] = {}
    explain: bool = False


_AS_USUAL = Ranking()


class Matches(msgspec.Struct, frozen=True):
    """What an engine found, with the question it answers, and whether it is older than wanted."""

    query: Query
    found: Found
    stale: bool

    async def shown(self, ids: Collection[UUID]) -> Mapping[UUID, Match]:
        """Some of the matches, with marks around what matched."""
        matches = {match.id: match for match in self.found.matches if match.id in ids}
        if self.found.mark is None:
            return matches
        marked = await self.found.mark(matches)
        return {id: msgspec.structs.replace(match, highlight=marked[id]) for id, match in matches.items()}


class Search:
    """Keyword search over one engine.

    Args:
        engine: what serves it.
        runner: asks the record for what engines do not know: values of facets, synonyms.
        moved: waits until the engine may have moved, at most so many seconds.
        skips: whether an engine lacks nothing, although it is not where it is wanted: an engine moves with
            events only, so while none comes it stays behind the end of the log.
        max_limit: hits of one page at most.

    Attributes:
        max_limit: as it was given.
    """

    def __init__(
        self,
        engine: Searched,
        runner: Runner,
        *,
        moved: Moved = asyncio.sleep,
        skips: Skips | None = None,
        max_limit: int = 1_000,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._reading = Reading("search", engine, moved=moved, skips=skips)
        self.max_limit = max_limit

    async def search(
        self,
        organization: UUID,
        text: str,
        *,
        namespace: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        order: str | None = None,
        limit: int = 10,
        cursor: str | None = None,
        after: Position | str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        fallback: Fallback = "error",
        style: Style = "html",
        facets: Sequence[str] = (),
        facet_values: int = 10,
        fuzzy: bool = False,
        synonyms: bool | str = False,
        weights: Mapping[str, float] | None = None,
        boost: Mapping[str, Mapping[str, float]] | None = None,
        explain: bool = False,
    ) -> Hits:
        """Documents with these words, best first.

        Args:
            text: words, `"phrases"`, `-exclusions`, `prefix*` and `OR`; see `octavo.search.parse`.
            namespace, type: only these.
            where: a filter, asked of the documents' current state; see `octavo.values.filter`.
            order: None for relevance, or an attribute (`-@created_at`) or field (`start_date`) to sort by;
                documents without the field come first when ascending.
            limit: hits of the page, 1 to `max_limit`.
            cursor: that of the page before, with everything else the same.
            after: read your own writes: a position a write returned, as such or as text.
            wait_seconds: how long to wait for the engine to get there.
            fallback: what to do then: raise, or answer as far as the engine is.
            style: `html` escapes the text and marks matches with `<mark>`; a pair of strings are the marks
                around matches in plain text.
            facets: attributes and fields whose values are counted among all that matches, 10,000 documents
                at most: `@type`, `@labels`, `status`, `@metadata.team`.
            facet_values: values of a facet at most, the most frequent.
            fuzzy: when nothing is found, search for what was probably meant; `Hits.corrected` tells it.
            synonyms: also find what the organization calls the same; a language tag takes the synonyms of that
                language and those of every language.
            weights: how much a word counts by where it stands, as `{"title": 20}`; see `octavo.search.ranking`.
            boost: what the score of a type's documents is multiplied by, as `{"@type": {"policy": 2.0}}`.
            explain: tell of each hit why it is where it is; costs a look at its passage.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded: nothing was searched.
            PositionTimeout: the engine did not reach `after` in time, and `fallback` is "error".
        """
        began = time.monotonic()
        check_fallback(fallback)
        wanted, counted = wanted_position(after), facets_of.parse(facets, facet_values)
        ask = partial(
            self._query,
            organization,
            namespaces=names(namespace),
            types=names(type),
            filter=filter_of(where),
            order=_order(order),
            limit=limit,
            synonyms=synonyms,
            ranking=Ranking(weights_of(weights), boosts_of(boost), explain),
        )
        query, mark = await ask(text, cursor=cursor)
        found, stale = await self._reading.find(
            partial(self._engine.search, query),
            organization,
            wanted=wanted,
            deadline=began + wait_seconds,
            fallback=fallback,
        )
        corrected = None
        if fuzzy and cursor is None and not found.matches:
            corrected = await suggestions.corrected(self._engine, query, text)
        if corrected is not None:
            query, mark = await ask(corrected, cursor=None)
            found = await self._engine.search(query)
        return Hits(
            hits=[hit(match, query, style) for match in found.matches],
            cursor=pages.write(found.matches[-1].place, mark) if found.more and found.matches else None,
            capped=found.capped,
            degraded=found.degraded,
            position=found.cursor.position,
            stale=stale,
            took_ms=(time.monotonic() - began) * 1000,
            facets=await facets_of.count(self._runner, self._engine, query, counted, facet_values)
            if counted
            else (),
            corrected=corrected,
        )

    async def having(
        self, organization: UUID, terms: Sequence[Term], documents: Sequence[UUID]
    ) -> frozenset[UUID]:
        """Which of some documents have one of the terms."""
        if not terms or not documents:
            return frozenset()
        among = filter_of({"@id": {"$in": list(documents)}})
        assert among is not None
        query = Query(
            organization=organization,
            words=Words(tuple((term,) for term in terms)),
            limit=len(documents),
            condition=condition(among),
        )
        return frozenset(match.id for match in (await self._engine.search(query)).matches)

    async def matches(
        self,
        organization: UUID,
        text: str,
        *,
        namespace: str | Sequence[str] | None,
        type: str | Sequence[str] | None,
        where: Mapping[str, Any] | None,
        limit: int,
        synonyms: bool | str,
        ranking: Ranking,
        wanted: Position | None,
        deadline: float,
        fallback: Fallback,
    ) -> Matches:
        """The best matches, for whoever joins them with others: where no document has all words, those with any.

        They are not marked yet; see `Matches.shown`.

        Args:
            wanted: where the engine must be; None for wherever it is.
            deadline: until when to wait for it, on the monotonic clock.

        Raises:
            As `search` does.
        """
        query, _ = await self._query(
            organization,
            text,
            namespaces=names(namespace),
            types=names(type),
            filter=filter_of(where),
            limit=limit,
            synonyms=synonyms,
            ranking=ranking,
        )
        query = msgspec.structs.replace(query, is_marked=False)
        found, stale = await self._reading.find(
            partial(self._engine.search, query),
            organization,
            wanted=wanted,
            deadline=deadline,
            fallback=fallback,
        )
        if not found.matches and (loose := _any_word(query.words)):
            query = msgspec.structs.replace(query, words=loose)
            found = await self._engine.search(query)
        return Matches(query, found, stale)

    async def facets_among(
        self, matches: Matches | None, query: Query, ids: Sequence[UUID], asked: Sequence[Asked], values: int
    ) -> Sequence[Facet]:
        """The values of facets among what matches by words, if anything was asked so, and further documents."""
        if not asked:
            return ()
        if matches is None:
            return await facets_of.count_among(self._runner, query, ids, asked, values, capped=True)
        matching = await self._engine.matching(matches.query, facets_of.COUNTED)
        every = list(dict.fromkeys([*matching.ids, *ids]))
        return await facets_of.count_among(self._runner, query, every, asked, values, capped=matching.capped)

    async def suggest(
        self,
        organization: UUID,
        text: str,
        *,
        namespace: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> str | None:
        """The query that was probably meant, each changed word of which a live document has; None for none.

        Args:
            text, namespace, type, where: as in `search`.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded.
        """
        query, _ = await self._query(
            organization,
            text,
            namespaces=names(namespace),
            types=names(type),
            filter=filter_of(where),
        )
        return await suggestions.corrected(self._engine, query, text)

    async def _query(
        self,
        organization: UUID,
        text: str,
        *,
        namespaces: list[str] | None,
        types: list[str] | None,
        filter: Filter | None,
        order: Order | None = None,
        limit: int = 1,
        cursor: str | None = None,
        synonyms: bool | str = False,
        ranking: Ranking = _AS_USUAL,
    ) -> tuple[Query, str]:
        """The query, and what tells its cursors from those of others."""
        if not 1 <= limit <= self.max_limit:
            raise LimitExceeded(
                f"limit = {limit}", remedy=f"give 1 to {self.max_limit}", limit=self.max_limit, actual=limit
            )
        words = parse(text)
        if synonyms:
            words = await self._with_synonyms(organization, words, synonyms)
        narrowing = (namespaces, types, order, filter and filter.fingerprint)
        mark = pages.fingerprint(words, *narrowing, ranking.weights, ranking.boosts)
        query = Query(
            organization=organization,
            words=words,
            limit=limit,
            namespaces=namespaces,
            types=types,
            condition=condition(filter) if filter else None,
            order=order,
            after=pages.read(cursor, mark) if cursor else None,
            weights=ranking.weights,
            boosts=ranking.boosts,
            explain=ranking.explain,
        )
        return query, mark

    async def _with_synonyms(self, organization: UUID, words: Words, language: bool | str) -> Words:
        wanted = language if isinstance(language, str) else None
        sets = await sets_with(self._runner, organization, meanings.names(words), wanted)
        return meanings.expanded(words, sets) if sets else words


def _any_word(words: Words) -> Words | None:
    """The query with any of its words instead of all; None when it is no list of words."""
    if len(words.alternatives) != 1 or words.excluded or len(words.alternatives[0]) < _FEWEST_LOOSE:
        return None
    return Words(tuple((term,) for term in words.alternatives[0]))


def _order(order: str | None) -> Order | None:
    if order is None:
        return None
    if not order.strip("-"):
        raise InvalidFilter(f"{order!r} is not an order", remedy="write a name, with - before it to descend")
    subject = parse_subject(order.removeprefix("-"))
    if isinstance(subject, Attribute) and subject.kind == "labels":
        raise InvalidFilter("@labels is nothing to order by", remedy="order by another attribute or a field")
    return Order(subject, order.startswith("-"))


def hit(match: Match, query: Query, style: Style) -> Hit:
    """What is shown of a match."""
    return Hit(
        id=match.id,
        namespace=match.namespace,
        type=match.type,
        name=match.name,
        title=match.title,
        version=match.version,
        current_version=match.current_version,
        score=match.score,
        highlight=highlight(match, query.words, style),
        start=match.start,
        end=match.end,
        why=why(match.explanation, query.weights) if match.explanation else None,
    )
