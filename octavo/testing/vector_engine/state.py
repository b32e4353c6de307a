"""What an engine shows of documents that change, and where it says it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import msgspec

from octavo.errors import Conflict
from octavo.roles.state import NO_DOCUMENT, Cursor, Parked
from octavo.testing.vector_engine.shelf import MODEL, Shelf
from octavo.values.position import Position


class State:
    """What is shown of documents that change, and where the engine says it stands."""

    async def test_the_engine_says_whose_vectors_it_holds(self, shelf: Shelf) -> None:
        """S0-109: a collection is of one model and version."""
        assert shelf.engine.model == MODEL

    async def test_no_search_shows_another_organization(self, shelf: Shelf, other: Shelf) -> None:
        """S0-120: search as tenant B with A's exact vector returns nothing."""
        mine, theirs = await shelf.add(10), await other.add(50)

        assert await shelf.ids(50) == [mine]
        assert await other.ids(10) == [theirs]
        assert await other.engine.vectors(other.organization, [mine]) == {}

    async def test_the_same_id_in_two_organizations_is_two_documents(
        self, shelf: Shelf, other: Shelf
    ) -> None:
        id = await shelf.add(10)
        await other.documents.put("article", {}, id=id)
        await other.apply([other.embedded(id, 50)])

        assert [match.text for match in (await shelf.nearest(0)).matches] == ["passage 0 at 10"]
        assert [match.text for match in (await other.nearest(0)).matches] == ["passage 0 at 50"]
        await other.remove(id)
        assert await shelf.ids(0) == [id]

    async def test_a_deleted_document_is_not_near_before_the_engine_knows(self, shelf: Shelf) -> None:
        """S0-059, S0-120: a soft-deleted document is not returned; restored, it is again."""
        deleted, kept = await shelf.add(0), await shelf.add(10)

        await shelf.documents.delete(deleted)
        assert await shelf.ids(0, limit=1) == [kept]

        await shelf.documents.restore(deleted)
        assert await shelf.ids(0) == [deleted, kept]

    async def test_an_expired_document_is_not_near_before_the_sweep(self, shelf: Shelf) -> None:
        expired, kept = await shelf.add(0), await shelf.add(10)

        await shelf.documents.set_expiry(expired, datetime(2026, 1, 1, tzinfo=UTC))
        assert await shelf.ids(0, limit=1) == [kept]

        await shelf.documents.set_expiry(expired)
        assert await shelf.ids(0) == [expired, kept]

    async def test_many_deleted_documents_do_not_hide_a_live_one(self, shelf: Shelf) -> None:
        deleted = await shelf.documents.put_many(
            [{"type": "article", "body": {"n": number}} for number in range(150)]
        )
        await shelf.apply([shelf.embedded(one.id, number / 100) for number, one in enumerate(deleted)])
        live = await shelf.add(90)
        for one in deleted:
            await shelf.documents.delete(one.id)

        assert await shelf.ids(0, limit=1) == [live]

    async def test_a_document_that_was_never_there_is_not_near(self, shelf: Shelf) -> None:
        there = await shelf.add(10)

        await shelf.apply([shelf.embedded(shelf.organization, 0)])

        assert await shelf.ids(0) == [there]

    async def test_a_removed_document_is_not_near(self, shelf: Shelf) -> None:
        id = await shelf.add(0, 10)

        await shelf.remove(id)

        assert await shelf.ids(0) == []

    async def test_a_new_version_replaces_all_passages_of_the_old_one(self, shelf: Shelf) -> None:
        """S0-112: a passage of another version or ordinal overwrites no other."""
        id = await shelf.add(0, 10, 20)

        await shelf.apply([shelf.embedded(id, 70, 10, version=2)])

        [match] = (await shelf.nearest(0)).matches
        assert (match.version, match.text) == (2, "passage 1 at 10")
        assert await shelf.ids(0, least_similarity=0.99) == []
        assert len((await shelf.engine.vectors(shelf.organization, [id]))[id]) == 2

    async def test_a_version_tells_its_language_and_title(self, shelf: Shelf) -> None:
        id = await shelf.add(0, language="en", title="Old")

        await shelf.apply([shelf.embedded(id, 0, version=2, language="de", title="Neu")])

        [match] = (await shelf.nearest(0, languages=["de"])).matches
        assert match.title == "Neu"
        assert await shelf.ids(0, languages=["en"]) == []

    async def test_an_engine_that_lags_tells_both_versions(self, shelf: Shelf) -> None:
        id = await shelf.add(0, name="one", body={"n": 1})
        await shelf.documents.put("article", {"n": 2}, name="one")

        [match] = (await shelf.nearest(0)).matches

        assert (match.id, match.version, match.current_version) == (id, 1, 2)

    async def test_the_same_change_twice_is_as_once(self, shelf: Shelf) -> None:
        id = await shelf.add(0, 10)
        change = shelf.embedded(id, 0, 10)

        await shelf.apply([change])
        await shelf.apply([change])

        assert await shelf.ids(0) == [id]
        assert len((await shelf.engine.vectors(shelf.organization, [id]))[id]) == 2

    async def test_the_cursor_moves_with_the_changes_it_belongs_to(self, shelf: Shelf) -> None:
        before = await shelf.engine.position()
        after = _moved(before)

        await shelf.engine.apply([], before, after)

        assert await shelf.engine.position() == after
        assert (await shelf.nearest(0)).cursor == after

    async def test_changes_that_do_not_begin_where_the_engine_stands_are_refused_whole(
        self, shelf: Shelf
    ) -> None:
        id = await shelf.add(0)
        now = await shelf.engine.position()
        elsewhere = _moved(now)

        assert await _is_refused(shelf.engine.apply([shelf.embedded(id, 90)], elsewhere, _moved(elsewhere)))

        assert await shelf.ids(0, least_similarity=0.9) == [id]
        assert await shelf.engine.position() == now

    async def test_of_two_that_fill_at_the_same_time_one_is_refused(self, shelf: Shelf) -> None:
        before = await shelf.engine.position()

        done = await asyncio.gather(
            *(shelf.engine.apply([], before, _moved(before)) for _ in range(2)), return_exceptions=True
        )

        assert [type(one) for one in done if isinstance(one, BaseException)] == [Conflict]

    async def test_a_scan_is_told_by_the_cursor(self, shelf: Shelf) -> None:
        before = await shelf.engine.reset()
        half = msgspec.structs.replace(before, scanned=(shelf.organization, shelf.organization))

        await shelf.engine.apply([], before, half)

        assert before.scanned == NO_DOCUMENT
        assert await shelf.engine.position() == half
        await shelf.engine.apply([], half, msgspec.structs.replace(half, scanned=None))
        assert (await shelf.engine.position()).scanned is None

    async def test_an_emptied_engine_is_another_generation_and_holds_nothing(self, shelf: Shelf) -> None:
        id = await shelf.add(0)
        before = await shelf.engine.position()

        after = await shelf.engine.reset()

        assert await shelf.ids(0) == []
        assert await shelf.engine.vectors(shelf.organization, [id]) == {}
        assert after.generation != before.generation
        assert after.scanned is not None
        assert await _is_refused(shelf.engine.apply([], before, before))

    async def test_what_was_emptied_can_be_filled_again(self, shelf: Shelf) -> None:
        id = await shelf.add(0)
        await shelf.ids(0)
        await shelf.engine.reset()

        await shelf.apply([shelf.embedded(id, 0)])

        assert await shelf.ids(0) == [id]

    async def test_erasing_a_document_and_an_organization_leaves_the_others(
        self, shelf: Shelf, other: Shelf
    ) -> None:
        first, second = await shelf.add(0), await shelf.add(10)
        theirs = await other.add(0)

        await shelf.engine.erase(shelf.organization, [first])
        assert await shelf.ids(0) == [second]

        await shelf.engine.erase(shelf.organization)
        assert await shelf.ids(0) == []
        assert await shelf.engine.vectors(shelf.organization, [second]) == {}
        assert await other.ids(0) == [theirs]

    async def test_a_vector_of_another_model_parks_its_document_and_the_others_go_on(
        self, shelf: Shelf
    ) -> None:
        """S0-109: a vector of another model is refused."""
        good, bad = await shelf.add(0), await shelf.add(1)
        cursor = await shelf.engine.position()
        after = _moved(cursor)
        change = shelf.embedded(bad, 5, version=2)
        short = [msgspec.structs.replace(one, vector=one.vector[:-1]) for one in change.passages]

        parked = await shelf.engine.apply(
            [msgspec.structs.replace(change, passages=short), shelf.embedded(good, 3, version=2)],
            cursor,
            after,
        )

        assert [(one.id, one.version) for one in parked] == [(bad, 2)]
        assert await shelf.ids(0) == [good]
        assert await shelf.engine.position() == after
        assert await shelf.engine.parked(shelf.organization) == parked

    async def test_a_parked_document_that_can_be_taken_again_is_not_parked_any_more(
        self, shelf: Shelf, other: Shelf
    ) -> None:
        id = await shelf.add(0)
        parked = Parked(
            organization=shelf.organization, id=id, version=1, code="unreadable", message="no text"
        )
        await shelf.apply([parked])
        assert await shelf.ids(0) == []
        assert parked in await shelf.engine.parked()
        assert await shelf.engine.parked(other.organization) == []

        await shelf.apply([shelf.embedded(id, 0, version=2)])

        assert await shelf.ids(0) == [id]
        assert await shelf.engine.parked(shelf.organization) == []


def _moved(cursor: Cursor) -> Cursor:
    position = Position(cursor.position.shard, cursor.position.epoch + 1, 7, 7)
    return Cursor(cursor.generation, position)


async def _is_refused(applying: Awaitable[object]) -> bool:
    try:
        await applying
    except Conflict:
        return True
    return False
