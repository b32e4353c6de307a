"""Search by meaning, and by words and meaning together.

Both searches of a hybrid one run at the same time, with the same filters, and where a position is wanted, both at or
behind it. Their orders are joined by `octavo.search.fuse`. A page is the best of what was not shown before: so no
hit comes twice or is lost, although documents change between pages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded, StorageFault, Unavailable
from octavo.roles.embedder import Embedding
from octavo.roles.search import Match, Query, Words
from octavo.roles.vectors import Near
from octavo.search import explain as explained
from octavo.search import facets as facets_of
from octavo.search import pages
from octavo.search.fuse import Fused, fuse
from octavo.search.highlights import Style, highlight_near
from octavo.search.hits import Hit, Hits, Leg
from octavo.search.narrowing import condition, filter_of, names
from octavo.search.parse import parse, spoken
from octavo.search.query import Matches, Ranking, Search, hit
from octavo.search.ranking import boosts_of, weights_of
from octavo.search.reading import WAIT_SECONDS, Fallback, check_fallback, wanted_position
from octavo.search.semantic import Neighbours, Semantic
from octavo.values.position import Position

Mode = Literal["keyword", "semantic", "hybrid"]

# Hits asked of each leg, so that most of what both know is known of it; and for each hit of a page.
FEWEST, OF_A_HIT = 30, 3
WORDS, MEANING = "words", "meaning"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A search for one organization, its filters and its page; see `octavo.workspace.Workspace.search`."""

    organization: UUID
    text: str
    namespace: str | Sequence[str] | None = None
    type: str | Sequence[str] | None = None
    where: Mapping[str, Any] | None = None
    limit: int = 10
    cursor: str | None = None
    after: Position | str | None = None
    wait_seconds: float = WAIT_SECONDS
    fallback: Fallback = "error"
    style: Style = "html"
    facets: Sequence[str] = ()
    facet_values: int = 10
    synonyms: bool | str = False
    weights: Mapping[str, float] | None = None
    boost: Mapping[str, Mapping[str, float]] | None = None
    explain: bool = False
    exact: bool | None = None
    least_similarity: float = -1.0
    language: str | Sequence[str] | None = None
    told: Callable[[Embedding], None] | None = None

    @property
    def narrowing(self) -> dict[str, Any]:
        """The filters, the same in every leg."""
        return {"namespace": self.namespace, "type": self.type, "where": self.where}

    @property
    def is_of_vectors(self) -> bool:
        """Whether something was asked that words cannot answer."""
        return self.language is not None or self.least_similarity > -1.0

    @property
    def nearness(self) -> dict[str, Any]:
        """What narrows the search by meaning only."""
        return {
            "exact": self.exact,
            "least_similarity": self.least_similarity,
            "language": self.language,
            **self.narrowing,
        }


class Answers(msgspec.Struct, frozen=True):
    """What the legs of a search found; None of one that was not asked, or did not answer."""

    legs: Sequence[Leg]
    matches: Matches | None
    near: Neighbours | None

    def fused(self) -> list[Fused]:
        """All of it in one order."""
        lists = {}
        if self.matches is not None:
            lists[WORDS] = [match.id for match in self.matches.found.matches]
        if self.near is not None:
            lists[MEANING] = [near.id for near in self.near.hits]
        return fuse(lists)


class Hybrid:
    """Searches by meaning, and by words and meaning.

    Args:
        words: searches by words.
        meaning: searches by meaning; raises `InvalidSetting` when there are no vectors.
    """

    def __init__(self, words: Search, meaning: Semantic) -> None:
        self._words = words
        self._meaning = meaning
        self._max_limit = words.max_limit

    async def search(self, mode: Mode, asked: Asked) -> Hits:
        """The best documents by meaning, or by both.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded: nothing was searched.
            InvalidSetting: there are no vectors to search by meaning.
            PositionTimeout: a leg did not reach `after` in time, and `fallback` is "error".
            Unavailable: a leg does not answer, and `fallback` is "error"; or none does. By meaning alone the words
                are asked then, too.
        """
        began = time.monotonic()
        self._check(mode, asked)
        counted = facets_of.parse(asked.facets, asked.facet_values)
        mark = _mark(mode, asked)
        seen = pages.read_shown(asked.cursor, mark)
        depth = self._depth(mode, asked, seen)
        answers = await self._ask(mode, asked, depth, began)
        fused = answers.fused()
        left = [one for one in fused if pages.mark_of(one.id) not in seen]
        page = left[: asked.limit]
        shown = seen | {pages.mark_of(one.id) for one in page}
        more = len(left) > len(page) or (mode == "hybrid" and self._goes_on(answers, depth))
        query = _query(asked) if answers.matches is None else answers.matches.query
        ids = [one.id for one in fused]
        return Hits(
            hits=await _shown_hits(page, answers, asked, mode),
            cursor=pages.write_shown(shown, mark) if page and more and len(shown) < pages.MAX_SEEN else None,
            capped=answers.matches is not None and answers.matches.found.capped,
            position=min(leg.position for leg in answers.legs if leg.position is not None),
            stale=any(leg.stale for leg in answers.legs),
            took_ms=(time.monotonic() - began) * 1000,
            facets=await self._words.facets_among(answers.matches, query, ids, counted, asked.facet_values),
            exact=answers.near is not None and answers.near.exact,
            degraded=any(leg.missing or leg.instead for leg in answers.legs)
            or (answers.matches is not None and answers.matches.found.degraded),
            legs=answers.legs,
        )

    async def similar(self, document: UUID, asked: Asked) -> Hits:
        """The documents most like one, which is left out.

        Raises:
            NotFound: there are no vectors of the document (yet). Further what `search` raises.
        """
        found = await self._meaning.similar(
            asked.organization,
            document,
            limit=asked.limit,
            after=asked.after,
            wait_seconds=asked.wait_seconds,
            fallback=asked.fallback,
            **asked.nearness,
        )
        return _all_near(found, asked)

    async def nearest(self, embedding: Embedding, asked: Asked) -> Hits:
        """The documents nearest to a vector.

        Raises:
            InvalidInput: it is of another model than what is searched. Further what `search` raises.
        """
        return _all_near(await self._nearest(asked, embedding, asked.limit), asked)

    def _check(self, mode: Mode, asked: Asked) -> None:
        if mode not in get_args(Mode):
            raise InvalidInput(f"mode = {mode!r}", remedy="give keyword, semantic or hybrid")
        check_fallback(asked.fallback)
        if not 1 <= asked.limit <= self._max_limit:
            raise LimitExceeded(
                f"limit = {asked.limit}",
                remedy=f"give 1 to {self._max_limit}",
                limit=self._max_limit,
                actual=asked.limit,
            )
        if mode == "hybrid":
            refuse(mode, language=asked.language)
        if mode == "semantic" and (asked.weights or asked.boost or asked.synonyms):
            raise InvalidInput(
                "weights, boost and synonyms are about words",
                remedy='search with mode="hybrid", or leave them out',
            )

    def _depth(self, mode: Mode, asked: Asked, seen: frozenset[bytes]) -> int:
        """How many hits are asked of each leg."""
        if mode == "semantic":
            return min(self._max_limit, asked.limit + len(seen) + 1)
        return min(self._max_limit, max(FEWEST, OF_A_HIT * asked.limit) + 2 * len(seen))

    def _goes_on(self, answers: Answers, depth: int) -> bool:
        """Whether a leg may have more than it was asked for."""
        return depth < self._max_limit and any(leg.returned >= depth for leg in answers.legs)

    async def _ask(self, mode: Mode, asked: Asked, depth: int, began: float) -> Answers:
        """Ask the legs together; one that does not answer is left out where the caller allows it."""
        # By words first: the server looks for them while this process embeds the text.
        legs = [*([self._matches(asked, depth, began)] if mode == "hybrid" else []), self._near(asked, depth)]
        answers = await asyncio.gather(*legs, return_exceptions=True)
        failed = [one for one in answers if isinstance(one, BaseException)]
        for error in failed:
            if asked.fallback == "error" or not isinstance(error, Unavailable | StorageFault):
                raise error
        if len(failed) == len(legs):
            if mode == "hybrid" or asked.is_of_vectors:
                raise failed[0]
            answers = [await self._matches(asked, depth, began)]
        near = next((one for one in answers if isinstance(one, Neighbours)), None)
        matches = next((one for one in answers if isinstance(one, Matches)), None)
        missing = next((str(error) for error in failed), None)
        told = [_leg_of_meaning(near) if near else Leg(name=MEANING, asked=depth, missing=missing)]
        if matches is not None:
            told.insert(0, _leg_of_words(matches))
        elif mode == "hybrid":
            told.insert(0, Leg(name=WORDS, asked=depth, missing=missing))
        return Answers(told, matches, near)

    async def _near(self, asked: Asked, depth: int) -> Neighbours:
        """By meaning: of the words that are wanted, and without documents that have one that is not."""
        words = parse(asked.text)
        found = await self._nearest(asked, spoken(words), depth)
        ids = [near.id for near in found.hits]
        unwanted = await self._words.having(asked.organization, words.excluded, ids)
        return msgspec.structs.replace(found, hits=[near for near in found.hits if near.id not in unwanted])

    async def _nearest(self, asked: Asked, query: str | Embedding, depth: int) -> Neighbours:
        return await self._meaning.search(
            asked.organization,
            query,
            limit=depth,
            after=asked.after,
            wait_seconds=asked.wait_seconds,
            fallback=asked.fallback,
            told=asked.told,
            **asked.nearness,
        )

    async def _matches(self, asked: Asked, depth: int, began: float) -> Matches:
        return await self._words.matches(
            asked.organization,
            asked.text,
            limit=depth,
            synonyms=asked.synonyms,
            ranking=Ranking(weights_of(asked.weights), boosts_of(asked.boost), asked.explain),
            wanted=wanted_position(asked.after),
            deadline=began + asked.wait_seconds,
            fallback=asked.fallback,
            **asked.narrowing,
        )


def refuse(mode: Mode, **options: object) -> None:
    """Refuse options that mean nothing in a mode; raises `InvalidInput`."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise InvalidInput(
                f"{name} = {value!r} with mode = {mode!r}", remedy=f"leave {name} out in this mode"
            )


def _mark(mode: Mode, asked: Asked) -> str:
    """What tells the cursors of a search from those of others."""
    filter = filter_of(asked.where)
    narrowing = (names(asked.namespace), names(asked.type), filter and filter.fingerprint)
    nearness = (asked.least_similarity, names(asked.language))
    return pages.fingerprint(
        mode, asked.text, *narrowing, *nearness, asked.synonyms, asked.weights, asked.boost
    )


def _query(asked: Asked) -> Query:
    """What counts facets where nothing was asked by words."""
    filter = filter_of(asked.where)
    return Query(
        organization=asked.organization,
        words=Words(()),
        limit=1,
        condition=condition(filter) if filter else None,
    )


def _leg_of_words(matches: Matches) -> Leg:
    found = matches.found
    return Leg(
        name=WORDS,
        asked=matches.query.limit,
        returned=len(found.matches),
        exact=not found.capped,
        position=found.cursor.position,
        stale=matches.stale,
    )


def _leg_of_meaning(near: Neighbours) -> Leg:
    return Leg(
        name=MEANING,
        asked=near.asked,
        returned=len(near.hits),
        exact=near.exact,
        position=near.position,
        stale=near.stale,
        instead=near.instead,
    )


def _all_near(found: Neighbours, asked: Asked) -> Hits:
    """What was found by meaning alone, on one page."""
    return Hits(
        hits=[_near_hit(near, asked, near.similarity) for near in found.hits],
        cursor=None,
        capped=False,
        position=found.position,
        stale=found.stale,
        took_ms=found.took_ms,
        exact=found.exact,
        degraded=found.instead is not None,
        legs=[_leg_of_meaning(found)],
    )


async def _shown_hits(page: Sequence[Fused], answers: Answers, asked: Asked, mode: Mode) -> list[Hit]:
    matches = await answers.matches.shown({one.id for one in page}) if answers.matches else {}
    nears = {near.id: near for near in answers.near.hits} if answers.near else {}
    if mode == "semantic" and answers.near is not None:
        return [_near_hit(nears[one.id], asked, nears[one.id].similarity) for one in page]
    return [_hit(one, matches.get(one.id), nears.get(one.id), answers, asked) for one in page]


def _hit(fused: Fused, match: Match | None, near: Near | None, answers: Answers, asked: Asked) -> Hit:
    """A hit by words shows its words; one by meaning only, its passage."""
    if match is not None and answers.matches is not None:
        shown = hit(match, answers.matches.query, asked.style)
    else:
        assert near is not None
        shown = _near_hit(near, asked, fused.score)
    why = explained.fused(shown.why if match else None, fused.places) if asked.explain else None
    return msgspec.structs.replace(shown, score=fused.score, why=why)


def _near_hit(near: Near, asked: Asked, score: float) -> Hit:
    return Hit(
        id=near.id,
        namespace=near.namespace,
        type=near.type,
        name=near.name,
        title=near.title,
        version=near.version,
        current_version=near.current_version,
        score=score,
        highlight=highlight_near(near.text, asked.text, asked.style),
        start=near.start,
        end=near.end,
        why=explained.near(near.similarity) if asked.explain else None,
    )
