"""Parts of what is found: some fields of the bodies, the first document, the ids."""

from __future__ import annotations

from typing import Any

import pytest

from octavo.errors import InvalidFilter, InvalidInput
from octavo.workspace import Documents

BODY: dict[str, Any] = {
    "title": "Emma",
    "author": {"name": "Jane Austen", "born": 1775},
    "editions": [{"year": 1816, "pages": 1036}, "lost", {"year": 2003, "pages": 474}, [{"year": 1}]],
    "a.b": {"c": 1, "d": None},
    "text": "x" * 100_000,
}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (["title"], {"title": "Emma"}),
        (["author.name", "title"], {"title": "Emma", "author": {"name": "Jane Austen"}}),
        (["author.name", "author"], {"author": BODY["author"]}),
        (["author.name", "author.born"], {"author": BODY["author"]}),
        (["editions.year"], {"editions": [{"year": 1816}, {"year": 2003}, [{"year": 1}]]}),
        (["editions"], {"editions": BODY["editions"]}),
        (["title.first"], {}),
        (["author.died"], {"author": {}}),
        (["nothing", "nothing.at.all"], {}),
        (["a\\.b.d"], {"a.b": {"d": None}}),
    ],
)
async def test_a_body_has_the_asked_fields_and_no_others(docs: Documents, fields, body):
    """S2-017"""
    await docs.put("book", BODY)

    (found,) = [doc async for doc in docs.find("book", fields=fields)]

    assert found.body == body


async def test_only_the_asked_fields_are_sent(docs: Documents):
    await docs.put("book", BODY)

    page = await docs.find("book", fields=["title"]).page()

    assert page.documents[0].raw_body == b'{"title": "Emma"}'


async def test_fields_change_neither_what_is_found_nor_its_pages(docs: Documents):
    await docs.put_many([{"type": "book", "body": {"n": n, "odd": n % 2}} for n in range(30)])

    whole = await docs.find("book", where={"odd": 1}, order="n", limit=4).page()
    rest = docs.find("book", where={"odd": 1}, order="n", cursor=whole.cursor, fields=["odd"])

    assert [doc.body["n"] for doc in whole.documents] == [1, 3, 5, 7]
    assert [doc.body async for doc in rest] == [{"odd": 1}] * 11


@pytest.mark.parametrize(
    "fields", [[], "title", ["@type"], ["@metadata.source"], [5], [f"f{n}" for n in range(101)]]
)
async def test_what_are_no_fields_of_a_body_is_refused(docs: Documents, fields):
    with pytest.raises(InvalidFilter):
        docs.find("book", fields=fields)


async def test_fields_of_a_body_that_is_not_read_are_refused(docs: Documents):
    with pytest.raises(InvalidInput, match="not read"):
        docs.find("book", fields=["title"], include_body=False)


async def test_the_first_document_is_one_of_a_page_of_one(docs: Documents, statements):
    await docs.put_many([{"type": "book", "body": {"n": n}} for n in range(5)])
    statements.clear()

    newest = await docs.find("book", order="-n").first()
    none = await docs.find("letter").first()

    assert newest is not None
    assert (newest.body["n"], none, len(statements)) == (4, None, 2)


async def test_ids_come_page_by_page_without_bodies(docs: Documents, statements):
    put = await docs.put_many([{"type": "book", "body": {"n": n}} for n in range(250)])
    statements.clear()

    found = [id async for id in docs.find("book", order="n").ids()]

    assert found == [doc.id for doc in put]
    assert len(statements) == 3
