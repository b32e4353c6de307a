"""What serves keyword search: the words every search engine takes and gives.

An engine holds the words of current, live documents and where it stands in the log; see `octavo.roles.state`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from octavo.roles.state import Cursor, DocumentEngine, Parked, Removed
from octavo.text.passages import Passage
from octavo.values.condition import Attribute, Field

# Around each match in a highlight: characters of Unicode's private use that no indexed text may hold.
MATCH_START, MATCH_END = "\ue000", "\ue001"

# SQL over the columns of octavo.lookup and its arguments, numbered from the parameter given.
Condition = Callable[[int], tuple[str, Sequence[object]]]


class Searchable(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a document's current version, as engines take it.

    Attributes:
        title, preview, description: weighed more than the text, in this order; None when there is none.
        configuration: text search configuration of its language; None when there is none for it.
        passages: the text in pieces; a document without text has none.
    """

    organization: UUID
    id: UUID
    namespace: str
    type: str
    version: int
    title: str | None
    preview: str | None
    description: str | None
    configuration: str | None
    passages: Sequence[Passage]


Change = Searchable | Removed | Parked


class Term(msgspec.Struct, frozen=True):
    """One thing to look for: a word, a phrase whose words follow each other, or the beginning of a word."""

    text: str
    kind: Literal["word", "phrase", "prefix"] = "word"


class Words(msgspec.Struct, frozen=True):
    """What to look for: documents with all terms of one alternative, and none of the excluded terms."""

    alternatives: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """How much a word counts by where it stands; only how they relate to each other matters.

    What stands in title, preview and description is text too, so none of them weighs less than the text.
    """

    title: float = 10.0
    preview: float = 4.0
    description: float = 2.0
    text: float = 1.0


class Order(msgspec.Struct, frozen=True):
    """An order other than by relevance."""

    subject: Field | Attribute
    descending: bool


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the band of the last hit, its sort value, and its document."""

    band: int
    value: float | bytes
    id: UUID


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search for one organization.

    Attributes:
        namespaces, types: only these; None for all.
        condition: a further filter, for engines that live in the record.
        order: None for the best first.
        limit: hits of the page.
        after: continue behind this place.
        weights: what counts how much for the score; which documents match does not depend on them.
        boosts: what the score of a type's documents is multiplied by; 1 for types that are not named.
        explain: whether matches shall tell why they have their score.
        is_marked: whether what matched shall be marked in all matches; else an engine may leave it to `Found.mark`.
    """

    organization: UUID
    words: Words
    limit: int
    namespaces: Sequence[str] | None = None
    types: Sequence[str] | None = None
    condition: Condition | None = None
    order: Order | None = None
    after: Place | None = None
    weights: Weights = Weights()
    boosts: Mapping[str, float] = {}
    explain: bool = False
    is_marked: bool = True


class Standing(msgspec.Struct, frozen=True):
    """A word as the index has it, and in which parts of the passage it stands, the weightiest first."""

    word: str
    parts: Sequence[str]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a match has its score; tells of nothing but its own organization.

    Attributes:
        found: the words of the query that stand in the passage.
        factors: what the score is the product of, by name: `words`, `rarity`, `resemblance`, `apart`, `boost`.
        ranked: False when it comes behind those that were ranked.
    """

    found: Sequence[Standing]
    factors: Mapping[str, float]
    ranked: bool = True


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A live document that matches, by its best passage.

    Attributes:
        version: the version that was searched; `current_version` is newer while the engine lags.
        start, end: the passage in the document's text, in code points.
        highlight: the passage, or a piece of it, with what matched between MATCH_START and MATCH_END.
        explanation: of the score, if the query asks for it.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    title: str | None
    description: str | None
    version: int
    current_version: int
    score: float
    start: int
    end: int
    highlight: str
    place: Place
    explanation: Explanation | None = None


# The passages of some matches with marks around what matched.
Mark = Callable[[Collection[UUID]], Awaitable[Mapping[UUID, str]]]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of matches, and the cursor the engine had when it was read.

    Attributes:
        more: whether further matches follow the last one.
        capped: whether more documents match than were ranked, so that a better one may follow later.
        degraded: whether an engine that is kept up to date answered, since the one that serves did not.
        mark: marks the matches that are shown, when the query wanted no marks; None of an engine that marked all.
    """

    matches: Sequence[Match]
    more: bool
    capped: bool
    cursor: Cursor
    degraded: bool = False
    mark: Mark | None = None


class Matching(msgspec.Struct, frozen=True):
    """Documents that match, in no order; `capped` when there may be others."""

    ids: Sequence[UUID]
    capped: bool


class Searched(Protocol):
    """What a search asks of an engine, and nothing that changes one.

    Guarantees: live documents of the query's organization only, also while the engine lags.
    """

    async def position(self) -> Cursor:
        """Where the engine stands."""
        ...

    async def search(self, query: Query) -> Found:
        """One page of matches and the cursor it was read at."""
        ...

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches, up to about so many; who counts them asks the record which are live."""
        ...

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words of an organization's documents with these beginnings, and about how often they are used.

        Bounded, so not all of them; words of documents that are gone may be among them.
        """
        ...


class SearchEngine(Searched, DocumentEngine[Change], Protocol):
    """What an engine does for keyword search; `octavo.testing` holds the suite every one must pass."""
