"""One order of several: reciprocal rank fusion.

A document's score is the sum of 1 / (k + place) over the lists it is in, with k = 60 (Cormack, Clarke, Büttcher:
"Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009). Scores of different
engines need not be comparable, only their orders count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

K = 60


class Fused(msgspec.Struct, frozen=True):
    """A document in the common order.

    Attributes:
        places: its place in each list that has it, from 1.
    """

    id: UUID
    score: float
    places: Mapping[str, int]


def fuse(lists: Mapping[str, Sequence[UUID]], k: int = K) -> list[Fused]:
    """The documents of all lists, the best first; of equals the newest.

    Args:
        lists: by name, each with the best first and no document twice.
        k: how much the first places count more than later ones; the larger, the less.
    """
    places: dict[UUID, dict[str, int]] = {}
    for name, ids in lists.items():
        for place, id in enumerate(ids, 1):
            places.setdefault(id, {})[name] = place
    fused = [Fused(id, sum(1 / (k + place) for place in of.values()), of) for id, of in places.items()]
    return sorted(fused, key=lambda one: (-one.score, -one.id.int))
