"""One search: words, filters, order and page in; hits out, read at or behind the position the caller asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter, LimitExceeded
from octavo.postgres.transaction import Runner
from octavo.roles.search import Match, Order, Query, SearchEngine, Words
from octavo.search import facets as facets_of
from octavo.search import pages, suggestions
from octavo.search import synonyms as meanings
from octavo.search.facets import Facet
from octavo.search.highlights import Style, highlight
from octavo.search.narrowing import condition, filter_of, names
from octavo.search.parse import parse
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


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A document that matches.

    Attributes:
        version: the version that was searched.
        current_version: the document's version now; newer than `version` while the engine lags.
        score: comparable inside one page sequence only.
        highlight: the piece of the best passage that matched.
        start, end: that passage in the document's searched text, in code points.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    title: str | None
    version: int
    current_version: int
    score: float
    highlight: str
    start: int
    end: int

    def as_dict(self) -> dict[str, Any]:
        """The hit as plain data."""
        return {**msgspec.structs.asdict(self), "id": str(self.id)}


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """One page of hits.

    Attributes:
        cursor: continues behind the page; None on the last one.
        capped: more documents match than were ranked; later pages hold them.
        position: up to where in the log the engine had read; give it to nothing, compare it with a write's.
        stale: the engine was behind `after`, and the caller allowed it.
        took_ms: how long it took, waiting included, in milliseconds.
        facets: the values that were asked for, as often as they are among all that matches.
        corrected: what was searched instead, because the words as written find nothing; further pages are
            asked for with it.
    """

    hits: Sequence[Hit]
    cursor: str | None
    capped: bool
    position: Position
    stale: bool
    took_ms: float
    facets: Sequence[Facet] = ()
    corrected: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The page as plain data."""
        return {
            **msgspec.structs.asdict(self),
            "hits": [hit.as_dict() for hit in self.hits],
            "position": str(self.position),
            "facets": msgspec.to_builtins(self.facets),
        }


class Search:
    """Keyword search over one engine.

    Args:
        engine: what serves it.
        runner: asks the record for what engines do not know: values of facets, synonyms.
        moved: waits until the engine may have moved, at most so many seconds.
        skips: whether an engine lacks nothing, although it is not where it is wanted: an engine moves with
            events only, so while none comes it stays behind the end of the log.
        max_limit: hits of one page at most.
    """

    def __init__(
        self,
        engine: SearchEngine,
        runner: Runner,
        *,
        moved: Moved = asyncio.sleep,
        skips: Skips | None = None,
        max_limit: int = 1_000,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._reading = Reading("search", engine, moved=moved, skips=skips)
        self._max_limit = max_limit

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
            hits=[_hit(match, query.words, style) for match in found.matches],
            cursor=pages.write(found.matches[-1].place, mark) if found.more and found.matches else None,
            capped=found.capped,
            position=found.cursor.position,
            stale=stale,
            took_ms=(time.monotonic() - began) * 1000,
            facets=await facets_of.count(self._runner, self._engine, query, counted, facet_values)
            if counted
            else (),
            corrected=corrected,
        )

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
    ) -> tuple[Query, str]:
        """The query, and what tells its cursors from those of others."""
        if not 1 <= limit <= self._max_limit:
            raise LimitExceeded(
                f"limit = {limit}", remedy=f"give 1 to {self._max_limit}", limit=self._max_limit, actual=limit
            )
        words = parse(text)
        if synonyms:
            words = await self._with_synonyms(organization, words, synonyms)
        mark = pages.fingerprint(words, namespaces, types, order, filter and filter.fingerprint)
        query = Query(
            organization=organization,
            words=words,
            limit=limit,
            namespaces=namespaces,
            types=types,
            condition=condition(filter) if filter else None,
            order=order,
            after=pages.read(cursor, mark) if cursor else None,
        )
        return query, mark

    async def _with_synonyms(self, organization: UUID, words: Words, language: bool | str) -> Words:
        wanted = language if isinstance(language, str) else None
        sets = await sets_with(self._runner, organization, meanings.names(words), wanted)
        return meanings.expanded(words, sets) if sets else words


def _order(order: str | None) -> Order | None:
    if order is None:
        return None
    if not order.strip("-"):
        raise InvalidFilter(f"{order!r} is not an order", remedy="write a name, with - before it to descend")
    subject = parse_subject(order.removeprefix("-"))
    if isinstance(subject, Attribute) and subject.kind == "labels":
        raise InvalidFilter("@labels is nothing to order by", remedy="order by another attribute or a field")
    return Order(subject, order.startswith("-"))


def _hit(match: Match, words: Words, style: Style) -> Hit:
    return Hit(
        id=match.id,
        namespace=match.namespace,
        type=match.type,
        name=match.name,
        title=match.title,
        version=match.version,
        current_version=match.current_version,
        score=match.score,
        highlight=highlight(match, words, style),
        start=match.start,
        end=match.end,
    )
