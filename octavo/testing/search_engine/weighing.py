"""What a query weighs more: parts of a document, and types; and how an engine tells of it."""

from __future__ import annotations

from math import prod

import pytest
from uuid_utils.compat import uuid7

from octavo.roles.search import Weights
from octavo.testing.search_engine.library import Library

FILLER = "There is much to be said of other things. "


class Weighing:
    """Scores that a query shapes; which documents match never depends on it."""

    async def test_weights_decide_which_part_of_a_document_counts_most(self, library: Library) -> None:
        title = await library.add(FILLER, title="A refund", preview="A preview", description="Something")
        preview = await library.add(FILLER, title="A title", preview="A refund", description="Something")
        description = await library.add(FILLER, title="A title", preview="A preview", description="Refund")

        usual = await library.ids("refund")
        turned = await library.ids("refund", weights=Weights(title=1, preview=30, description=90))

        assert usual == [title, preview, description]
        assert turned == [description, preview, title]

    async def test_many_words_of_the_text_outrank_a_title_that_weighs_no_more(self, library: Library) -> None:
        many = await library.add("refund " * 50)
        title = await library.add(FILLER * 5, title="Refund")

        assert await library.ids("refund") == [title, many]
        assert await library.ids("refund", weights=Weights(title=1, preview=1, description=1)) == [
            many,
            title,
        ]

    async def test_weights_change_nothing_about_what_matches(self, library: Library) -> None:
        found = {
            await library.add(FILLER, title="A refund"),
            await library.add(FILLER, description="A refund"),
            await library.add("A refund"),
        }

        for weights in (
            Weights(text=0),
            Weights(title=100),
            Weights(title=0, preview=0, description=0, text=0),
        ):
            assert set(await library.ids("refund", weights=weights)) == found

    @pytest.mark.parametrize(("factor", "place"), [(50.0, 0), (0.02, -1)])
    async def test_a_boost_raises_or_lowers_the_documents_of_a_type(
        self, library: Library, factor: float, place: int
    ) -> None:
        policy = await library.add(f"A refund. {FILLER * 3}", type="policy")
        articles = [await library.add("refund " * number, type="article") for number in (1, 2, 3)]

        found = await library.ids("refund", boosts={"policy": factor})

        assert found[place] == policy
        assert set(found) == {policy, *articles}

    async def test_pages_with_boosts_hold_every_hit_once_in_one_order(self, library: Library) -> None:
        types = ["policy", "article", "note"]
        for number in range(21):
            await library.add("refund " * (1 + number % 4), type=types[number % 3])
        boosts = {"policy": 3.0, "note": 0.3}
        whole = await library.ids("refund", boosts=boosts)

        assert len(set(whole)) == 21
        for limit in (2, 5):
            assert await library.all_pages("refund", limit=limit, boosts=boosts) == whole

    async def test_a_boosted_type_is_on_the_first_page_also_when_the_word_is_too_common_to_be_ranked_whole(
        self, library: Library
    ) -> None:
        policy = await library.add("a common refund", type="policy")
        documents = await library.documents.put_many(
            [{"type": "article", "id": str(uuid7()), "body": {}} for _ in range(600)]
        )
        await library.apply([library.searchable(one.id, "a common refund") for one in documents])

        found = await library.search("refund", limit=10, boosts={"policy": 4.0})

        assert found.matches[0].id == policy

    async def test_an_explanation_names_the_words_where_they_stand_and_what_the_score_is_made_of(
        self, library: Library
    ) -> None:
        await library.add("A refund is possible.", title="The refunds policy", type="policy")
        await library.add(FILLER)

        [match] = (await library.search("refunds possible", explain=True, boosts={"policy": 2.0})).matches

        assert match.explanation is not None
        standing = {one.word: list(one.parts) for one in match.explanation.found}
        assert standing["refund"] == ["title", "text"]
        assert standing["possibl"] == ["text"]
        assert match.explanation.factors["boost"] == 2.0
        assert prod(match.explanation.factors.values()) == pytest.approx(match.score, rel=1e-3)

    async def test_an_explanation_tells_of_words_that_stand_in_different_passages(
        self, library: Library
    ) -> None:
        await library.add(["All about the refund.", "Something else.", "Here is the policy."])

        [match] = (await library.search("refund policy", explain=True)).matches

        assert match.explanation is not None
        assert match.explanation.factors["apart"] < 1

    async def test_an_explanation_does_not_depend_on_other_organizations(
        self, library: Library, other: Library
    ) -> None:
        """What is rare in one organization is no matter of another's documents."""
        await library.add("A refund is possible.")
        [before] = (await library.search("refund", explain=True)).matches
        for _ in range(20):
            await other.add("A refund is possible.", title="A refund")

        [after] = (await library.search("refund", explain=True)).matches

        assert before.explanation is not None
        assert after.explanation is not None
        assert list(before.explanation.found) == list(after.explanation.found)

    async def test_nothing_is_explained_unless_it_is_asked_for(self, library: Library) -> None:
        await library.add("A refund is possible.")

        [match] = (await library.search("refund")).matches

        assert match.explanation is None
