"""How much narrowings leave of a shelf, remembered by a process for some seconds.

Whether a namespace or a type leaves few passages is found out by looking at up to two thousand of them, which takes
longer than asking an index, and nearly every question names a namespace. So what was found is used for a while: a
narrowing that left much is asked of the index at once, one that left little is compared at once. When that has
changed meanwhile, an answer takes longer, or is approximate where it would have been exact, and says so.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from octavo.roles.vectors import NearestQuery

KNOWN_SECONDS, MOST_KNOWN = 10.0, 10_000

_Names = tuple[str, ...] | None
_Key = tuple[UUID, _Names, _Names, _Names, _Names]


class Narrowings:
    """Remembers of narrowings by names whether they leave few passages.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._few: OrderedDict[_Key, tuple[bool, float]] = OrderedDict()

    def leaves_few(self, query: NearestQuery) -> bool | None:
        """Whether what narrows a question left few passages a moment ago; None when nobody knows."""
        if not _is_by_names(query):
            return None
        few, until = self._few.get(_key(query), (None, 0.0))
        return few if until > self._clock() else None

    def remember(self, query: NearestQuery, *, few: bool) -> None:
        """Remember what was found; filters and times are seldom asked twice, and are not remembered."""
        if not _is_by_names(query):
            return
        self._few[_key(query)] = few, self._clock() + KNOWN_SECONDS
        self._few.move_to_end(_key(query))
        if len(self._few) > MOST_KNOWN:
            self._few.popitem(last=False)


def _is_by_names(query: NearestQuery) -> bool:
    return query.condition is None and query.created_from is None and query.created_to is None


def _key(query: NearestQuery) -> _Key:
    names = (query.namespaces, query.types, query.languages, query.authors)
    namespaces, types, languages, authors = (None if one is None else tuple(one) for one in names)
    return query.organization, namespaces, types, languages, authors
