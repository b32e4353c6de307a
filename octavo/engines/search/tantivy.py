"""Keyword search in a folder of this machine, by the library tantivy: BM25, exact phrases, common words in no time.

The index brings candidates in order, the record says which of them are live, of the organization, and pass the
filter; both are asked again, further down the list, until the page is full. So a deleted document never appears,
however far the index lags, and a filter is the same as anywhere else. All that matches is ranked.

One process at a time writes (see `tantivy_index`); every process of the machine reads. The index lies in a folder
named after the record and the life of its log: after a restore, or for another record, another one is filled.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search import tantivy_documents as stored
from octavo.engines.search.tantivy_documents import Prepared, Shown
from octavo.engines.search.tantivy_index import (
    Snapshot,
    TantivyIndex,
    key,
    library,
    organization_trait,
    shown,
)
from octavo.engines.search.tantivy_query import Builder, Meaning, meaning
from octavo.engines.search.word_forms import WordForms
from octavo.errors import InvalidInput, OctavoError, RecordFault
from octavo.postgres.pool import Row
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.search import (
    MATCH_END,
    MATCH_START,
    Change,
    Found,
    Match,
    Matching,
    Order,
    Place,
    Query,
    Searchable,
)
from octavo.roles.state import Cursor, Digest, Parked
from octavo.values.condition import Attribute

_sql = load("octavo.engines.search", "tantivy.sql")

# Candidates looked at in one answer; those of the first look, which is enough for most pages.
EVERYTHING = 100_000
FIRST_LOOK = 64
FURTHER = 8
# Loading more than so many candidates is left to a thread, so that others are served meanwhile.
AT_ONCE = 2_000
WORDS = 10_000

_MARKED = rf"{MATCH_START}\g<0>{MATCH_END}"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A document that matches by its best passage, as the index knows it."""

    score: float
    id: UUID
    place: Any


class Candidates(msgspec.Struct, frozen=True):
    """The best candidates, and whether there are no others."""

    best: Sequence[Candidate]
    complete: bool


class Question(msgspec.Struct, frozen=True):
    """A search under way: what is asked, what it means, and the state of the index it is answered from."""

    query: Query
    snapshot: Snapshot
    meaning: Meaning
    builder: Builder


class TantivySearch:
    """The search engine in a folder; see `octavo.roles.search.SearchEngine`.

    Args:
        record: says what is live, and knows the dictionaries.
        folder: where the index is, on a disk of this machine; made if it is not there.

    Raises:
        MissingExtra: the library is not installed.
    """

    def __init__(self, record: Record, folder: Path) -> None:
        library()
        self._record = record
        self._folder = folder
        self._index: TantivyIndex | None = None
        self._epoch = -1
        self._forms = WordForms(record.app)
        self._writing = asyncio.Lock()

    async def position(self) -> Cursor:
        """Where the engine stands."""
        return (await self._current()).snapshot().cursor

    async def apply(self, changes: Sequence[Change], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes and move the cursor in one commit; see the role."""
        index = await self._current()
        await stored.learn([one for one in changes if isinstance(one, Searchable)], self._forms)
        prepared = [await self._prepared(change) for change in changes]
        async with self._writing:
            await asyncio.to_thread(index.write, _writes(index, prepared), before, after)
        return [one for one in prepared if isinstance(one, Parked)]

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents that could not be indexed, 1,000 at most."""
        return (await self._current()).parked(organization)

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket: columns are read, and nothing that is stored."""
        return await asyncio.to_thread((await self._current()).digests)

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket with their versions."""
        return await asyncio.to_thread((await self._current()).held, organization, bucket)

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents, or everything of an organization.

        They are found no more at once; their bytes go with the next merges, and with `reset` all at once.
        """

        def forget(writer: Any) -> None:
            if documents is None:
                writer.delete_documents_by_term("trait", organization_trait(organization))
            for document in documents or ():
                writer.delete_documents_by_term("key", key(organization, document))

        index = await self._current()
        async with self._writing:
            await asyncio.to_thread(index.change, forget)

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation."""
        index = await self._current()
        async with self._writing:
            return await asyncio.to_thread(index.reset)

    async def search(self, query: Query) -> Found:
        """One page of matches, by score or in an order the record knows."""
        question = await self._question(query)
        if query.order is not None:
            return await self._ordered(question, query.order)
        return await self._ranked(question)

    async def matching(self, query: Query, most: int) -> Matching:
        """All that matches, the best first."""
        found = await _candidates(await self._question(query), most, most)
        return Matching([one.id for one in found.best], not found.complete)

    async def vocabulary(self, organization: UUID, beginnings: Sequence[str]) -> Mapping[str, int]:
        """Words with these beginnings, of each the 10,000 most used."""
        searcher = (await self._current()).snapshot().searcher
        marked = stored.tag(organization)

        def words() -> Mapping[str, int]:
            return {
                word.removeprefix(marked): documents
                for beginning in beginnings
                for word, documents in searcher.terms_with_prefix("spoken", marked + beginning, limit=WORDS)
            }

        return await asyncio.to_thread(words)

    async def _current(self) -> TantivyIndex:
        """The index of the record's present life."""
        if self._index is None or self._epoch != self._record.epoch:
            row = await self._record.app.fetchrow(_sql.life)
            assert row is not None
            place = f"record-{row['system_identifier']}-{row['database']}"
            life = f"{place}-{row['number']}"
            self._index, self._epoch = (
                TantivyIndex(self._folder / life, shard=self._record.shard),
                self._record.epoch,
            )
            await asyncio.to_thread(_forget_other_lives, self._folder, place, life)
        return self._index

    async def _question(self, query: Query) -> Question:
        index = await self._current()
        snapshot = index.snapshot()
        known = await meaning(query, snapshot, self._forms)
        return Question(query, snapshot, known, Builder(index, query, snapshot.searcher))

    async def _prepared(self, change: Change) -> Change | Prepared:
        if not isinstance(change, Searchable):
            return change
        try:
            return await stored.prepare(change, self._forms)
        except (InvalidInput, RecordFault) as error:
            return _parked(change, error)

    async def _ranked(self, question: Question) -> Found:
        query = question.query
        page: list[tuple[Candidate, Row]] = []
        after, look = query.after, max(FIRST_LOOK, 2 * query.limit)
        while True:
            found = await _candidates(question, look)
            behind = [one for one in found.best if after is None or _is_behind(one, after)]
            page += await self._filled(query, behind, query.limit + 1 - len(page))
            if len(page) > query.limit or found.complete or look >= EVERYTHING:
                break
            if behind:
                after = Place(0, behind[-1].score, behind[-1].id)
            look = min(look * FURTHER, EVERYTHING)
        return Found(
            matches=[_match(question, one, row, one.score) for one, row in page[: query.limit]],
            more=len(page) > query.limit,
            capped=len(page) <= query.limit and not found.complete,
            cursor=question.snapshot.cursor,
        )

    async def _filled(
        self, query: Query, candidates: Sequence[Candidate], wanted: int
    ) -> list[tuple[Candidate, Row]]:
        """The first of the candidates that are live and pass the filter, at least as many as wanted if there are."""
        kept: list[tuple[Candidate, Row]] = []
        start, size = 0, wanted if query.condition is None else max(wanted, FIRST_LOOK)
        while start < len(candidates) and len(kept) < wanted:
            chunk = candidates[start : start + size]
            live = await self._live(query, [one.id for one in chunk])
            kept += [(one, live[one.id]) for one in chunk if one.id in live]
            start, size = start + size, min(size * FURTHER, AT_ONCE)
        return kept

    async def _ordered(self, question: Question, order: Order) -> Found:
        query, found = question.query, await _candidates(question, EVERYTHING)
        by_id = {one.id: one for one in found.best}
        arguments = (
            query.organization,
            list(by_id),
            *_sort_key(order),
            query.after and query.after.id,
            query.after and query.after.value,
            query.limit + 1,
        )
        rows = await self._rows(_sql.descending if order.descending else _sql.ascending, query, arguments)
        return Found(
            matches=[
                _match(question, by_id[row["id"]], row, row["sort_value"]) for row in rows[: query.limit]
            ],
            more=len(rows) > query.limit,
            capped=not found.complete,
            cursor=question.snapshot.cursor,
        )

    async def _live(self, query: Query, ids: Sequence[UUID]) -> dict[UUID, Row]:
        """Those of the candidates that are live and pass the filter."""
        statement = _sql.live if query.condition is None else _sql.live_filtered
        rows = await self._rows(statement, query, (query.organization, ids))
        return {row["id"]: row for row in rows}

    async def _rows(self, statement: str, query: Query, arguments: Sequence[object]) -> Sequence[Row]:
        if query.condition is None:
            return await self._record.app.fetch(statement.format(condition="true"), *arguments)
        condition, values = query.condition(len(arguments) + 1)
        return await self._record.app.fetch(statement.format(condition=condition), *arguments, *values)


def _match(question: Question, candidate: Candidate, row: Row, value: float | bytes) -> Match:
    passage = _passage(question, candidate)
    return Match(
        id=candidate.id,
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        title=passage.title,
        description=passage.description,
        version=passage.version,
        current_version=row["version"],
        score=candidate.score,
        start=passage.start,
        end=passage.end,
        highlight=_highlight(passage, question.meaning),
        place=Place(0, value, candidate.id),
    )


def _passage(question: Question, candidate: Candidate) -> Shown:
    """The passage of a candidate; of a document that matches as a whole, its best one."""
    searcher = question.snapshot.searcher
    data = shown(searcher, candidate.place)
    if data is None:
        best = question.builder.best_passage(question.meaning, candidate.id)
        [(_, place)] = searcher.search(best, 1, count=False).hits
        data = shown(searcher, place)
    return msgspec.msgpack.decode(data, type=Shown)


def _writes(index: TantivyIndex, prepared: Sequence[Change | Prepared]) -> Callable[[Any], None]:
    def write(writer: Any) -> None:
        for one in prepared:
            about = one.document if isinstance(one, Prepared) else one
            writer.delete_documents_by_term("key", key(about.organization, about.id))
            if isinstance(one, Prepared):
                for document in stored.documents(one, index):
                    writer.add_document(document)
            elif isinstance(one, Parked):
                writer.add_document(index.parked_document(one))

    return write


def _forget_other_lives(folder: Path, place: str, life: str) -> None:
    """Before a restore the record had documents that it may not have any more: nothing of them is kept."""
    for other in folder.glob(f"{place}-*"):
        if other.name != life:
            shutil.rmtree(other, ignore_errors=True)


async def _candidates(question: Question, look: int, most: int = EVERYTHING) -> Candidates:
    searcher, matching = question.snapshot.searcher, question.builder.matching(question.meaning)
    if look <= AT_ONCE:
        return _look(searcher, matching, look, most)
    return await asyncio.to_thread(_look, searcher, matching, look, most)


def _look(searcher: Any, matching: Any, look: int, most: int) -> Candidates:
    """The best documents, by score and then the newest first.

    Equals come from the library in an order of its own, so the last of them are left for a longer look, up to `most`.
    """
    hits = searcher.search(matching, look, count=False).hits
    complete = len(hits) < look
    if not complete and hits[0][0] > hits[-1][0] and look < most:
        hits = [hit for hit in hits if hit[0] > hits[-1][0]]
    elif not complete and look < most:
        return Candidates([], False)
    places = [place for _, place in hits]
    high, low = (searcher.fast_field_values(name, places) for name in ("high", "low"))
    found = [
        Candidate(score, UUID(int=first << 64 | second), place)
        for (score, place), first, second in zip(hits, high, low, strict=True)
    ]
    found.sort(key=lambda one: (-one.score, -one.id.int))
    best: dict[UUID, Candidate] = {}
    for one in found:
        best.setdefault(one.id, one)
    return Candidates(list(best.values()), complete)


def _is_behind(candidate: Candidate, place: Place) -> bool:
    return (candidate.score, candidate.id.int) < (place.value, place.id.int)


def _highlight(passage: Shown, asked: Meaning) -> str:
    """The passage with its matching words between marks."""
    whole, beginnings, forms = asked.whole_forms, asked.beginnings, passage.forms
    inflected = {
        word for word, form in forms.items() if form in whole or (beginnings and form.startswith(beginnings))
    }
    plain = {word for word in whole if forms.get(word, word) in whole}
    return asked.pattern(frozenset(inflected | plain)).sub(_MARKED, passage.text)


def _sort_key(order: Order) -> tuple[str, list[str] | None]:
    if isinstance(order.subject, Attribute):
        return order.subject.name, None
    return "@metadata" if order.subject.source == "metadata" else "", list(order.subject.path)


def _parked(document: Searchable, error: OctavoError) -> Parked:
    return Parked(
        organization=document.organization,
        id=document.id,
        version=document.version,
        code=error.code,
        message=error.message,
    )
