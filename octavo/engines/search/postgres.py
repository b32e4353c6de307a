"""Keyword search in the record's own PostgreSQL: weighted passages, GIN indexes, candidates capped before ranking.

Ranking many matches is the whole cost of full text in PostgreSQL, and finding many of them is the rest. So an
alternative of the query brings at most `CANDIDATES` passages, and passages lie in segments that are read newest
first until these are found: a word that stands in every third document costs as much among a million documents
as among ten thousand. Behind the newest segments whole shelves are read, so a rare word has few looks at all of
them. A word with fewer matches than the cap is complete. For a common one, matches in titles and passages with all
alternatives are added to the newest passages; then `capped` says that documents exist which were not ranked. Pages
go on behind the ranked ones: every match is reached.

What a page shows is read in the statement that finds it, from the heads of live documents. So a deleted
document never appears, however far the engine lags. A document that was changed meanwhile appears by the text
that was searched, and `version` and `current_version` differ; filters are asked of its current state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial
from uuid import UUID

from octavo.engines.search import lexemes
from octavo.engines.search.postgres_index import PostgresIndex
from octavo.engines.search.postgres_shown import explanations, marked_texts
from octavo.engines.search.postgres_words import vocabulary
from octavo.engines.search.word_forms import WordForms
from octavo.postgres.pool import Row
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.search import (
    Change,
    Explanation,
    Found,
    Mark,
    Match,
    Matching,
    Order,
    Place,
    Query,
)
from octavo.roles.state import NO_DOCUMENT, Cursor, Digest, Parked
from octavo.values.condition import Attribute
from octavo.values.position import Position

_sql = load("octavo.engines.search", "postgres.sql")

# Passages: of an alternative that are ranked, of one among many; looked at for a phrase; of a whole answer.
CANDIDATES = 300
FEWEST_CANDIDATES = 100
LOOKED_AT = 2_000
EVERYTHING = 100_000

_RANKED, _REST = 0, 1
# The documents that pass the query's filter are a part of the statement, under this name.
_FILTERED = "passage.document_id IN (SELECT filtered.document_id FROM filtered)"
# Texts of searches that are remembered: they differ by their filter.
WRITTEN = 200


class PostgresSearch:
    """The search engine inside the record; see `octavo.roles.search.SearchEngine`."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._index = PostgresIndex(record)
        self._forms = WordForms(record.app)

    async def position(self) -> Cursor:
        """Where the engine stands; a process without the system's role sees no progress of a scan."""
        if self._record.has_system:
            return await self._index.cursor()
        row = await self._record.app.fetchrow(_sql.position)
        assert row is not None
        return self._cursor(row)

    async def apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes and move the cursor in one transaction; see the role."""
        return await self._index.apply(changes, before, after)

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents that could not be indexed, 1,000 at most."""
        return await self._index.parked(organization)

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket: one scan of the passages and of their texts' keys."""
        return await self._index.digests()

    async def summaries(self) -> Mapping[UUID, Digest]:
        """What is held, by organization, with seals of the server."""
        return await self._index.summaries()

    async def digests_of(self, organizations: Sequence[UUID]) -> Mapping[tuple[UUID, int], Digest]:
        """What is held of some organizations, by bucket."""
        return await self._index.digests(organizations)

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket with their versions; a document that lost a passage has version 0."""
        return await self._index.held(organization, [bucket])

    async def held_in(self, organization: UUID, buckets: Sequence[int]) -> Mapping[UUID, int]:
        """The documents of many buckets: no index knows them, so they are read together."""
        return await self._index.held(organization, buckets)

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents, or everything of an organization."""
        await self._index.erase(organization, documents)

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation."""
        return await self._index.reset()

    async def search(self, query: Query) -> Found:
        """One page of matches; the module says which, and in what order."""
        if query.order is not None:
            return await self._ordered(query, query.order)
        if query.after is not None and query.after.band == _REST:
            return await self._rest(query, query.limit, query.after)
        found, complete = await self._ranked(query)
        if found.more or complete:
            return found
        return _continued(found, await self._rest(query, query.limit - len(found.matches), None))

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches, up to so many passages an alternative."""
        arguments = (*_arguments(query, query.limit, None), most)
        rows = await self._rows(_sql.search_matching, query, arguments)
        return Matching([row["document_id"] for row in rows], bool(rows and rows[0]["capped"]))

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words of the newest passages: a list of all words would have to be kept at each write."""
        return await vocabulary(self._record.app, organization, beginnings)

    async def _ranked(self, query: Query) -> tuple[Found, bool]:
        """A page of what is ranked, and whether nothing else matches."""
        rows = await self._rows(_sql.search, query, _arguments(query, query.limit, query.after))
        return await self._found(query, rows, query.limit, _RANKED), rows[0]["complete"]

    async def _rest(self, query: Query, limit: int, after: Place | None) -> Found:
        arguments = (*_arguments(query, limit, after), EVERYTHING)
        rows = await self._rows(_sql.search_rest, query, arguments)
        return await self._found(query, rows, limit, _REST)

    async def _ordered(self, query: Query, order: Order) -> Found:
        statement = _sql.search_descending if order.descending else _sql.search_ascending
        arguments = (
            *_arguments(query, query.limit, query.after),
            EVERYTHING,
            *_sort_key(order),
        )
        rows = await self._rows(statement, query, arguments)
        return await self._found(query, rows, query.limit, _RANKED)

    async def _rows(self, statement: str, query: Query, arguments: Sequence[object]) -> Sequence[Row]:
        """Run a search; its first row is there also when nothing matches."""
        condition, values = query.condition(len(arguments) + 1) if query.condition else ("true", ())
        text = _written(
            statement,
            condition,
            filtered=query.condition is not None,
            excluding=bool(query.words.excluded),
            boosted=any(factor > 1 for factor in query.boosts.values()),
            divided=any(len(terms) > 1 for terms in query.words.alternatives),
        )
        return await self._record.app.fetch(text, *arguments, *values)

    async def _found(self, query: Query, rows: Sequence[Row], limit: int, band: int) -> Found:
        hits = [row for row in rows if row["document_id"] is not None]
        page = hits[:limit]
        texts = await marked_texts(page, self._forms) if query.is_marked else [row["text"] for row in page]
        reasons = await explanations(self._record.app, query, page, band == _RANKED) if query.explain else {}
        return Found(
            matches=[
                _match(row, band, text, reasons.get(row["document_id"]))
                for row, text in zip(page, texts, strict=True)
            ],
            more=len(hits) > limit,
            capped=rows[0]["capped"],
            cursor=self._cursor(rows[0]),
            mark=None if query.is_marked else partial(self._marked, page),
        )

    async def _marked(self, rows: Sequence[Row], ids: Collection[UUID]) -> Mapping[UUID, str]:
        shown = [row for row in rows if row["document_id"] in ids]
        texts = await marked_texts(shown, self._forms)
        return {row["document_id"]: text for row, text in zip(shown, texts, strict=True)}

    def _cursor(self, row: Row) -> Cursor:
        position = Position(self._record.shard, row["epoch"], row["position_xid"], row["position_id"])
        return Cursor(row["generation"], position, NO_DOCUMENT if row["scanning"] else None)


@lru_cache(maxsize=WRITTEN)
def _written(
    statement: str, condition: str, *, filtered: bool, excluding: bool, boosted: bool, divided: bool
) -> str:
    """The text of a search, kept: writing it takes as long as sending it, and the driver knows it by its hash."""
    return statement.format(
        condition=condition,
        filtered=_FILTERED if filtered else "true",
        unexcluded=str(not excluding).lower(),
        boosted=str(boosted).lower(),
        divided=str(divided).lower(),
    )


def _arguments(query: Query, limit: int, after: Place | None) -> tuple[object, ...]:
    alternatives = query.words.alternatives
    divided = [
        (place, lexemes.term_query(term))
        for place, terms in enumerate(alternatives, 1)
        for term in terms
        if len(terms) > 1
    ]
    resembling = [lexemes.resembling_words(terms) for terms in alternatives]
    return (
        query.organization,
        [lexemes.alternative_query(terms) for terms in alternatives],
        lexemes.excluded_query(query.words.excluded),
        query.namespaces,
        query.types,
        max(FEWEST_CANDIDATES, CANDIDATES // len(alternatives)),
        LOOKED_AT,
        limit + 1,
        lexemes.weight_classes(query.weights),
        [words[0] if words else None for words in resembling],
        [" ".join(words) for words in resembling],
        None if after is None else after.id,
        None if after is None else after.value,
        [place for place, _ in divided],
        [text for _, text in divided],
        list(query.boosts) or None,
        list(query.boosts.values()) or None,
    )


def _sort_key(order: Order) -> tuple[str, list[str] | None]:
    if isinstance(order.subject, Attribute):
        return order.subject.name, None
    return "@metadata" if order.subject.source == "metadata" else "", list(order.subject.path)


def _match(row: Row, band: int, highlight: str, explanation: Explanation | None) -> Match:
    return Match(
        id=row["document_id"],
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        title=row["title"],
        description=row["description"],
        version=row["version"],
        current_version=row["current_version"],
        score=row["score"],
        start=row["start_character"],
        end=row["end_character"],
        highlight=highlight,
        place=Place(band, row["sort_value"], row["document_id"]),
        explanation=explanation,
    )


def _continued(found: Found, rest: Found) -> Found:
    """One page of two bands; its cursor is the earlier one."""
    return Found(
        matches=[*found.matches, *rest.matches],
        more=rest.more,
        capped=found.capped or rest.capped,
        cursor=found.cursor,
        mark=found.mark and rest.mark and _both(found.mark, rest.mark),
    )


def _both(first: Mark, second: Mark) -> Mark:
    async def mark(ids: Collection[UUID]) -> Mapping[UUID, str]:
        return {**await first(ids), **await second(ids)}

    return mark
