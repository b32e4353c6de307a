"""What is told of many documents at once: facets, suggestions, synonyms; and of whose documents."""

from __future__ import annotations

from typing import Any

from octavo.search.facets import Facet
from octavo.search.query import Hits, Search
from octavo.store import synonyms
from octavo.testing.search_engine.library import Library


class Counting:
    """Facets, suggestions and synonyms, on top of what an engine tells."""

    async def test_facets_count_everything_that_matches_not_only_the_page(self, library: Library) -> None:
        for number in range(7):
            await library.add("a refund", body={"status": "draft" if number % 3 else "done"})
        await library.add("an order", body={"status": "draft"})

        hits = await _search(library, "refund", limit=1, facets=["status", "@type"])

        assert [_counts(facet) for facet in hits.facets] == [{"draft": 4, "done": 3}, {"article": 7}]
        assert not any(facet.capped for facet in hits.facets)

    async def test_facets_count_no_other_organization(self, library: Library, other: Library) -> None:
        await library.add("a refund", body={"team": "ours"})
        await other.add("a refund", body={"team": "theirs"})

        hits = await _search(library, "refund", facets=["team"])

        assert [_counts(facet) for facet in hits.facets] == [{"ours": 1}]

    async def test_facets_count_no_deleted_document_although_the_engine_lags(self, library: Library) -> None:
        await library.add("a refund", body={"status": "draft"})
        deleted = await library.add("a refund", body={"status": "secret"})
        await library.documents.delete(deleted)

        hits = await _search(library, "refund", facets=["status"])

        assert [_counts(facet) for facet in hits.facets] == [{"draft": 1}]

    async def test_facets_count_what_passes_the_filter_and_the_types(self, library: Library) -> None:
        for number in range(6):
            await library.add("a refund", body={"n": number}, type="note" if number % 2 else "article")

        hits = await _search(library, "refund", where={"n": {"$gte": 2}}, type="note", facets=["n"])

        assert [_counts(facet) for facet in hits.facets] == [{3: 1, 5: 1}]

    async def test_each_element_of_a_list_counts_once_a_document(self, library: Library) -> None:
        await library.add("a refund", body={"tags": ["a", "b", "a"]})
        await library.add("a refund", body={"tags": ["b"]})
        await library.add("a refund", body={"tags": {"c": 1}})

        hits = await _search(library, "refund", facets=["tags"])

        assert [_counts(facet) for facet in hits.facets] == [{"b": 2, "a": 1}]

    async def test_a_facet_tells_how_many_values_it_leaves_out(self, library: Library) -> None:
        for number in range(5):
            await library.add("a refund", body={"n": number})

        [facet] = (await _search(library, "refund", facets=["n"], facet_values=2)).facets

        assert (len(facet.values), facet.others) == (2, 3)

    async def test_labels_are_counted(self, library: Library) -> None:
        first, second = await library.add("a refund"), await library.add("a refund")
        await library.documents.label(first, "legal")
        await library.documents.label(second, "legal")
        await library.documents.label(second, "tax")

        hits = await _search(library, "refund", facets=["@labels"])

        assert [_counts(facet) for facet in hits.facets] == [{"legal": 2, "tax": 1}]

    async def test_a_misspelt_word_finds_what_was_meant_when_asked_to(self, library: Library) -> None:
        document = await library.add("The confidential policy.")

        assert (await _search(library, "confidental policy")).hits == []
        hits = await _search(library, "confidental policy", fuzzy=True)

        assert [hit.id for hit in hits.hits] == [document]
        assert hits.corrected == "confidential policy"

    async def test_a_query_that_finds_something_is_not_corrected(self, library: Library) -> None:
        await library.add("the right angle")
        document = await library.add("the right angel")

        hits = await _search(library, "angel", fuzzy=True)

        assert ([hit.id for hit in hits.hits], hits.corrected) == ([document], None)

    async def test_no_word_of_another_organization_is_suggested(
        self, library: Library, other: Library
    ) -> None:
        await library.add("a policy")
        await other.add("the confidential merger")

        assert await _suggest(library, "confidental merger") is None
        assert await _suggest(other, "confidental merger") == "confidential merger"
        assert not await library.engine.vocabulary(library.organization, ["c"])

    async def test_no_word_of_a_deleted_document_is_suggested_although_the_engine_lags(
        self, library: Library
    ) -> None:
        await library.add("a policy")
        deleted = await library.add("the confidential merger")
        await library.documents.delete(deleted)

        assert await _suggest(library, "confidental OR polcy") == "confidental OR policy"

    async def test_no_word_is_suggested_that_the_filter_hides(self, library: Library) -> None:
        await library.add("the confidential merger", body={"public": False})

        assert await _suggest(library, "confidental", where={"public": True}) is None
        assert await _suggest(library, "confidental", where={"public": False}) == "confidential"
        assert await _suggest(library, "confidental", type="note") is None

    async def test_synonyms_are_found_when_asked_for_and_only_ones_own(
        self, library: Library, other: Library
    ) -> None:
        await synonyms.define(library.scope, ["refund", "money back"])
        document = await library.add("You get your money back.")
        await other.add("You get your money back.")

        assert (await _search(library, "refund")).hits == []
        assert [hit.id for hit in (await _search(library, "refund", synonyms=True)).hits] == [document]
        assert (await _search(other, "refund", synonyms=True)).hits == []


async def _search(library: Library, text: str, **options: Any) -> Hits:
    return await Search(library.engine, library.record.app).search(library.organization, text, **options)


async def _suggest(library: Library, text: str, **options: Any) -> str | None:
    return await Search(library.engine, library.record.app).suggest(library.organization, text, **options)


def _counts(facet: Facet) -> dict[Any, int]:
    return {count.value: count.documents for count in facet.values}
