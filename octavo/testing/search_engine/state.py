"""What an engine shows of documents that change, and where it says it stands (S0-059, S0-062)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import msgspec

from octavo.errors import Conflict
from octavo.roles.search import Order
from octavo.roles.state import NO_DOCUMENT, Cursor, Parked
from octavo.store.filters import compile_lookup
from octavo.testing.search_engine.library import Library
from octavo.values.condition import parse_subject
from octavo.values.filter import parse as parse_filter
from octavo.values.position import Position


class State:
    """What is shown of documents that change, and where the engine says it stands."""

    async def test_no_search_shows_another_organization(self, library: Library, other: Library) -> None:
        """S0-062: with one organization bound, no search returns a row of another."""
        mine = await library.add("our secret refund", title="Secret")
        theirs = await other.add("their secret refund", title="Secret")

        assert await library.ids("secret") == [mine]
        assert await other.ids("secret OR refund -our") == [theirs]

    async def test_the_same_id_in_two_organizations_is_two_documents(
        self, library: Library, other: Library
    ) -> None:
        id = await library.add("a cedar")
        await other.documents.put("article", {}, id=id)
        await other.apply([other.searchable(id, "a maple")])

        assert await library.ids("cedar") == [id]
        assert await library.ids("maple") == []
        await other.remove(id)
        assert await library.ids("cedar") == [id]

    async def test_a_deleted_document_never_appears_although_the_engine_lags(self, library: Library) -> None:
        """S0-059: delete hides the document from search; restoring shows it again."""
        kept, deleted = await library.add("refund one"), await library.add("refund two")
        await library.documents.delete(deleted)

        assert await library.ids("refund") == [kept]
        assert await library.all_pages("refund", limit=1) == [kept]
        await library.documents.restore(deleted)
        assert set(await library.ids("refund")) == {kept, deleted}

    async def test_an_expired_document_never_appears_although_no_sweep_has_come(
        self, library: Library
    ) -> None:
        """S2-042"""
        kept = await library.add("refund one", body={"n": 1})
        expired = await library.add("refund two", body={"n": 2})
        await library.documents.set_expiry(expired, datetime(2026, 1, 1, tzinfo=UTC))

        def of_both(first: int) -> tuple[str, list[object]]:
            return compile_lookup(parse_filter({"n": {"$gte": 1}}), first=first)

        by_time = Order(parse_subject("@created_at"), descending=True)
        assert await library.ids("refund") == [kept]
        assert await library.all_pages("refund", limit=1) == [kept]
        assert await library.ids("refund", condition=of_both) == [kept]
        assert await library.ids("refund", order=by_time) == [kept]
        await library.documents.set_expiry(expired)
        assert set(await library.ids("refund")) == {kept, expired}

    async def test_a_page_is_full_although_its_best_documents_were_deleted(self, library: Library) -> None:
        ids = [await library.add("refund") for _ in range(10)]
        for id in ids[5:]:
            await library.documents.delete(id)

        found = await library.search("refund", limit=3)

        assert [match.id for match in found.matches] == ids[4:1:-1]
        assert found.more

    async def test_a_removed_document_is_not_found(self, library: Library) -> None:
        id = await library.add("refund")

        await library.remove(id)

        assert await library.ids("refund") == []

    async def test_a_new_version_replaces_the_words_of_the_old_one(self, library: Library) -> None:
        id = await library.add(["old refund", "old policy"], title="Old")

        await library.apply([library.searchable(id, "new refund", version=2, title="New")])

        assert await library.ids("old OR policy") == []
        [match] = (await library.search("new refund")).matches
        assert (match.version, match.title) == (2, "New")

    async def test_a_hit_tells_the_version_that_was_searched_and_the_current_one(
        self, library: Library
    ) -> None:
        document = await library.documents.put("article", {"n": 1}, name="one")
        await library.apply([library.searchable(document.id, "refund")])
        await library.documents.put("article", {"n": 2}, name="one")

        [match] = (await library.search("refund")).matches

        assert (match.version, match.current_version, match.name) == (1, 2, "one")

    async def test_the_same_change_twice_is_as_once(self, library: Library) -> None:
        id = await library.add("refund")
        change = library.searchable(id, "refund")

        await library.apply([change])
        await library.apply([change])

        assert await library.ids("refund") == [id]

    async def test_types_and_namespaces_narrow(self, library: Library) -> None:
        article = await library.add("refund", type="article")
        note = await library.add("refund", type="note")
        elsewhere = await library.add("refund", namespace="elsewhere")

        assert set(await library.ids("refund", types=["article"])) == {article, elsewhere}
        assert set(await library.ids("refund", namespaces=["default"])) == {article, note}
        assert await library.ids("refund", types=["note", "mail"], namespaces=["default"]) == [note]

    async def test_a_filter_is_asked_of_the_current_state(self, library: Library) -> None:
        draft = await library.add("refund", body={"status": "draft"})
        published = await library.add("refund", body={"status": "published"})
        filter = parse_filter({"status": "published"})

        def condition(first: int) -> tuple[str, list[object]]:
            return compile_lookup(filter, first=first)

        assert await library.ids("refund", condition=condition) == [published]
        await library.documents.patch(draft, {"status": "published"})
        assert set(await library.ids("refund", condition=condition)) == {draft, published}

    async def test_the_cursor_moves_with_the_changes_it_belongs_to(self, library: Library) -> None:
        before = await library.engine.position()
        after = _moved(before)

        await library.engine.apply([], before, after)

        assert await library.engine.position() == after
        assert (await library.search("refund")).cursor == after

    async def test_changes_that_do_not_begin_where_the_engine_stands_are_refused_whole(
        self, library: Library
    ) -> None:
        id = await library.add("refund")
        now = await library.engine.position()
        elsewhere = _moved(now)

        assert await _is_refused(
            library.engine.apply([library.searchable(id, "changed")], elsewhere, _moved(elsewhere))
        )

        assert await library.ids("refund") == [id]
        assert await library.engine.position() == now

    async def test_of_two_that_fill_at_the_same_time_one_is_refused(self, library: Library) -> None:
        before = await library.engine.position()

        done = await asyncio.gather(
            *(library.engine.apply([], before, _moved(before)) for _ in range(2)), return_exceptions=True
        )

        assert [type(one) for one in done if isinstance(one, BaseException)] == [Conflict]

    async def test_a_scan_is_told_by_the_cursor(self, library: Library) -> None:
        before = await library.engine.reset()
        half = msgspec.structs.replace(before, scanned=(library.organization, library.organization))

        await library.engine.apply([], before, half)

        assert before.scanned == NO_DOCUMENT
        assert await library.engine.position() == half
        await library.engine.apply([], half, msgspec.structs.replace(half, scanned=None))
        assert (await library.engine.position()).scanned is None

    async def test_an_emptied_engine_is_another_generation_and_holds_nothing(self, library: Library) -> None:
        await library.add("refund")
        before = await library.engine.position()

        after = await library.engine.reset()

        assert await library.ids("refund") == []
        assert after.generation != before.generation
        assert after.scanned is not None
        assert await _is_refused(library.engine.apply([], before, before))

    async def test_erasing_a_document_and_an_organization_leaves_the_others(
        self, library: Library, other: Library
    ) -> None:
        first, second = await library.add("refund"), await library.add("refund")
        theirs = await other.add("refund")

        await library.engine.erase(library.organization, [first])
        assert await library.ids("refund") == [second]

        await library.engine.erase(library.organization)
        assert await library.ids("refund") == []
        assert await other.ids("refund") == [theirs]

    async def test_a_document_that_cannot_be_taken_is_parked_and_the_others_go_on(
        self, library: Library
    ) -> None:
        good, bad = await library.add("refund"), await library.add("refund of old")
        words = " ".join(f"unspeakable{number:x}" for number in range(120_000))
        cursor = await library.engine.position()
        after = _moved(cursor)

        # One passage of more than a megabyte of different words: no projection makes such, no engine takes it.
        parked = await library.engine.apply(
            [library.searchable(bad, [words], version=2), library.searchable(good, "new refund", version=2)],
            cursor,
            after,
        )

        assert [(one.id, one.version) for one in parked] == [(bad, 2)]
        assert "unspeakable" not in parked[0].message
        assert await library.ids("refund") == [good]
        assert await library.engine.position() == after
        assert await library.engine.parked(library.organization) == parked

    async def test_a_parked_document_that_can_be_taken_again_is_not_parked_any_more(
        self, library: Library, other: Library
    ) -> None:
        id = await library.add("refund")
        parked = Parked(
            organization=library.organization, id=id, version=1, code="unreadable", message="no text"
        )
        await library.apply([parked])
        assert await library.ids("refund") == []
        assert parked in await library.engine.parked()
        assert await library.engine.parked(other.organization) == []

        await library.apply([library.searchable(id, "refund", version=2)])

        assert await library.ids("refund") == [id]
        assert await library.engine.parked(library.organization) == []


def _moved(cursor: Cursor) -> Cursor:
    position = Position(cursor.position.shard, cursor.position.epoch + 1, 7, 7)
    return Cursor(cursor.generation, position)


async def _is_refused(applying: Awaitable[object]) -> bool:
    try:
        await applying
    except Conflict:
        return True
    return False
