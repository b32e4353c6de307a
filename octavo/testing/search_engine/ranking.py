"""In which order every search engine gives its hits, page by page (S0-061, S1-126, S1-127, S1-129)."""

from __future__ import annotations

from typing import Any

from uuid_utils.compat import uuid7

from octavo.roles.search import Order, Searchable
from octavo.testing.search_engine.library import Library
from octavo.values.condition import parse_subject

FILLER = "There is much to be said of other things. "


class Ranking:
    """In which order, page by page."""

    async def test_title_outranks_preview_outranks_description_outranks_text(self, library: Library) -> None:
        """S0-061, S1-126: the same word in the title outranks it in the preview, and that in the description."""
        text = await library.add(f"A refund. {FILLER}")
        description = await library.add(FILLER * 3, description="A refund")
        title = await library.add(FILLER * 20, title="A refund")
        preview = await library.add(FILLER * 10, preview="A refund")

        assert await library.ids("refund") == [title, preview, description, text]

    async def test_one_word_in_the_title_outranks_many_in_the_text(self, library: Library) -> None:
        many = await library.add("refund " * 50)
        title = await library.add(FILLER, title="Refund")

        assert await library.ids("refund") == [title, many]

    async def test_more_of_a_word_ranks_higher(self, library: Library) -> None:
        once = await library.add(f"refund {FILLER}")
        often = await library.add(f"refund refund refund {FILLER}")

        assert await library.ids("refund") == [often, once]

    async def test_a_rare_alternative_outranks_a_common_one(self, library: Library) -> None:
        common = {await library.add(f"order number {number}") for number in range(20)}
        rare = await library.add("a refund")

        found = await library.ids("order OR refund")

        assert found[0] == rare
        assert set(found[1:]) == common

    async def test_equal_hits_come_newest_first(self, library: Library) -> None:
        ids = [await library.add("a refund") for _ in range(5)]

        assert await library.ids("refund") == ids[::-1]

    async def test_pages_reach_every_document_with_a_word_too_common_to_be_ranked_whole(
        self, library: Library
    ) -> None:
        """S1-129: every hit comes, in pages by cursor."""
        changes = await _add_many(library, 1_000, "a common refund")
        apart = await library.add(["common first", "refund later"])

        found = await library.all_pages("common refund", limit=90)

        assert len(found) == len(set(found)) == 1_001
        assert set(found) == {change.id for change in changes} | {apart}

    async def test_a_title_is_on_the_first_page_also_when_the_word_is_too_common_to_be_ranked_whole(
        self,
        library: Library,
    ) -> None:
        title = await library.add("Something.", title="Refund")
        await _add_many(library, 1_000, "a common refund")

        found = await library.search("refund", limit=10)

        assert found.matches[0].id == title

    async def test_documents_with_all_common_alternatives_are_on_the_first_page(
        self, library: Library
    ) -> None:
        both = await library.add("a refund, an order")
        await _add_many(library, 400, "a refund")
        await _add_many(library, 400, "an order")

        found = await library.search("refund OR order", limit=10)

        assert found.matches[0].id == both

    async def test_an_answer_that_ranked_everything_is_not_capped(self, library: Library) -> None:
        await _add_many(library, 50, "a refund")

        found = await library.search("refund", limit=10)

        assert (found.capped, found.more, len(found.matches)) == (False, True, 10)

    async def test_an_order_by_a_field_of_the_body_holds_on_every_page(self, library: Library) -> None:
        """S1-127: date order is an option."""
        days = [f"2026-{1 + number % 3:02}-{1 + number:02}" for number in range(20)]
        by_day = {await library.add("a concert", body={"start": day}): day for day in days}
        undated = await library.add("a concert", body={})

        ascending = await library.all_pages("concert", limit=6, order=Order(parse_subject("start"), False))
        descending = await library.all_pages("concert", limit=6, order=Order(parse_subject("start"), True))

        assert ascending[0] == undated
        assert [by_day[id] for id in ascending[1:]] == sorted(days)
        assert descending == ascending[::-1]

    async def test_pages_hold_every_hit_once_in_one_order_also_among_equals(self, library: Library) -> None:
        """S1-129: a stable order, page by page."""
        for number in range(23):
            await library.add("refund " * (1 + number % 3))
        whole = await library.ids("refund")

        for limit in (1, 3, 10, 100):
            assert await library.all_pages("refund", limit=limit) == whole
        assert len(set(whole)) == 23

    async def test_an_order_by_an_attribute_gives_every_hit_once(self, library: Library) -> None:
        ids = [await library.add("a concert") for _ in range(7)]

        for name in ("@created_at", "@updated_at", "@name", "@type", "@version", "@metadata.rank"):
            order = Order(parse_subject(name), descending=False)
            assert await library.all_pages("concert", limit=3, order=order) == ids, name


async def _add_many(library: Library, number: int, text: str, **weighed: Any) -> list[Searchable]:
    documents = await library.documents.put_many(
        [{"type": "article", "id": str(uuid7()), "body": {"rank": place % 10}} for place in range(number)]
    )
    changes = [library.searchable(document.id, text, **weighed) for document in documents]
    await library.apply(changes)
    return changes
