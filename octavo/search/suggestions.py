"""Did you mean: a query with the words in the place of misspelt ones that documents have.

A word is proposed only if a search for it finds a live document in the same place: the same organization,
namespaces, types and filter. So nothing is told of what the asker may not find.
"""

from __future__ import annotations

import msgspec

from octavo.roles.search import Query, Searched, Term, Words
from octavo.search import typos

# Misspelt words of one query that are looked into.
MAX_WORDS = 8


async def corrected(engine: Searched, query: Query, text: str) -> str | None:
    """The query as it was meant; None when no word of it is misspelt, or none is known that resembles it.

    Args:
        query: where to look; its words do not count.
        text: the query as it was written.
    """
    words = typos.words_of(text)[:MAX_WORDS]
    if not words:
        return None
    beginnings = sorted({word[0] for word in words})
    vocabulary = await engine.vocabulary(query.organization, beginnings)
    meant = {
        word: found
        for word in words
        for found in [await _first_found(engine, query, typos.nearest(word, vocabulary))]
        if found is not None
    }
    return typos.replaced(text, meant) if meant else None


async def _first_found(engine: Searched, query: Query, candidates: list[str]) -> str | None:
    for word in candidates:
        alone = msgspec.structs.replace(query, words=Words(((Term(word),),)), limit=1, after=None, order=None)
        if (await engine.search(alone)).matches:
            return word
    return None
