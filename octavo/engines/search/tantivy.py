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
from octavo.engines.search.candidates import AT_ONCE, EVERYTHING, FIRST_LOOK, FURTHER, filled, ordered
from octavo.engines.search.life import Life, life_of
from octavo.engines.search.meaning import Meaning, marked
from octavo.engines.search.prepared import Prepared, prepared
from octavo.engines.search.tantivy_documents import Shown
from octavo.engines.search.tantivy_index import (
    Snapshot,
    TantivyIndex,
    key,
    library,
    organization_trait,
    shown,
)
from octavo.engines.search.tantivy_query import APART, Builder, asked
from octavo.engines.search.word_forms import WordForms, words_of
from octavo.postgres.pool import Row
from octavo.postgres.record import Record
from octavo.roles.search import (
    Change,
    Explanation,
    Found,
    Match,
    Matching,
    Order,
    Place,
    Query,
    Standing,
)
from octavo.roles.state import Cursor, Digest, Parked

WORDS = 10_000


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
        ready = await prepared(changes, self._forms)
        async with self._writing:
            await asyncio.to_thread(index.write, _writes(index, ready), before, after)
        return [one for one in ready if isinstance(one, Parked)]

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
            life = await life_of(self._record.app)
            index = TantivyIndex(self._folder / life.name, shard=self._record.shard)
            self._index, self._epoch = index, self._record.epoch
            await asyncio.to_thread(_forget_other_lives, self._folder, life)
        return self._index

    async def _question(self, query: Query) -> Question:
        index = await self._current()
        snapshot = index.snapshot()
        known = await asked(query, snapshot, self._forms)
        return Question(query, snapshot, known, Builder(index, query, snapshot.searcher))

    async def _ranked(self, question: Question) -> Found:
        query = question.query
        page: list[tuple[Candidate, Row]] = []
        after, look = query.after, max(FIRST_LOOK, 2 * query.limit)
        while True:
            found = await _candidates(question, look)
            behind = [one for one in found.best if after is None or _is_behind(one, after)]
            page += await filled(self._record.app, query, behind, query.limit + 1 - len(page))
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

    async def _ordered(self, question: Question, order: Order) -> Found:
        query, found = question.query, await _candidates(question, EVERYTHING)
        by_id = {one.id: one for one in found.best}
        rows = await ordered(self._record.app, query, order, list(by_id))
        return Found(
            matches=[
                _match(question, by_id[row["id"]], row, row["sort_value"]) for row in rows[: query.limit]
            ],
            more=len(rows) > query.limit,
            capped=not found.complete,
            cursor=question.snapshot.cursor,
        )


def _match(question: Question, candidate: Candidate, row: Row, value: float | bytes) -> Match:
    place, passage = _passage(question, candidate)
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
        highlight=marked(passage.text, passage.forms, question.meaning),
        place=Place(0, value, candidate.id),
        explanation=_explanation(question, candidate, row["type"], place, passage)
        if question.query.explain
        else None,
    )


def _passage(question: Question, candidate: Candidate) -> tuple[Any, Shown]:
    """The passage of a candidate, and its place; of a document that matches as a whole, its best one."""
    searcher, place = question.snapshot.searcher, candidate.place
    data = shown(searcher, place)
    if data is None:
        best = question.builder.best_passage(question.meaning, candidate.id)
        [(_, place)] = searcher.search(best, 1, count=False).hits
        data = shown(searcher, place)
    return place, msgspec.msgpack.decode(data, type=Shown)


def _explanation(
    question: Question, candidate: Candidate, type: str, place: Any, passage: Shown
) -> Explanation:
    of_text = {passage.forms.get(word, word) for word in words_of(passage.text)}
    found = [
        Standing(word, [*parts, "text"] if _has(of_text, word) else parts)
        for word, parts in question.builder.standing(question.meaning, place).items()
    ]
    boost = question.query.boosts.get(type, 1.0)
    apart = APART if place is not candidate.place else 1.0
    factors = {"words": candidate.score / boost / apart, "apart": apart, "boost": boost}
    return Explanation(
        found=[one for one in found if one.parts],
        factors={name: factor for name, factor in factors.items() if name == "words" or factor != 1.0},
    )


def _has(forms: set[str], word: str) -> bool:
    """Whether a word is among forms, or the beginning `word*` of one."""
    if word.endswith("*"):
        return any(form.startswith(word[:-1]) for form in forms)
    return word in forms


def _writes(index: TantivyIndex, changes: Sequence[Change | Prepared]) -> Callable[[Any], None]:
    def write(writer: Any) -> None:
        for one in changes:
            about = one.document if isinstance(one, Prepared) else one
            writer.delete_documents_by_term("key", key(about.organization, about.id))
            if isinstance(one, Prepared):
                for document in stored.documents(one, index):
                    writer.add_document(document)
            elif isinstance(one, Parked):
                writer.add_document(index.parked_document(one))

    return write


def _forget_other_lives(folder: Path, life: Life) -> None:
    """Before a restore the record had documents that it may not have any more: nothing of them is kept."""
    for other in folder.glob(f"{life.record}-*"):
        if other.name != life.name:
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
