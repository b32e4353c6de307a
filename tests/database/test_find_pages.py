"""Pages of found documents: complete, in order, stable, and bounded."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from octavo.errors import InvalidFilter, InvalidInput, LimitExceeded
from octavo.store.scope import Limits, Scope
from octavo.values.actor import Actor, Origin
from octavo.values.page import Page
from octavo.workspace import Documents
from octavo.workspace.transactions import unit_of_work
from tests.database.conftest import documents_for


async def put_numbers(docs: Documents, count: int, type: str = "number") -> None:
    """Documents 0 … count - 1, made in one statement."""
    drafts = [{"type": type, "name": f"{n:04}", "body": {"n": n, "third": n % 3}} for n in range(count)]
    await docs.put_many(drafts)


async def numbers(docs: Documents, **options: Any) -> list[int]:
    return [d.body["n"] async for page in docs.find(**options).pages() for d in page.documents]


@pytest.mark.parametrize(
    "order", ["@created_at", "@updated_at", "@name", "@id", "@version", "n", "@metadata.nothing"]
)
@pytest.mark.parametrize("where", [{}, {"third": 1}, {"third": {"$ne": 1}}, {"n": {"$in": [3, 77, 500]}}])
async def test_every_order_gives_every_document_once_and_backwards_the_same(docs: Documents, order, where):
    """S3-057"""
    await put_numbers(docs, 150)

    forwards = [
        d.id async for page in docs.find(where=where, order=order, limit=7).pages() for d in page.documents
    ]
    backwards = [
        d.id
        async for page in docs.find(where=where, order=f"-{order}", limit=11).pages()
        for d in page.documents
    ]

    assert len(forwards) == await docs.count(where=where)
    assert len(set(forwards)) == len(forwards)
    assert forwards == backwards[::-1]


async def test_a_thousand_documents_of_one_transaction_page_through_with_none_missed_or_repeated(
    docs: Documents, record, scope
):
    """S3-057"""

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await put_numbers(tx.documents, 1_000)

    assert sorted(await numbers(docs, limit=100)) == list(range(1_000))


async def test_documents_with_equal_sort_values_are_not_lost_between_pages(
    docs: Documents, record, organization
):
    await put_numbers(docs, 90)
    await record.system.execute(
        "UPDATE octavo.document_filter SET created_at = '2026-01-01', updated_at = '2026-01-01' "
        "WHERE organization_id = $1",
        organization.id,
    )

    for order in ("-@created_at", "@created_at", "-@updated_at"):
        assert sorted(await numbers(docs, order=order, limit=13)) == list(range(90))


async def test_pages_are_stable_while_documents_come_change_and_go(docs: Documents):
    """S3-057, S2-018"""
    await put_numbers(docs, 60)
    seen: list[int] = []

    async for page in docs.find(limit=10, order="-@created_at").pages():
        seen += [document.body["n"] for document in page.documents]
        await docs.put("number", {"n": 1_000 + len(seen)})
        await docs.patch(page.documents[-1].id, {"touched": True})
        await docs.delete(page.documents[0].id)

    assert seen == list(range(59, -1, -1))


async def test_writers_at_work_do_not_disturb_a_reader(docs: Documents):
    await put_numbers(docs, 200)
    done = asyncio.Event()

    async def write() -> None:
        serial = 0
        while not done.is_set():
            serial += 1
            await docs.put("noise", {"n": -serial})

    writer = asyncio.create_task(write())
    found = [n for n in await numbers(docs, order="@created_at", limit=9) if n >= 0]
    done.set()
    await writer

    assert found == list(range(200))


async def test_a_page_is_one_statement_with_or_without_bodies(docs: Documents, statements):
    """S3-051"""
    await put_numbers(docs, 120)
    statements.clear()

    page = await docs.find(limit=100).page()
    listed = await docs.find(limit=100, include_body=False).page()

    assert len(statements) == 2
    assert [document.body["n"] for document in page.documents] == list(range(119, 19, -1))
    assert [document.id for document in listed.documents] == [document.id for document in page.documents]


async def test_a_document_listed_without_its_body_says_so(docs: Documents):
    await put_numbers(docs, 1)

    (document,) = (await docs.find(include_body=False).page()).documents

    with pytest.raises(InvalidInput, match="was not read"):
        _ = document.body
    assert document.as_dict()["body"] is None


async def test_a_found_document_is_the_one_that_get_returns(docs: Documents):
    put = await docs.put("article", {"title": "Refunds"}, name="refunds", metadata={"source": "wiki"})

    (found,) = (await docs.find("article").page()).documents

    assert found == await docs.get(put.id)


async def test_a_page_ends_early_when_its_bodies_grow_too_big_and_the_rest_follows(record, organization):
    """S3-051"""
    docs = documents_for(record, organization, limits=Limits(page_bytes=1_000_000))
    # Packed, these are a few kilobytes each: what counts is what a reader would receive.
    await docs.put_many([{"type": "big", "body": {"n": n, "text": f"{n:06}" * 50_000}} for n in range(10)])

    pages = [page async for page in docs.find(order="n", limit=100).pages()]

    assert [len(page.documents) for page in pages] == [4, 4, 2]
    assert [document.body["n"] for page in pages for document in page.documents] == list(range(10))


async def test_one_body_over_the_limit_of_a_page_is_a_page(record, organization):
    docs = documents_for(record, organization, limits=Limits(page_bytes=1_000))
    await docs.put_many([{"type": "big", "body": {"n": n, "text": "x" * 5_000}} for n in range(3)])

    assert await numbers(docs, order="n") == [0, 1, 2]


async def test_a_last_page_has_no_cursor(docs: Documents):
    await put_numbers(docs, 20)

    first = await docs.find(limit=10).page()
    second = await docs.find(limit=10, cursor=first.cursor).page()

    assert first.cursor is not None
    assert second.cursor is None
    assert await docs.find(where={"n": 999}).page() == Page([], None)


async def test_a_cursor_belongs_to_its_question(docs: Documents):
    await put_numbers(docs, 30)
    cursor = (await docs.find("number", limit=10).page()).cursor

    for other in ({"order": "@name"}, {"where": {"third": 1}}, {"type": "letter"}):
        with pytest.raises(InvalidFilter, match="another filter or order"):
            await docs.find(**{"type": "number", **other}, cursor=cursor).page()
    with pytest.raises(InvalidFilter, match="is not a cursor"):
        await docs.find(cursor="c1-nonsense").page()
    same = await docs.find("number", cursor=cursor, limit=20, include_body=False).page()
    assert len(same.documents) == 20


@pytest.mark.parametrize("order", ["@created_at", "@id", "@version", "n"])
@pytest.mark.parametrize("forgery", ["' OR true --", "\x00", "[" * 200])
async def test_a_forged_sort_value_in_a_cursor_is_refused(docs: Documents, order, forgery):
    await put_numbers(docs, 30)
    page = await docs.find(order=order, limit=10).page()
    question = msgspec.json.decode(_unpacked(page.cursor or ""))[0]
    forged = _packed([question, forgery, str(page.documents[0].id)])

    with pytest.raises(InvalidFilter, match="is not a cursor"):
        await docs.find(order=order, cursor=forged).page()


@pytest.mark.parametrize(
    ("order", "forgery"), [("@created_at", "2026-01-01"), ("@version", "9" * 30), ("@name", "x")]
)
async def test_a_forged_sort_value_of_the_right_kind_is_only_another_place_to_begin(
    docs: Documents, order, forgery
):
    await put_numbers(docs, 30)
    page = await docs.find(order=order, limit=10).page()
    question = msgspec.json.decode(_unpacked(page.cursor or ""))[0]

    forged = _packed([question, forgery, str(page.documents[0].id)])

    assert (await docs.find(order=order, cursor=forged).page()).cursor is None


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_of_nothing_is_refused(docs: Documents, limit):
    with pytest.raises(InvalidInput, match=f"limit is {limit}"):
        await docs.find(limit=limit).page()


async def test_a_page_over_the_limit_is_refused(docs: Documents):
    with pytest.raises(LimitExceeded, match="the limit is 1000"):
        await docs.find(limit=1_001).page()


async def test_an_order_by_a_field_sorts_values_of_every_kind(docs: Documents):
    values: Sequence[Any] = [None, "", "a", "b", -1, 2, 10, False, True]
    for value in (
        values[5],
        values[2],
        values[8],
        values[0],
        values[6],
        values[4],
        values[1],
        values[7],
        values[3],
    ):
        await docs.put("mixed", {"v": value})

    found = [d.body["v"] async for page in docs.find(order="v", limit=2).pages() for d in page.documents]

    assert found == values


async def test_a_limit_ends_what_is_iterated_over(docs: Documents, statements):
    await put_numbers(docs, 150)
    statements.clear()

    found = [document.body["n"] async for document in docs.find(order="n", limit=3)]
    ids = [id async for id in docs.find(order="n", limit=3).ids()]

    assert (found, len(ids)) == ([0, 1, 2], 3)
    assert len(statements) == 2


async def test_without_a_limit_all_documents_come(docs: Documents):
    await put_numbers(docs, 250)

    assert len([document async for document in docs.find(order="n")]) == 250


# ------------------------------------------------------------------------------------------ limits


@pytest.fixture
def frugal(record, organization) -> Documents:
    """Documents of which a hundred may be looked at."""
    return documents_for(record, organization, limits=Limits(scanned=100))


async def test_a_range_without_an_index_is_refused_and_not_cut(frugal: Documents):
    await put_numbers(frugal, 150)

    with pytest.raises(LimitExceeded) as refused:
        await frugal.find("number", where={"n": {"$lt": 10}}).page()

    assert "by n would have to look at more than 100 documents" in refused.value.message
    assert "declare an index on the field 'n'" in refused.value.remedy
    assert refused.value.fields == {"limit": 100, "names": ["n"]}


async def test_a_range_that_fills_the_page_in_time_is_answered(frugal: Documents):
    await put_numbers(frugal, 300)

    page = await frugal.find(where={"n": {"$gte": 100}}, limit=50).page()

    assert [document.body["n"] for document in page.documents] == list(range(299, 249, -1))


async def test_each_page_may_look_at_as_many_documents(frugal: Documents):
    await put_numbers(frugal, 300)

    assert await numbers(frugal, where={"third": {"$ne": 1}}, limit=50, order="@name") == [
        n for n in range(300) if n % 3 != 1
    ]


async def test_a_range_over_what_an_index_narrowed_down_is_answered(frugal: Documents):
    await put_numbers(frugal, 150, "number")
    await put_numbers(frugal, 80, "few")

    assert await numbers(frugal, type="few", where={"n": {"$lt": 10}}) == list(range(9, -1, -1))
    assert await numbers(frugal, where={"third": 1, "n": {"$lt": 10}}, order="@name", type="number") == [
        1,
        4,
        7,
    ]
    assert await numbers(frugal, where={"@name": {"$prefix": "014"}, "n": {"$gt": 147}}) == [149, 148]


async def test_what_an_index_narrowed_down_is_answered_also_when_its_first_ones_lie_together(
    frugal: Documents,
):
    await put_numbers(frugal, 290)
    where = {"third": 1, "n": {"$lt": 30}}

    assert await numbers(frugal, where=where, order="@name") == list(range(1, 30, 3))


async def test_equality_is_never_refused(frugal: Documents):
    await put_numbers(frugal, 450)

    assert await numbers(frugal, where={"third": 1}, order="@created_at") == list(range(1, 450, 3))
    assert await frugal.count(where={"third": 1}) == 150


async def test_sorting_more_than_the_limit_is_refused(frugal: Documents):
    await put_numbers(frugal, 150)

    with pytest.raises(LimitExceeded) as refused:
        await frugal.find(order="-n").page()
    assert "ordering documents by n" in refused.value.message
    assert "declare an index on the field 'n'" in refused.value.remedy
    with pytest.raises(LimitExceeded, match="by @version"):
        await frugal.find(order="@version").page()
    assert (await numbers(frugal, order="-n", where={"third": 1}))[:3] == [148, 145, 142]


async def test_counting_is_exact_or_refused(frugal: Documents):
    await put_numbers(frugal, 150)

    assert await frugal.count("number") == 150
    assert await frugal.count("number", cap=20) == 20
    assert await frugal.count("number", where={"third": 0, "n": {"$gte": 75}}) == 25
    with pytest.raises(LimitExceeded, match="counting documents by n"):
        await frugal.count("number", where={"n": {"$gte": 75}})


# ---------------------------------------------------------------------------------------- sessions


async def test_a_session_gives_the_documents_it_touched_in_the_order_it_did(record, organization):
    """S3-050"""
    before, in_session = (
        documents_for(record, organization),
        documents_for(record, organization, **_origin("s-1")),
    )
    old = await before.put("article", {"n": 0}, name="old")
    await before.put("article", {"n": 1}, name="untouched")
    first = await in_session.put("note", {"n": 2})
    await in_session.patch(old.id, {"n": 3})
    await in_session.patch(first.id, {"n": 4})
    gone = await in_session.put("note", {"n": 5})
    await in_session.delete(gone.id)
    await before.patch(first.id, {"n": 6})

    page = await before.by_session("s-1", include_body=True)

    assert [(document.id, document.body["n"]) for document in page.documents] == [(first.id, 6), (old.id, 3)]
    assert page.cursor is None


async def test_a_sessions_documents_come_in_pages_and_by_type(record, organization, statements):
    """S3-050, S3-051"""
    docs = documents_for(record, organization, **_origin("s-1"))
    await docs.put_many([{"type": ("a", "b", "c")[n % 3], "body": {"n": n}} for n in range(250)])
    for document in (await docs.find("a", limit=50).page()).documents:
        await docs.patch(document.id, {"touched": True})
    statements.clear()

    pages = [await docs.by_session("s-1", types=["a", "b"], include_body=True)]
    while pages[-1].cursor:
        pages.append(
            await docs.by_session("s-1", types=["a", "b"], include_body=True, cursor=pages[-1].cursor)
        )

    assert len(statements) == len(pages) == 2
    found = [document for page in pages for document in page.documents]
    assert sorted(document.body["n"] for document in found) == [n for n in range(250) if n % 3 != 2]
    assert (await docs.by_session("s-1", types=[])).documents == []


async def test_a_guessed_session_shows_nothing_of_another_organization(
    record, organization, other_organization
):
    """S3-050"""
    await documents_for(record, other_organization, **_origin("s-1")).put("note", {"n": 1})

    page = await documents_for(record, organization).by_session("s-1")

    assert page == Page([], None)


async def test_a_sessions_cursor_belongs_to_the_session(record, organization):
    docs = documents_for(record, organization, **_origin("s-1"))
    await put_numbers(docs, 20)
    cursor = (await docs.by_session("s-1", limit=10)).cursor

    with pytest.raises(InvalidFilter, match="another filter or order"):
        await docs.by_session("s-2", cursor=cursor)


def _origin(session: str) -> dict[str, Any]:
    return {"origin": Origin(Actor("ann"), session=session)}


def _unpacked(cursor: str) -> bytes:
    packed = cursor.removeprefix("c1-")
    return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))


def _packed(parts: list[str]) -> str:
    return "c1-" + base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()
