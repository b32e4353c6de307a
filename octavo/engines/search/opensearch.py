"""Keyword search in a cluster of OpenSearch: for more documents than one machine should search.

The index brings candidates in order, the record says which of them are live, of the organization, and pass the filter
(see `candidates`). Words are in the forms PostgreSQL's dictionaries give, so a query finds the same here as in every
other engine, whatever plugins the cluster has.

Any process may read; one at a time fills (see `opensearch_index`). The index is named after the record and the life
of its log: after a restore, or for another record, another one is filled.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.candidates import EVERYTHING, FIRST_LOOK, FURTHER, filled, ordered
from octavo.engines.search.life import life_of
from octavo.engines.search.meaning import Meaning, meaning
from octavo.engines.search.opensearch_address import parse
from octavo.engines.search.opensearch_client import Cluster, NotThere
from octavo.engines.search.opensearch_documents import DOCUMENT, PARKED, mark
from octavo.engines.search.opensearch_index import OpenSearchIndex, Stand, taken_over
from octavo.engines.search.opensearch_query import Builder, Clause
from octavo.engines.search.opensearch_shown import Best, Candidate, best_of, match
from octavo.engines.search.opensearch_writes import Writes
from octavo.engines.search.prepared import prepared
from octavo.engines.search.word_forms import WordForms
from octavo.errors import Unavailable
from octavo.postgres.pool import Row
from octavo.postgres.record import Record
from octavo.roles.search import Change, Found, Matching, Order, Place, Query
from octavo.roles.state import Cursor, Digest, Parked
from octavo.values.login import Login

# What one answer holds at most; OpenSearch's own limit, unless it is told otherwise.
AT_ONCE = 10_000
WORDS = 10_000
MOST_PARKED = 1_000
# Documents asked for behind a place at least, since some before it are asked for with them.
_CONTINUED = 256
_A_LITTLE_MORE = 1 + 1e-6
_LAST_ID = "~"
_ERASED_AT_ONCE = 1_000
_ATTEMPTS = 10


class Question(msgspec.Struct, frozen=True):
    """A search under way: what is asked, what it means, and where the index stands that answers."""

    query: Query
    standing: Stand
    meaning: Meaning
    builder: Builder


class OpenSearchEngine:
    """The search engine in a cluster; see `octavo.roles.search.SearchEngine`.

    Args:
        record: says what is live, and knows the dictionaries.
        url: where the cluster is; see `opensearch_address`.
        login: None for none.

    Raises:
        InvalidSetting: the URL. MissingExtra: the client library is not installed.
    """

    def __init__(self, record: Record, url: str, login: Login | None = None) -> None:
        self._record = record
        self._address = parse(url)
        self._cluster = Cluster(self._address, login)
        self._forms = WordForms(record.app)
        self._index: OpenSearchIndex | None = None
        self._epoch = -1

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return (await (await self._current()).standing()).cursor

    async def apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes, let searches see them, and move the cursor then; see the role."""
        index = await self._current()
        ready = await prepared(changes, self._forms)
        claimed = await index.claim(before)
        try:
            parked = await Writes(index, claimed, bulk_bytes=self._address.tuning.bulk_bytes).apply(ready)
            if ready:
                await index.refresh(claimed.index)
        except NotThere as error:
            raise taken_over() from error
        await index.move(claimed, after)
        return parked

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents that could not be indexed, 1,000 at most."""
        wanted = [{"term": {"kind": PARKED}}, *_of(organization)]
        index = await self._current()
        answer = await index.search(
            (await index.standing()).index,
            organization,
            {
                "query": {"bool": {"filter": wanted}},
                "size": MOST_PARKED,
                "sort": [{"organization": "asc"}, {"id": "asc"}],
                "_source": ["shown"],
            },
        )
        return [msgspec.convert(hit["_source"]["shown"], Parked) for hit in answer["hits"]["hits"]]

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents, or everything of an organization.

        They are found no more at once; their bytes go when the cluster merges its segments, and with `reset`.

        Raises:
            Unavailable: other processes write them again and again.
        """
        if documents is None:
            await self._erase(organization, [])
        for start in range(0, len(documents or ()), _ERASED_AT_ONCE):
            ids = [one.hex for one in (documents or ())[start : start + _ERASED_AT_ONCE]]
            await self._erase(organization, [{"terms": {"id": ids}}])

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation."""
        return await (await self._current()).reset()

    async def drop(self) -> None:
        """Take away what the record has in the cluster."""
        await (await self._current()).drop()

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._cluster.close()

    async def search(self, query: Query) -> Found:
        """One page of matches, by score or in an order the record knows."""
        try:
            return await self._found(await self._question(query))
        except Unavailable as error:
            if not isinstance(error.__cause__, NotThere):
                raise
            # The engine was emptied between the first look and the second; another index has its place now.
            return await self._found(await self._question(query))

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches."""
        ids, complete = await self._all(await self._question(query), most)
        return Matching(ids, not complete)

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words with these beginnings, the 10,000 most used."""
        marked = mark(organization)
        either = "|".join(_escaped(marked + beginning) for beginning in beginnings)
        words = {
            "field": "spoken",
            "include": f"({either}).*",
            "size": WORDS,
            # The words of this organization are counted, and not first those of all.
            "execution_hint": "map",
        }
        index = await self._current()
        answer = await index.search(
            (await index.standing()).index,
            organization,
            {"query": _documents_of(organization), "size": 0, "aggs": {"words": {"terms": words}}},
        )
        buckets = answer["aggregations"]["words"]["buckets"]
        return {one["key"].removeprefix(marked): one["doc_count"] for one in buckets}

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket."""
        index = await self._current()
        name = (await index.standing()).index
        sources = [{name: {"terms": {"field": name}}} for name in ("organization", "bucket")]
        told: dict[tuple[UUID, int], Digest] = {}
        after: Mapping[str, Any] = {}
        while True:
            composite = {"size": AT_ONCE, "sources": sources, **({"after": after} if after else {})}
            sums = {"seals": {"sum": {"field": "seal"}}}
            answer = await index.search(
                name,
                None,
                {
                    "query": _documents_of(None),
                    "size": 0,
                    "aggs": {"held": {"composite": composite, "aggs": sums}},
                },
            )
            buckets = answer["aggregations"]["held"]["buckets"]
            told.update(_digest(one) for one in buckets)
            if len(buckets) < AT_ONCE:
                return told
            after = answer["aggregations"]["held"]["after_key"]

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket and the version held of each."""
        index = await self._current()
        query = {"bool": {"filter": [_documents_of(organization), {"term": {"bucket": bucket}}]}}
        body = {"query": query, "sort": [{"id": "asc"}], "docvalue_fields": ["version"]}
        hits = _pages(index, (await index.standing()).index, organization, body)
        return {UUID(hit["sort"][0]): hit["fields"]["version"][0] async for page in hits for hit in page}

    async def _current(self) -> OpenSearchIndex:
        """The index of the record's present life."""
        if self._index is None or self._epoch != self._record.epoch:
            epoch, life = self._record.epoch, await life_of(self._record.app)
            self._index = OpenSearchIndex(self._cluster, self._address, life, shard=self._record.shard)
            self._epoch = epoch
        return self._index

    async def _question(self, query: Query) -> Question:
        """What is asked. Where the index stands is read first, so that it is not behind what it is said to hold."""
        index = await self._current()
        look = await index.look(query.organization)
        spoken = look.languages[query.organization].configurations
        known = await meaning(query.words, sorted(spoken - {""}), has_rough="" in spoken, forms=self._forms)
        return Question(query, look.standing, known, Builder(query, known))

    async def _found(self, question: Question) -> Found:
        if question.query.order is not None:
            return await self._ordered(question, question.query.order)
        return await self._ranked(question)

    async def _ranked(self, question: Question) -> Found:
        query, runner = question.query, self._record.app
        page: list[tuple[Candidate, Row]] = []
        after, size, looked, complete = query.after, max(FIRST_LOOK, query.limit + 1), 0, False
        while len(page) <= query.limit and not complete and looked < EVERYTHING:
            candidates, complete = await self._look(question, after, size)
            page += await filled(runner, query, candidates, query.limit + 1 - len(page))
            looked += len(candidates)
            if candidates:
                after = Place(0, candidates[-1].score, candidates[-1].id)
            size = min(size * FURTHER, AT_ONCE)
        return await self._page(
            question,
            [(one, row, one.score) for one, row in page[: query.limit]],
            more=len(page) > query.limit,
            capped=len(page) <= query.limit and not complete,
        )

    async def _ordered(self, question: Question, order: Order) -> Found:
        query = question.query
        ids, complete = await self._all(question, EVERYTHING)
        rows = await ordered(self._record.app, query, order, ids)
        return await self._page(
            question,
            [(Candidate(row["id"], 0.0), row, row["sort_value"]) for row in rows[: query.limit]],
            more=len(rows) > query.limit,
            capped=not complete,
        )

    async def _look(self, question: Question, after: Place | None, size: int) -> tuple[list[Candidate], bool]:
        """The best documents behind a place, and whether there are no others.

        Scores may be told less exactly than they are compared, so the look begins a little before the place.
        Only when thousands of documents are as good as the last one does it begin at the place itself.
        """
        if after is None:
            found = await self._hits(question, None, size)
            return found, len(found) < size
        size = max(size, _CONTINUED)
        begin: list[Any] = [float(after.value) * _A_LITTLE_MORE, _LAST_ID]
        while True:
            found = await self._hits(question, begin, size)
            behind = [one for one in found if (one.score, one.id.hex) < (after.value, after.id.hex)]
            if behind or len(found) < size:
                return behind, len(found) < size
            if size == AT_ONCE:
                begin = [after.value, after.id.hex]
            size = min(size * FURTHER, AT_ONCE)

    async def _hits(self, question: Question, after: Sequence[Any] | None, size: int) -> list[Candidate]:
        """Documents by score and then the newest first."""
        body: dict[str, Any] = {
            "query": question.builder.matching(),
            "size": size,
            "sort": [{"_score": "desc"}, {"id": "desc"}],
            "_source": False,
            "track_total_hits": False,
        }
        if after is not None:
            body["search_after"] = after
        index = await self._current()
        answer = await index.search(question.standing.index, question.query.organization, body)
        return [Candidate(UUID(hit["sort"][1]), hit["sort"][0]) for hit in answer["hits"]["hits"]]

    async def _all(self, question: Question, most: int) -> tuple[list[UUID], bool]:
        """Up to so many documents that match, and whether there are no others."""
        index, ids = await self._current(), list[UUID]()
        body = {"query": _unscored(question.builder.matching()), "sort": [{"id": "asc"}]}
        pages = _pages(index, question.standing.index, question.query.organization, body)
        async for page in pages:
            ids += [UUID(hit["sort"][0]) for hit in page]
            if len(ids) > most:
                return ids[:most], False
        return ids, True

    async def _page(
        self,
        question: Question,
        hits: Sequence[tuple[Candidate, Row, float | bytes]],
        *,
        more: bool,
        capped: bool,
    ) -> Found:
        best = await self._best(question, [one.id for one, _, _ in hits])
        return Found(
            matches=[
                match(question.query, question.meaning, one, row, value=value, best=best[one.id])
                for one, row, value in hits
                if one.id in best
            ],
            more=more,
            capped=capped,
            cursor=question.standing.cursor,
        )

    async def _best(self, question: Question, documents: Sequence[UUID]) -> dict[UUID, Best]:
        """The best passage of each document; nothing of one that was removed meanwhile."""
        found = await self._best_having(question, documents, question.builder.together())
        if left := [document for document in documents if document not in found]:
            others = await self._best_having(question, left, question.builder.anything())
            found |= {id: msgspec.structs.replace(best, apart=True) for id, best in others.items()}
        return found

    async def _best_having(
        self, question: Question, documents: Sequence[UUID], having: Clause
    ) -> dict[UUID, Best]:
        if not documents:
            return {}
        body = {
            "query": question.builder.best_passages(documents, having),
            "size": len(documents),
            "_source": ["shown"],
            "docvalue_fields": ["id"],
            "track_total_hits": False,
        }
        index = await self._current()
        answer = await index.search(question.standing.index, question.query.organization, body)
        return {
            UUID(hit["fields"]["id"][0]): best_of(hit, question.meaning) for hit in answer["hits"]["hits"]
        }

    async def _erase(self, organization: UUID, wanted: Sequence[Mapping[str, Any]]) -> None:
        query = {"bool": {"filter": [*_of(organization), *wanted]}}
        index = await self._current()
        for _ in range(_ATTEMPTS):
            name = (await index.standing()).index
            await index.refresh(name)
            if not await index.erase(name, organization, query):
                return
        raise Unavailable(
            "what is to be erased from the search engine is written again and again",
            remedy="stop what writes it, and erase again",
        )


async def _pages(
    index: OpenSearchIndex, name: str, organization: UUID, body: Mapping[str, Any]
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """All hits of a search in its order, page by page."""
    asked = {**body, "size": AT_ONCE, "_source": False, "track_total_hits": False}
    while True:
        hits = (await index.search(name, organization, asked))["hits"]["hits"]
        yield hits
        if len(hits) < AT_ONCE:
            return
        asked["search_after"] = hits[-1]["sort"]


def _of(organization: UUID | None) -> list[dict[str, Any]]:
    return [] if organization is None else [{"term": {"organization": organization.hex}}]


def _documents_of(organization: UUID | None) -> dict[str, Any]:
    return {"bool": {"filter": [{"term": {"kind": DOCUMENT}}, *_of(organization)]}}


def _unscored(query: Mapping[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": [query]}}


def _digest(found: Mapping[str, Any]) -> tuple[tuple[UUID, int], Digest]:
    of = found["key"]
    return (UUID(of["organization"]), of["bucket"]), Digest(found["doc_count"], int(found["seals"]["value"]))


def _escaped(word: str) -> str:
    """As part of a regular expression of the index, where other characters mean something than in Python."""
    return re.sub(r"([^\w])", r"\\\1", word)
