"""The vectors projection: what is committed is embedded once, found by its meaning, and gone with its document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.errors import InvalidInput, InvalidSetting, NotFound, PositionTimeout, Unavailable
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.projections.vectors import VectorProjection
from octavo.roles.embedder import Model, Purpose
from octavo.roles.state import bucket
from octavo.search.semantic import Alone, Neighbours, Semantic
from octavo.store import organizations
from tests.databases import migrated_database, settings_of
from tests.feeds import documents_of

TABLES = ("vector_passage", "vector_text", "vector_document", "vector_parked")


class Watched(WordLlamaEmbedder):
    """The offline model, which says what it embedded, refuses the word poison, and can be away."""

    def __init__(self, version: str | None = None) -> None:
        super().__init__()
        self.given: list[str] = []
        self.is_away = False
        if version is not None:
            self._model = Model(self.model.name, version, self.model.dimensions)

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Any:
        if self.is_away:
            raise Unavailable("the model is away")
        if any("poison" in text for text in texts):
            raise InvalidInput("the model does not take it")
        self.given += texts
        return await super().embed(texts, purpose)


class Embedding:
    """A record whose documents are embedded: what `octavo.open` builds, in parts."""

    def __init__(self, record: Record, organization: UUID, embedder: Watched) -> None:
        self.record = record
        self.organization = organization
        self.embedder = embedder
        self.documents = documents_of(record, organization)
        self.engine = PostgresVectors(record, embedder.model)
        self.projection = VectorProjection(
            record.system, Feed(record.system, Wakeup()), self.engine, embedder
        )
        self.semantic = Semantic(Alone(self.engine, self.embedder))

    async def fill(self) -> list[str]:
        """Bring the engine to the end of the log; what had to be embedded for it."""
        del self.embedder.given[:]
        while await self.projection.step():
            pass
        return list(self.embedder.given)

    async def search(self, query: Any, **options: Any) -> Neighbours:
        return await self.semantic.search(self.organization, query, **options)

    async def ids(self, query: str, **options: Any) -> list[UUID]:
        return [hit.id for hit in (await self.search(query, **options)).hits]

    async def rows(self) -> dict[str, int]:
        counted = {}
        for table in TABLES:
            [row] = await self.record.system.fetch(
                f"SELECT count(*) AS rows FROM octavo.{table} WHERE organization_id = $1", self.organization
            )
            counted[table] = row["rows"]
        return counted


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else fills its engine."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(scope="module")
def embedder() -> Watched:
    return Watched()


@pytest.fixture
async def embedding(own_record: Record, embedder: Watched) -> Embedding:
    organization = await organizations.create(own_record.system, f"test-{uuid4().hex}")
    return Embedding(own_record, organization.id, embedder)


async def test_a_question_finds_what_means_the_same_in_other_words(embedding):
    """S0-005, S3-037: store, chunk, embed, retrieve by question."""
    refund = await embedding.documents.put("knowledge_base", {"text": "Refunds are paid within two weeks."})
    bread = await embedding.documents.put("knowledge_base", {"text": "Bake the sourdough for forty minutes."})
    await embedding.fill()

    assert await embedding.ids("getting my money returned") == [refund.id, bread.id]
    assert await embedding.ids("cooking a loaf", limit=1) == [bread.id]


async def test_a_hit_shows_the_passage_that_is_nearest(embedding):
    pages = [
        "The harbour was built of granite blocks. " * 30,
        "Penguins raise their chicks on the ice. " * 30,
    ]
    document = await embedding.documents.put("article", {"title": "Travels", "text": "\n\n".join(pages)})
    await embedding.fill()

    [hit] = (await embedding.search("antarctic birds and their young")).hits

    assert hit.title == "Travels"
    assert "Penguins" in hit.text
    assert "\n\n".join(pages)[hit.start : hit.end] == hit.text
    assert hit.id == document.id


async def test_what_did_not_change_is_not_embedded_again(embedding):
    """Issue 4: unchanged passages are never embedded again."""
    pages = ["The harbour was built of granite. " * 30, "Penguins live on the ice. " * 40]
    document = await embedding.documents.put("article", {"text": "\n\n".join(pages), "number": 1})
    first = await embedding.fill()
    assert len(first) >= 2

    await embedding.documents.patch(document.id, {"number": 2})
    assert await embedding.fill() == []

    await embedding.documents.patch(document.id, {"text": "\n\n".join([*pages, "A last word on whales."])})
    again = await embedding.fill()
    assert len(again) == 1
    assert "whales" in again[0]
    assert (await embedding.search("whales")).hits[0].version == 3


async def test_equal_texts_are_embedded_once(embedding):
    for _ in range(5):
        await embedding.documents.put("article", {"text": "the same words"})

    assert await embedding.fill() == ["the same words"]
    assert len(await embedding.ids("words")) == 5


async def test_a_passage_without_text_of_its_own_is_the_title(embedding):
    document = await embedding.documents.put("article", {"title": "Granite harbours", "number": 1})
    await embedding.fill()

    [hit] = (await embedding.search("harbours of stone")).hits

    assert (hit.id, hit.text, hit.start, hit.end) == (document.id, "Granite harbours", 0, 0)


async def test_a_document_without_any_text_is_not_held_and_nothing_is_embedded(embedding):
    await embedding.documents.put("reading", {"value": 17})

    assert await embedding.fill() == []
    assert set((await embedding.rows()).values()) == {0}


async def test_nothing_remains_of_a_document_that_was_deleted_or_purged(embedding):
    """S0-059, S3-068: deleting hides, restoring shows again, purging drops the rows."""
    document = await embedding.documents.put("article", {"text": "granite harbours"})
    await embedding.fill()

    await embedding.documents.delete(document.id)
    assert await embedding.ids("harbours") == []
    await embedding.fill()
    assert set((await embedding.rows()).values()) == {0}

    await embedding.documents.restore(document.id)
    await embedding.fill()
    assert await embedding.ids("harbours") == [document.id]

    await embedding.documents.delete(document.id)
    await embedding.documents.purge(document.id)
    await embedding.fill()
    assert set((await embedding.rows()).values()) == {0}


async def test_a_document_that_the_model_refuses_is_parked_and_the_others_go_on(embedding):
    good = await embedding.documents.put("article", {"text": "granite harbours"})
    bad = await embedding.documents.put("article", {"text": "poison"})
    await embedding.fill()

    [parked] = await embedding.engine.parked(embedding.organization)

    assert (parked.id, parked.code) == (bad.id, "invalid_input")
    assert await embedding.ids("harbours") == [good.id]

    await embedding.documents.patch(bad.id, {"text": "harmless harbours"})
    await embedding.fill()
    assert await embedding.engine.parked(embedding.organization) == []
    assert set(await embedding.ids("harbours")) == {good.id, bad.id}


async def test_while_the_model_is_away_nothing_is_taken_for_done(embedding):
    """S0-115, S0-119: an outage is an error for whoever asks, and the work is done when it is over."""
    embedding.embedder.is_away = True
    document = await embedding.documents.put("article", {"text": "granite harbours"})

    with pytest.raises(Unavailable):
        await embedding.fill()
    with pytest.raises(Unavailable):
        await embedding.search("harbours")

    embedding.embedder.is_away = False
    await embedding.fill()
    assert await embedding.ids("harbours") == [document.id]


async def test_another_version_of_the_model_is_filled_beside_and_nothing_is_mixed(embedding):
    """S0-109: re-embedding runs side by side and then swaps."""
    document = await embedding.documents.put("article", {"text": "granite harbours"})
    await embedding.fill()
    newer = Embedding(embedding.record, embedding.organization, Watched("next"))

    assert await newer.ids("harbours") == []
    assert "granite harbours" in await newer.fill()
    assert await newer.ids("harbours") == await embedding.ids("harbours") == [document.id]

    await newer.engine.reset()
    assert await newer.ids("harbours") == []
    assert await embedding.ids("harbours") == [document.id]


async def test_an_engine_that_is_emptied_is_filled_again(embedding):
    documents = await embedding.documents.put_many(
        [{"type": "article", "body": {"text": f"harbour number {number}"}} for number in range(30)]
    )
    await embedding.fill()

    await embedding.projection.rebuild()
    await embedding.fill()

    assert set(await embedding.ids("harbour", limit=100)) == {document.id for document in documents}


async def test_one_reads_what_one_wrote_or_is_told_that_one_does_not(embedding):
    first = await embedding.documents.put("article", {"text": "harbours"})
    await embedding.fill()
    second = await embedding.documents.put("article", {"text": "harbours"})

    with pytest.raises(PositionTimeout):
        await embedding.search("harbours", after=second.position, wait_seconds=0.01)
    late = await embedding.search("harbours", after=second.position, wait_seconds=0.01, fallback="stale")
    assert ([hit.id for hit in late.hits], late.stale) == ([first.id], True)

    await embedding.fill()
    there = await embedding.search("harbours", after=str(second.position))
    assert ({hit.id for hit in there.hits}, there.stale) == ({first.id, second.id}, False)
    assert there.position >= second.position


async def test_what_is_like_a_document_is_found_without_it(embedding):
    texts = ["Granite harbours", "Harbours of granite and stone", "Sourdough bread"]
    one, like, unlike = [await embedding.documents.put("article", {"text": text}) for text in texts]
    empty = await embedding.documents.put("article", {"n": 1})
    await embedding.fill()

    found = await embedding.semantic.similar(embedding.organization, one.id)
    assert [hit.id for hit in found.hits] == [like.id, unlike.id]
    assert (found.asked, found.exact) == (10, True)
    alone = await embedding.semantic.similar(embedding.organization, one.id, limit=1, without=[like.id])
    assert [hit.id for hit in alone.hits] == [unlike.id]
    with pytest.raises(NotFound):
        await embedding.semantic.similar(embedding.organization, empty.id)


async def test_a_filter_and_a_vector_may_be_given(embedding):
    cheap = await embedding.documents.put("article", {"text": "granite harbours", "price": 1})
    await embedding.documents.put("article", {"text": "granite harbours", "price": 9})
    await embedding.fill()
    [vector] = await embedding.embedder.embed(["harbours"], "query")

    found = await embedding.search([7 * float(number) for number in vector], where={"price": {"$lt": 5}})

    assert [hit.id for hit in found.hits] == [cheap.id]
    assert found.as_dict()["hits"][0]["id"] == str(cheap.id)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("  ", {}),
        ("x" * 10_001, {}),
        ("harbours", {"limit": 0}),
        ("harbours", {"limit": 1_001}),
        ("harbours", {"least_similarity": 1.5}),
        ("harbours", {"fallback": "guess"}),
        ("harbours", {"where": {"price": {"$near": 1}}}),
        ([1.0, 2.0], {}),
        ([0.0] * 256, {}),
        ([float("nan")] * 256, {}),
        (["a"] * 256, {}),
    ],
)
async def test_what_cannot_be_asked_is_refused(embedding, query, options):
    with pytest.raises(InvalidInput) as refused:
        await embedding.search(query, **options)

    assert refused.value.remedy or refused.value.code == "invalid_filter"


async def test_a_model_whose_vectors_have_another_length_is_refused(embedding):
    """S0-109: collections fix model and size."""
    await embedding.engine.position()
    short = Model(embedding.embedder.model.name, embedding.embedder.model.version, 8)

    with pytest.raises(InvalidSetting):
        await PostgresVectors(embedding.record, short).position()


@pytest.mark.parametrize("table", ["vector_passage", "vector_text"])
async def test_a_document_that_lost_a_part_is_told_apart(embedding, table):
    document = await embedding.documents.put("article", {"text": "A harbour of granite. " * 80})
    await embedding.fill()
    before = await embedding.engine.digests()

    await embedding.record.system.execute(
        f"DELETE FROM octavo.{table} WHERE organization_id = $1 AND ordinal = 1", embedding.organization
    )

    key = embedding.organization, bucket(document.id)
    assert await embedding.engine.held(*key) == {document.id: 0}
    assert (await embedding.engine.digests())[key] != before[key]


async def test_what_an_interrupted_emptying_left_is_swept_with_the_next_load(embedding):
    await embedding.documents.put("article", {"text": "granite harbours"})
    await embedding.fill()
    # What the emptying commits first; a kill comes before it deletes.
    await embedding.record.system.execute(
        "UPDATE octavo.vector_shelf SET is_retired = true WHERE organization_id = $1", embedding.organization
    )
    assert await embedding.ids("harbours") == []

    after = await embedding.documents.put("article", {"text": "sourdough bread"})
    await embedding.fill()

    assert await embedding.ids("harbours") == [after.id]
    assert (await embedding.rows())["vector_passage"] == 1


async def test_an_index_of_no_shelf_goes_when_the_engine_is_opened(embedding):
    system = embedding.record.system
    await embedding.engine.position()
    await system.execute("SELECT octavo.index_vectors(999999, 256)")

    await PostgresVectors(embedding.record, embedding.embedder.model).position()

    assert await system.fetch("SELECT FROM pg_class WHERE relname = 'vector_passage_nearest_999999'") == []
