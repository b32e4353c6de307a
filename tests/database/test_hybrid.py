"""Search by meaning, and by words and meaning together: what comes back, page by page, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.engines.search.postgres import PostgresSearch
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.errors import InvalidFilter, InvalidInput, LimitExceeded, PositionTimeout, Unavailable
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.projections.search import SearchProjection
from octavo.projections.vectors import VectorProjection
from octavo.search.hits import Hits
from octavo.search.hybrid import Asked, Hybrid
from octavo.search.query import Search
from octavo.search.semantic import Alone, Semantic
from octavo.store import organizations
from tests.databases import migrated_database, settings_of
from tests.feeds import documents_of

TEXTS = {
    "refund": "Customers may return goods within thirty days and get their money back.",
    "invoice": "The amount is due after receipt; reimbursement by bank transfer.",
    "travel": "Train tickets and hotels are paid by the company.",
    "holiday": "Vacation must be requested two weeks ahead.",
    "bread": "Bake the sourdough for forty minutes in a hot oven.",
    "cake": "Mix flour, sugar and eggs; bake the cake until it is golden.",
}


class AwayEmbedder(WordLlamaEmbedder):
    """The offline model, which can be away."""

    is_away = False

    async def embed(self, texts: Any, purpose: Any) -> Any:
        if self.is_away:
            raise Unavailable("the model is away")
        return await super().embed(texts, purpose)


class Shop:
    """An organization's documents, searched in every mode."""

    def __init__(self, record: Record, organization: UUID) -> None:
        self.organization = organization
        self.documents = documents_of(record, organization)
        self.embedder = AwayEmbedder()
        words = PostgresSearch(record)
        self.vectors = PostgresVectors(record, self.embedder.model)
        feed = Feed(record.system, Wakeup())
        self.by_words = SearchProjection(record.system, feed, words)
        self.by_meaning = VectorProjection(record.system, feed, self.vectors, self.embedder)
        search = Search(words, record.app, max_limit=100)
        self.hybrid = Hybrid(search, Semantic(Alone(self.vectors, self.embedder), max_limit=100))

    async def fill(self) -> None:
        """Bring both engines to the end of the log."""
        for projection in (self.by_words, self.by_meaning):
            while await projection.step():
                pass

    async def search(self, text: str, mode: Any = "hybrid", **options: Any) -> Hits:
        asked = Asked(organization=self.organization, text=text, **{"namespace": "default", **options})
        return await self.hybrid.search(mode, asked)

    async def pages(self, text: str, mode: Any, limit: int, **options: Any) -> list[str | None]:
        """The names of all pages."""
        found, cursor = list[str | None](), None
        while True:
            hits = await self.search(text, mode, limit=limit, cursor=cursor, **options)
            found += names(hits)
            if (cursor := hits.cursor) is None:
                return found


@pytest.fixture(scope="module")
async def own_record(server: Server) -> AsyncIterator[Record]:
    """A record for the module: nobody else moves its engines' cursors."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(scope="module")
async def shop(own_record: Record) -> Shop:
    """Six articles and a note, that no test changes."""
    made = Shop(own_record, (await organizations.create(own_record.system, "shop")).id)
    for name, text in TEXTS.items():
        await made.documents.put("article", {"title": name.title(), "text": text}, name=name)
    await made.documents.put("note", {"text": "Money back is what customers ask for."}, name="note")
    await made.fill()
    return made


@pytest.fixture
async def changing(own_record: Record, shop: Shop) -> Shop:
    """An organization of the test's own, on the same engines."""
    del shop  # its documents are on the engines before
    made = Shop(own_record, (await organizations.create(own_record.system, f"own-{next(_NUMBERS)}")).id)
    await made.fill()
    return made


_NUMBERS = iter(range(1_000))


def names(hits: Hits) -> list[str | None]:
    return [hit.name for hit in hits.hits]


async def test_meaning_finds_what_has_other_words(shop):
    hits = await shop.search("how do I make pastry", "semantic", limit=2)

    assert set(names(hits)) == {"cake", "bread"}
    assert -1 <= hits.hits[1].score <= hits.hits[0].score <= 1


async def test_a_hybrid_search_has_first_what_is_found_by_words_and_by_meaning(shop):
    """S0-005, S3-037: what answers a question comes first, whether or not it has the words."""
    hits = await shop.search("money back", explain=True)

    assert set(names(hits)[:2]) == {"refund", "note"}
    assert hits.hits[0].why.places.keys() == {"words", "meaning"}
    assert len(hits.hits) == 7
    assert hits.hits[-1].why.places.keys() == {"meaning"}


async def test_a_hybrid_search_tells_what_was_asked_of_each_leg_and_what_came(shop):
    hits = await shop.search("money back", limit=5)

    assert [(leg.name, leg.asked, leg.returned, leg.exact) for leg in hits.legs] == [
        ("words", 30, 2, True),
        ("meaning", 30, 7, True),
    ]
    assert hits.position == min(leg.position for leg in hits.legs)
    assert (hits.exact, hits.degraded, hits.stale) == (True, False, False)


async def test_a_hit_by_words_shows_its_words_and_one_by_meaning_its_passage(shop):
    hits = {hit.name: hit for hit in (await shop.search("customer refunds")).hits}

    assert "<mark>Customers</mark>" in hits["note"].highlight or "customers" in hits["note"].highlight
    assert hits["bread"].highlight == "Bake the sourdough for forty minutes in a hot oven."


async def test_html_of_a_passage_is_shown_and_not_obeyed(changing):
    await changing.documents.put("note", {"text": "<b>flour</b> & sugar"})
    await changing.fill()

    [hit] = (await changing.search("baking with flour", "semantic")).hits

    assert hit.highlight == "&lt;b&gt;<mark>flour</mark>&lt;/b&gt; &amp; sugar"


async def test_where_no_document_has_all_words_those_with_any_count(shop):
    hits = await shop.search("sourdough vacation xylophone", explain=True)

    by_words = {hit.name for hit in hits.hits if "words" in hit.why.places}
    assert by_words == {"bread", "holiday"}


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_a_document_with_an_excluded_word_is_not_found_by_meaning_either(shop, mode):
    hits = await shop.search("how do I make pastry -flour", mode, limit=5)

    with_flour = [name for name, text in TEXTS.items() if "flour" in text.lower()]
    assert with_flour
    assert not set(names(hits)) & set(with_flour)


@pytest.mark.parametrize("text", ["pastry OR cake", "pastry cake -draft", '"pastry cake"', "pastry cake*"])
async def test_the_meaning_of_a_query_is_that_of_its_words(shop, text):
    plain = await shop.search("pastry cake", "semantic", limit=3)

    hits = await shop.search(text, "semantic", limit=3)

    assert [(hit.id, hit.score) for hit in hits.hits] == [(hit.id, hit.score) for hit in plain.hits]


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_filters_and_types_hold_in_every_leg(shop, mode):
    assert names(await shop.search("money back", mode, type="note")) == ["note"]
    assert names(await shop.search("money back", mode, where={"@name": "travel"})) == ["travel"]
    assert names(await shop.search("money back", mode, namespace="elsewhere")) == []


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_hold_every_hit_once(shop, mode, limit):
    found = await shop.pages("money back", mode, limit)

    assert sorted(found) == sorted([*TEXTS, "note"])


async def test_no_hit_comes_twice_and_none_is_lost_when_documents_change_between_pages(changing):
    for number in range(8):
        await changing.documents.put(
            "note", {"text": f"Money back for order {number}."}, name=f"old-{number}"
        )
    await changing.fill()
    first = await changing.search("money back", limit=3)
    await changing.documents.put("note", {"text": "Money back, money back."}, name="new", id=None)
    await changing.documents.patch(first.hits[0].id, {"text": "Something else."})
    await changing.fill()

    rest = []
    cursor = first.cursor
    while cursor is not None:
        page = await changing.search("money back", limit=3, cursor=cursor)
        rest += names(page)
        cursor = page.cursor

    everything = [*names(first), *rest]
    assert len(everything) == len(set(everything))
    assert set(everything) == {"new", *(f"old-{number}" for number in range(8))}


async def test_a_cursor_belongs_to_its_query_and_mode(shop):
    cursor = (await shop.search("money back", limit=2)).cursor

    for text, mode, options in (
        ("money", "hybrid", {}),
        ("money back", "semantic", {}),
        ("money back", "hybrid", {"type": "note"}),
    ):
        with pytest.raises(InvalidFilter, match="another query"):
            await shop.search(text, mode, cursor=cursor, **options)


async def test_facets_count_what_is_found_by_words_or_by_meaning(shop):
    hits = await shop.search("money back", facets=["@type"], limit=1)

    [facet] = hits.facets
    assert {count.value: count.documents for count in facet.values} == {"article": 6, "note": 1}


async def test_weights_and_boosts_shape_the_order_by_words(shop):
    usual = await shop.search("money back", explain=True)
    boosted = await shop.search("money back", explain=True, boost={"@type": {"article": 50.0}})

    def places(hits: Hits) -> dict[str | None, int]:
        return {hit.name: hit.why.places["words"] for hit in hits.hits if "words" in hit.why.places}

    assert places(boosted) == {"refund": 1, "note": 2}
    assert places(usual).keys() == {"refund", "note"}


async def test_similar_documents_leave_out_the_one_they_resemble(shop):
    bread = next(hit for hit in (await shop.search("sourdough")).hits if hit.name == "bread")
    asked = Asked(organization=shop.organization, text="", namespace="default", limit=3)

    hits = await shop.hybrid.similar(bread.id, asked)

    assert names(hits)[0] == "cake"
    assert "bread" not in names(hits)


async def test_a_deleted_document_is_in_no_mode_although_no_engine_knows_it_yet(changing):
    kept = await changing.documents.put("note", {"text": "Money back."}, name="kept")
    gone = await changing.documents.put("note", {"text": "Money back, too."}, name="gone")
    await changing.fill()

    await changing.documents.delete(gone.id)

    for mode in ("semantic", "hybrid"):
        assert [hit.id for hit in (await changing.search("money back", mode)).hits] == [kept.id]


async def test_both_legs_must_reach_a_position_that_is_asked_for(changing):
    document = await changing.documents.put("note", {"text": "Money back."})
    while await changing.by_words.step():
        pass

    with pytest.raises(PositionTimeout, match="semantic"):
        await changing.search("money", after=document.position, wait_seconds=0)
    stale = await changing.search("money", after=document.position, wait_seconds=0, fallback="stale")
    while await changing.by_meaning.step():
        pass
    reached = await changing.search("money", after=document.position)

    assert (stale.stale, [leg.stale for leg in stale.legs]) == (True, [False, True])
    assert stale.position < document.position <= reached.position
    assert [hit.id for hit in reached.hits] == [document.id]


async def test_a_leg_that_does_not_answer_is_an_error_or_told_as_allowed(changing):
    document = await changing.documents.put("note", {"text": "Money back."})
    await changing.fill()
    changing.embedder.is_away = True

    with pytest.raises(Unavailable, match="away"):
        await changing.search("money")
    with pytest.raises(Unavailable, match="away"):
        await changing.search("money", "semantic")
    for mode in ("hybrid", "semantic"):
        hits = await changing.search("money", mode, fallback="stale")

        assert [hit.id for hit in hits.hits] == [document.id]
        assert (hits.degraded, hits.exact) == (True, False)
        assert [leg.name for leg in hits.legs if leg.missing] == ["meaning"]


async def test_nothing_less_similar_than_wanted_is_found_by_meaning(shop):
    every = await shop.search("how do I make pastry", "semantic", limit=7)
    bound = every.hits[1].score

    near = await shop.search("how do I make pastry", "semantic", limit=7, least_similarity=bound)
    both = await shop.search("how do I make pastry", limit=7, least_similarity=bound)

    assert names(near) == names(every)[:2]
    assert next(leg.returned for leg in both.legs if leg.name == "meaning") == 2


async def test_by_meaning_only_documents_of_a_language_are_found(changing):
    german = "Kunden dürfen die Ware zurückgeben und erhalten ihr Geld nach wenigen Tagen zurück."
    await changing.documents.put("note", {"text": german}, name="german")
    await changing.documents.put("note", {"text": TEXTS["refund"]}, name="english")
    await changing.fill()

    found = {
        language: names(await changing.search("money back", "semantic", language=language))
        for language in ("de", "en", "fr")
    }

    assert found == {"de": ["german"], "en": ["english"], "fr": []}
    assert len(names(await changing.search("money back", "semantic", language=["de", "en"]))) == 2


@pytest.mark.parametrize(
    ("mode", "options", "error"),
    [
        ("both", {}, InvalidInput),
        ("hybrid", {"limit": 0}, LimitExceeded),
        ("hybrid", {"limit": 101}, LimitExceeded),
        ("hybrid", {"text": " "}, InvalidInput),
        ("semantic", {"text": " "}, InvalidInput),
        ("hybrid", {"cursor": "nonsense"}, InvalidFilter),
        ("hybrid", {"weights": {"heading": 1}}, InvalidInput),
        ("semantic", {"weights": {"title": 20}}, InvalidInput),
        ("semantic", {"boost": {"@type": {"note": 2}}}, InvalidInput),
        ("hybrid", {"where": {"@nothing": 1}}, InvalidFilter),
        ("hybrid", {"fallback": "sometimes"}, InvalidInput),
        ("hybrid", {"after": "nonsense"}, InvalidInput),
    ],
)
async def test_bad_input_is_one_clear_error(shop, mode, options, error):
    with pytest.raises(error) as raised:
        await shop.search(options.pop("text", "refund"), mode, **options)

    assert raised.value.message
    assert raised.value.remedy
