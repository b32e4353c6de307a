"""What narrows a search: namespace, type, language, author, creation, and a filter of the record."""

from __future__ import annotations

from datetime import datetime

from octavo.store.filters import compile_lookup
from octavo.testing.vector_engine.shelf import Shelf
from octavo.values.filter import parse


class Narrowing:
    """Only some documents are compared."""

    async def test_types_and_namespaces_narrow(self, shelf: Shelf) -> None:
        """S0-121: only that type is returned."""
        article, note = await shelf.add(1), await shelf.add(2, type="note")
        elsewhere = await shelf.add(3, namespace="elsewhere")

        assert await shelf.ids(0, types=["article"]) == [article, elsewhere]
        assert await shelf.ids(0, namespaces=["default"]) == [article, note]
        assert await shelf.ids(0, types=["note", "mail"], namespaces=["default"]) == [note]
        assert await shelf.ids(0, types=["mail"]) == []

    async def test_languages_narrow(self, shelf: Shelf) -> None:
        """S0-122: filter by language, exact."""
        german = await shelf.add(1, language="de")
        await shelf.add(2, language="en")
        await shelf.add(3, language=None)

        assert await shelf.ids(0, languages=["de"]) == [german]

    async def test_any_of_several_authors(self, shelf: Shelf) -> None:
        """S0-123: two authors given: hits of both, of no third."""
        ann, bob = await shelf.add(1, author="user:ann"), await shelf.add(2, author="user:bob")
        await shelf.add(3, author="user:carl")

        assert await shelf.ids(0, authors=["user:ann", "user:bob"]) == [ann, bob]

    async def test_the_bounds_of_creation_are_included_in_any_offset(self, shelf: Shelf) -> None:
        """S0-124, S0-125: hits exactly at the bound are included; another offset selects the same instants."""
        early = await shelf.add(1, created_at=_at("2026-03-01T09:00:00+00:00"))
        noon = await shelf.add(2, created_at=_at("2026-03-01T12:00:00.123456+00:00"))
        late = await shelf.add(3, created_at=_at("2026-03-01T15:00:00+00:00"))

        assert await shelf.ids(0, created_from=_at("2026-03-01T12:00:00.123456+00:00")) == [noon, late]
        assert await shelf.ids(0, created_from=_at("2026-03-01T14:00:00.123456+02:00")) == [noon, late]
        assert await shelf.ids(0, created_to=_at("2026-03-01T10:00:00+01:00")) == [early]
        bounds = {
            "created_from": _at("2026-03-01T10:00:00+00:00"),
            "created_to": _at("2026-03-01T13:00:00+00:00"),
        }
        assert await shelf.ids(0, **bounds) == [noon]

    async def test_all_that_narrows_holds_together(self, shelf: Shelf) -> None:
        """S0-126, S0-128: two filters return the intersection; all together validate."""
        both = await shelf.add(2, type="note", language="de")
        await shelf.add(1, type="note", language="en")
        await shelf.add(0, type="article", language="de")

        assert await shelf.ids(0, types=["note"], languages=["de"]) == [both]

    async def test_a_filter_is_asked_of_the_current_state(self, shelf: Shelf) -> None:
        draft = await shelf.add(1, body={"status": "draft"})
        published = await shelf.add(2, body={"status": "published"})
        filter = parse({"status": "published"})

        def condition(first: int) -> tuple[str, list[object]]:
            return compile_lookup(filter, first=first)

        assert await shelf.ids(0, condition=condition) == [published]
        await shelf.documents.patch(draft, {"status": "published"})
        assert await shelf.ids(0, condition=condition, types=["article"]) == [draft, published]

    async def test_what_narrows_loses_nothing_that_is_far_away(self, shelf: Shelf) -> None:
        for degrees in range(30):
            await shelf.add(degrees)
        far = await shelf.add(179, type="note")

        assert await shelf.ids(0, types=["note"], limit=3) == [far]


def _at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
