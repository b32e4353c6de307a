"""What a search gives: hits, how they were found, and why they are where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.roles.search import Standing
from octavo.search.facets import Facet
from octavo.values.position import Position


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a hit is where it is.

    Attributes:
        text: in plain words.
        found: the words that stand in the passage, in the form the index has them, and where.
        factors: what the score by words is the product of: `words`, `rarity`, `resemblance`, `apart`, `boost`.
        places: in a hybrid search, the hit's place among the hits by words and by meaning, from 1.
    """

    text: str
    found: Sequence[Standing] = ()
    factors: Mapping[str, float] = {}
    places: Mapping[str, int] = {}


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was found.

    Attributes:
        version: the version that was searched.
        current_version: the document's version now; newer than `version` while the engine lags.
        score: comparable inside one page sequence only; by meaning, the cosine of the angle, -1 to 1.
        highlight: the piece of the best passage that matched.
        start, end: that passage in the document's searched text, in code points.
        why: of the score, if it was asked for.
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
    why: Why | None = None

    def as_dict(self) -> dict[str, Any]:
        """The hit as plain data; `why` if it was asked for."""
        plain = {**msgspec.structs.asdict(self), "id": str(self.id)}
        why = plain.pop("why")
        return plain if why is None else {**plain, "why": msgspec.to_builtins(why)}


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two searches of a hybrid one.

    Attributes:
        name: `words` or `meaning`.
        asked, returned: hits that were asked for, and that came.
        exact: nothing better was left out: everything that matches was ranked.
        position: up to where in the log its engine had read; None when it did not answer.
        stale: its engine was behind `after`, and the caller allowed it.
        missing: why it did not answer; None when it did.
        instead: why an engine that is kept answered, and not the one that serves; None when the latter did.
    """

    name: str
    asked: int
    returned: int = 0
    exact: bool = False
    position: Position | None = None
    stale: bool = False
    missing: str | None = None
    instead: str | None = None


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """One page of hits.

    Attributes:
        cursor: continues behind the page; None on the last one.
        capped: more documents match than were ranked; later pages hold them.
        position: up to where in the log the engine had read, of two engines the lower; give it to nothing,
            compare it with a write's.
        stale: the engine was behind `after`, and the caller allowed it.
        took_ms: how long it took, waiting included, in milliseconds.
        facets: the values that were asked for, as often as they are among all that matches.
        corrected: what was searched instead, because the words as written find nothing; further pages are
            asked for with it.
        exact: by meaning: every vector that passes the filters was compared, so nothing nearer exists.
        degraded: the engine that serves did not answer and one that is kept up to date did; or a leg did not, and
            the caller allowed it: `legs` tells which, and why.
        legs: of a search by meaning or a hybrid one: by words and by meaning.
    """

    hits: Sequence[Hit]
    cursor: str | None
    capped: bool
    position: Position
    stale: bool
    took_ms: float
    facets: Sequence[Facet] = ()
    corrected: str | None = None
    exact: bool = True
    degraded: bool = False
    legs: Sequence[Leg] = ()

    def as_dict(self) -> dict[str, Any]:
        """The page as plain data."""
        return {
            **msgspec.structs.asdict(self),
            "hits": [hit.as_dict() for hit in self.hits],
            "position": str(self.position),
            "facets": msgspec.to_builtins(self.facets),
            "legs": [
                {**msgspec.structs.asdict(leg), "position": leg.position and str(leg.position)}
                for leg in self.legs
            ],
        }
