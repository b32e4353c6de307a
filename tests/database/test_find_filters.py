"""Filters over stored documents hold what plain Python says, and no stored value can disturb them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from octavo.errors import GuardFailed, InvalidFilter
from octavo.store import organizations
from octavo.store.filters import compile_guard
from octavo.store.scope import Scope
from octavo.values.filter import parse
from octavo.workspace import Documents
from tests.database.conftest import documents_for
from tests.database.filter_model import NASTY, filters, holds, population

POPULATION = population(300)


@pytest.fixture(scope="module")
async def populated(record) -> Documents:
    """300 documents of one organization, and nasty ones of another in the same tables."""
    ours = await organizations.create(record.system, "filters-ours")
    theirs = await organizations.create(record.system, "filters-theirs")
    await documents_for(record, theirs).put_many([{"type": "thing", "body": body} for body in NASTY * 20])
    docs = documents_for(record, ours)
    await docs.put_many(
        [{"type": "thing", "body": body, "name": str(n)} for n, body in enumerate(POPULATION)]
    )
    return docs


async def names(docs: Documents, where: Mapping[str, Any], **options: Any) -> list[str]:
    return [document.name or "" async for document in docs.find(where=where, **options)]


@given(where=filters)
@settings(max_examples=150)
async def test_a_filter_finds_the_documents_that_plain_python_finds(populated: Documents, where):
    """S0-072"""
    expected = [str(n) for n, body in enumerate(POPULATION) if holds(where, body)]

    found = await names(populated, where)

    assert sorted(found) == sorted(expected)
    assert await populated.count(where=where) == len(expected)


@given(where=filters)
@settings(max_examples=75)
async def test_a_guard_holds_for_a_document_exactly_when_the_filter_does(populated: Documents, record, where):
    sample = [document async for document in populated.find(where={"@name": {"$prefix": "7"}})]
    condition, arguments = compile_guard(parse(where), body="body", metadata="'{}'::jsonb", first=2)

    rows = await record.app.fetch(
        f"SELECT {condition} AS holds FROM unnest($1::jsonb[]) WITH ORDINALITY AS t (body, place) ORDER BY place",
        [document.raw_body for document in sample],
        *arguments,
    )

    assert [row["holds"] for row in rows] == [holds(where, document.body) for document in sample]


async def test_a_guarded_patch_looks_at_the_stored_body_as_it_is(docs: Documents):
    long = "x" * 5_000
    doc = await docs.put("thing", {"a": long, "n": 1})

    patched = await docs.patch(doc.id, {"n": 2}, where={"a": {"$prefix": "xxx"}, "n": {"$lt": 2}})

    assert patched.body["n"] == 2
    with pytest.raises(GuardFailed):
        await docs.patch(doc.id, {"n": 3}, where={"a": {"$ne": long}})


@pytest.mark.parametrize("body", NASTY, ids=lambda body: str(body)[:20])
async def test_a_nasty_body_is_found_by_what_it_equals(docs: Documents, body):
    put = await docs.put("thing", body)

    for name, value in body.items():
        if isinstance(value, list) and len(value) > 700:
            with pytest.raises(InvalidFilter, match="800 elements"):
                docs.find(where={name: {"$eq": value}})
        else:
            assert [found.id async for found in docs.find(where={name: {"$eq": value}})] == [put.id]
            assert [found.id async for found in docs.find(where={name: {"$ne": value}})] == []


async def test_a_long_string_is_equal_and_contained_and_in_no_range(docs: Documents):
    long = "müsli " * 1_000
    await docs.put("thing", {"text": long, "list": [long, "short"]}, name="it")

    assert await names(docs, {"text": long}) == ["it"]
    assert await names(docs, {"list": long}) == ["it"]
    assert await names(docs, {"list": {"$in": ["other", long]}}) == ["it"]
    assert await names(docs, {"list": [long, "short"]}) == ["it"]
    assert await names(docs, {"list": {"$contains": [long]}}) == ["it"]
    assert await names(docs, {"text": {"$exists": True}}) == ["it"]
    assert await names(docs, {"text": long[:-1]}) == []
    assert await names(docs, {"text": {"$prefix": "m"}}) == []
    assert await names(docs, {"text": {"$gt": "a"}}) == []
    assert await names(docs, {"text": {"$regex": "m"}}) == []


async def test_of_a_list_that_is_too_long_only_its_being_there_is_known(docs: Documents):
    await docs.put("thing", {"vector": [n / 7 for n in range(768)], "kind": "vector"}, name="it")

    assert await names(docs, {"vector": {"$exists": True}, "kind": "vector"}) == ["it"]
    assert await names(docs, {"vector": 0}) == []


async def test_a_huge_body_is_found_by_the_scalars_at_its_top(docs: Documents):
    body = {"kind": "huge", "parts": {f"part-{n}": {"n": n, "text": f"part {n}"} for n in range(30_000)}}
    await docs.put("thing", body, name="it")

    assert await names(docs, {"kind": "huge", "parts": {"$exists": True}}) == ["it"]
    assert await names(docs, {"parts.part-7.n": 7}) == []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"@type": "note"}, ["b"]),
        ({"@type": {"$in": ["note", "letter"]}}, ["b", "c"]),
        ({"@type": {"$ne": "note"}}, ["", "a", "c", "ä"]),
        ({"@name": "a"}, ["a"]),
        ({"@name": {"$prefix": "ä"}}, ["ä"]),
        ({"@name": {"$regex": "^[AB]$", "$options": "i"}}, ["a", "b"]),
        ({"@name": {"$gte": "b", "$lt": "c"}}, ["b"]),
        ({"@name": {"$lt": "b"}}, ["a"]),
        ({"@name": {"$prefix": ""}}, ["a", "b", "c", "ä"]),
        ({"@name": {"$regex": ""}}, ["a", "b", "c", "ä"]),
        ({"@name": {"$ne": "a"}}, ["", "b", "c", "ä"]),
        ({"@name": None}, [""]),
        ({"@name": {"$exists": True}}, ["a", "b", "c", "ä"]),
        ({"@created_by": "ann"}, ["", "a", "b", "c", "ä"]),
        ({"@updated_by": "bob"}, []),
        ({"@version": 2}, ["c"]),
        ({"@version": {"$lt": 2}}, ["", "a", "b", "ä"]),
        ({"@created_at": {"$lt": "2001-01-01T00:00:00Z"}}, []),
        ({"@updated_at": {"$gt": "2001-01-01T00:00:00Z"}, "@type": "note"}, ["b"]),
        ({"@metadata.level": {"$gte": 5}}, ["a", "ä"]),
        ({"@metadata.level": 7}, ["ä"]),
        ({"@metadata": {"$contains": {"level": 5}}}, ["a"]),
        ({"$or": [{"@type": "note"}, {"n": 1}]}, ["a", "b"]),
        ({"$nor": [{"@type": "note"}, {"n": 1}]}, ["", "c", "ä"]),
        ({"\\@type": "Person"}, ["ä"]),
        ({"a\\.b": 1}, ["ä"]),
    ],
)
async def test_attributes_metadata_and_odd_keys_can_be_asked(docs: Documents, where, expected):
    """S0-066, S0-067, S0-072, S3-007"""
    await docs.put("thing", {"n": 1}, name="a", metadata={"level": 5})
    await docs.put("note", {"n": 2}, name="b", metadata={"level": 3})
    await docs.put("letter", {"n": 3}, name="c")
    await docs.put("letter", {"n": 4}, name="c")
    await docs.put("thing", {"@type": "Person", "a.b": 1}, name="ä", metadata={"level": 7})
    await docs.put("plain", {"n": 5})

    assert sorted(await names(docs, where)) == expected


async def test_an_id_finds_its_document(docs: Documents):
    first, second = await docs.put("thing", {"n": 1}), await docs.put("thing", {"n": 2})
    await docs.put("thing", {"n": 3})

    page = await docs.find(where={"@id": {"$in": [first.id, str(second.id)]}}, order="@created_at").page()

    assert [document.id for document in page.documents] == [first.id, second.id]


async def test_a_filter_on_the_namespace_looks_beyond_the_own_one(scope: Scope):
    for namespace in ("one", "two", "three"):
        await _documents(scope, namespace).put("thing", {"n": 1}, name=namespace)
    docs = _documents(scope, "one")

    assert await names(docs, {}) == ["one"]
    assert await names(docs, {"@namespace": "two"}) == ["two"]
    assert sorted(await names(docs, {"@namespace": {"$in": ["one", "three"]}})) == ["one", "three"]
    assert await docs.count(where={"@namespace": {"$ne": "two"}}) == 2


async def test_a_pattern_that_is_no_regular_expression_is_refused_with_the_way_out(docs: Documents):
    await docs.put("thing", {"a": "x"})

    with pytest.raises(InvalidFilter, match="no regular expression"):
        await docs.find(where={"a": {"$regex": "(?<!["}}).page()
    with pytest.raises(InvalidFilter, match="no regular expression"):
        await docs.count(where={"@name": {"$regex": "("}})


async def test_a_deleted_document_is_not_found(docs: Documents):
    """S0-073"""
    doc = await docs.put("thing", {"a": 1}, name="it")
    await docs.delete(doc.id)

    assert await names(docs, {"a": 1}) == []
    assert await docs.count() == 0

    await docs.restore(doc.id)
    assert await names(docs, {"a": 1}) == ["it"]


async def test_only_the_current_version_is_found(docs: Documents):
    await docs.put("thing", {"a": 1}, name="it")
    await docs.put("thing", {"a": 2}, name="it")

    assert await names(docs, {"a": 1}) == []
    assert await names(docs, {"a": 2}) == ["it"]


async def test_another_organizations_documents_are_never_found_or_counted(docs, record, other_organization):
    await documents_for(record, other_organization).put("thing", {"a": 1}, name="theirs")
    await docs.put("thing", {"a": 1}, name="ours")

    assert await names(docs, {"a": 1}) == ["ours"]
    assert await docs.count(where={"a": {"$gte": 1}}) == 1


def _documents(scope: Scope, namespace: str) -> Documents:
    other = msgspec.structs.replace(scope, namespace=namespace)

    async def bind() -> Scope:
        return other

    return Documents(bind, None)
