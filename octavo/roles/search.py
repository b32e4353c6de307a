"""What serves keyword search: the words every search engine takes and gives.

An engine holds the words of current, live documents and where it stands in the log; see `octavo.roles.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """

    organization: UUID
    words: Words
    limit: int
    namespaces: Sequence[str] | None = None
    types: Sequence[str] | None = None
    condition: Condition | None = None
    order: Order | None = None
    after: Place | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A live document that matches, by its best passage.

    Attributes:
        version: the version that was searched; `current_version` is newer while the engine lags.
        start, end: the passage in the document's text, in code points.
        highlight: the passage, or a piece of it, with what matched between MATCH_START and MATCH_END.
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


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page of matches, and the cursor the engine had when it was read.

    Attributes:
        more: whether further matches follow the last one.
        capped: whether more documents match than were ranked, so that a better one may follow later.
    """

    matches: Sequence[Match]
    more: bool
    capped: bool
    cursor: Cursor


class Matching(msgspec.Struct, frozen=True):
    """Documents that match, in no order; `capped` when there may be others."""

    ids: Sequence[UUID]
    capped: bool


class SearchEngine(DocumentEngine[Change], Protocol):
    """What an engine does for keyword search; `octavo.testing` holds the suite every one must pass.

    Guarantees beyond those of `DocumentEngine`: `search` gives live documents of the query's organization only,
    also while the engine lags.
    """

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
