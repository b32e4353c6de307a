"""Labels: what a user does with categories on documents, one promise a test."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from octavo.errors import AlreadyExists, InvalidFilter, InvalidInput, LimitExceeded, NotFound
from octavo.store import labels
from octavo.store.scope import Scope
from octavo.workspace import Documents, Labels
from tests.database.conftest import documents_for, scope_for


def labels_for(scope: Scope) -> Labels:
    async def bind() -> Scope:
        return scope

    return Labels(bind)


@pytest.fixture
def known(scope: Scope) -> Labels:
    return labels_for(scope)


async def events(record: Any, id: uuid.UUID) -> list[tuple[str, dict[str, Any]]]:
    rows = await record.system.fetch(
        "SELECT type, data FROM octavo.event WHERE document_id = $1 AND type LIKE 'label.%' ORDER BY sequence",
        id,
    )
    return [(row["type"], row["data"]) for row in rows]


async def names(docs: Documents, where: dict[str, Any], **options: Any) -> list[str | None]:
    return sorted([doc.name async for doc in docs.find(where=where, **options)], key=str)


async def test_a_label_tells_its_colour_and_description_and_keeps_what_is_not_given(known: Labels):
    """S0-086"""
    await known.define("Legal", colour="#AA3300", description="Contracts and claims")

    again = await known.define("legal", description="Contracts")

    assert (again.name, again.colour, again.description) == ("Legal", "#aa3300", "Contracts")
    assert [label.name for label in await known.list()] == ["Legal"]


async def test_two_organizations_own_labels_of_one_name_and_see_their_own_only(
    record, organization, other_organization
):
    """S0-086"""
    ours = labels_for(scope_for(record, organization))
    theirs = labels_for(scope_for(record, other_organization))
    await ours.define("urgent", colour="#ff0000")
    await theirs.define("urgent", colour="#00ff00")
    await theirs.define("secret")

    assert [(label.name, label.colour) for label in await ours.list()] == [("urgent", "#ff0000")]


@pytest.mark.parametrize("colour", ["#12345G", "red", "#fff", "", "#aa3300\n", 7])
async def test_what_is_no_colour_is_refused(known: Labels, colour):
    """S0-086"""
    with pytest.raises(InvalidInput, match="is not a colour"):
        await known.define("legal", colour=colour)


@pytest.mark.parametrize("name", ["", " legal", "legal ", "a\nb", "a\x00b", "x" * 101, 7])
async def test_what_is_no_name_is_refused(docs: Documents, name):
    doc = await docs.put("note", {})

    with pytest.raises(InvalidInput, match="is not the name of a label"):
        await docs.label(doc.id, name)


async def test_the_database_itself_refuses_a_wrong_colour_and_a_confidence_above_one(record, docs, scope):
    """S0-086, S0-090"""
    doc = await docs.put("note", {})
    await docs.label(doc.id, "legal")

    for change in ("octavo.label SET colour = '#12345G'", "octavo.document_label SET confidence = 1.5"):
        with pytest.raises(InvalidInput):
            await record.app.execute(
                f"UPDATE {change} WHERE organization_id = $1::octavo.organization", scope.organization
            )


async def test_a_label_that_is_not_defined_is_made_when_it_is_assigned(docs: Documents, known: Labels):
    doc = await docs.put("note", {})

    assigned = await docs.label(doc.id, "legal", confidence=0.93)

    assert (assigned.name, assigned.colour, assigned.confidence, assigned.changed) == (
        "legal",
        None,
        0.93,
        True,
    )
    assert [label.name for label in await known.list()] == ["legal"]


async def test_assigning_twice_is_idempotent_and_who_and_when_are_kept(docs: Documents, record):
    """S0-088"""
    doc = await docs.put("note", {})
    first = await docs.label(doc.id, "legal")

    second = await docs.label(doc.id, "LEGAL")

    assert (second.changed, second.position) == (False, first.position)
    [kept] = await docs.labels(doc.id)
    assert (kept.assigned_at, kept.assigned_by.id) == (first.assigned_at, "ann")
    assert len(await events(record, doc.id)) == 1


async def test_another_confidence_replaces_the_first_and_a_persons_label_has_none(docs: Documents):
    """S0-090"""
    doc = await docs.put("note", {})
    await docs.label(doc.id, "legal", confidence=0.4)

    sure = await docs.label(doc.id, "legal")

    assert (sure.changed, sure.confidence) == (True, None)
    assert [label.confidence for label in await docs.labels(doc.id)] == [None]


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), "0.5", True])
async def test_a_confidence_is_between_nought_and_one(docs: Documents, confidence):
    """S0-090"""
    doc = await docs.put("note", {})

    with pytest.raises(InvalidInput, match="not between 0 and 1"):
        await docs.label(doc.id, "legal", confidence=confidence)


async def test_labels_make_no_version_and_their_events_are_the_documents(docs: Documents, record):
    """S0-176"""
    doc = await docs.put("note", {})
    assigned = await docs.label(doc.id, "legal", confidence=0.5)
    removed = await docs.unlabel(doc.id, "Legal")

    now = await docs.get(doc.id)
    assert now.version == 1
    assert doc.position < assigned.position < removed == now.position
    assert await events(record, doc.id) == [
        ("label.assigned", b'{"label": "legal", "confidence": 0.5}'),
        ("label.removed", b'{"label": "legal"}'),
    ]


@pytest.mark.parametrize("call", ["label", "label again", "unlabel", "labels", "define", "list", "find"])
async def test_a_call_is_one_statement(docs: Documents, known: Labels, statements, call):
    doc = await docs.put("note", {})
    await docs.label(doc.id, "legal")
    statements.clear()

    match call:
        case "label":
            await docs.label(doc.id, "tax")
        case "label again":
            await docs.label(doc.id, "legal")
        case "unlabel":
            await docs.unlabel(doc.id, "legal")
        case "labels":
            await docs.labels(doc.id)
        case "define":
            await known.define("other")
        case "list":
            await known.list()
        case "find":
            await docs.find(where={"@labels": "legal"}).page()

    assert len(statements) == 1


async def test_what_is_not_there_is_not_found(docs: Documents, known: Labels):
    doc = await docs.put("note", {})
    nobody = uuid.uuid4()

    with pytest.raises(NotFound, match="to label"):
        await docs.label(nobody, "legal")
    with pytest.raises(NotFound, match="has no label 'legal'"):
        await docs.unlabel(doc.id, "legal")
    with pytest.raises(NotFound, match="no label 'legal'"):
        await known.rename("legal", "law")
    with pytest.raises(NotFound, match="no label 'legal'"):
        await known.delete("legal")
    assert await known.list() == []


async def test_another_organizations_document_cannot_be_labelled(docs: Documents, record, other_organization):
    doc = await docs.put("note", {})
    theirs = documents_for(record, other_organization)

    with pytest.raises(NotFound):
        await theirs.label(doc.id, "legal")

    assert await docs.labels(doc.id) == []
    assert await theirs.labels(doc.id) == []


async def test_a_renamed_label_stays_on_its_documents(docs: Documents, known: Labels):
    doc = await docs.put("note", {}, name="a")
    await docs.label(doc.id, "legal")
    await known.define("tax")

    await known.rename("LEGAL", "Law")

    assert [label.name for label in await docs.labels(doc.id)] == ["Law"]
    assert await names(docs, {"@labels": "law"}) == ["a"]
    assert await names(docs, {"@labels": "legal"}) == []
    with pytest.raises(AlreadyExists, match="another label 'TAX'"):
        await known.rename("law", "TAX")


async def test_a_name_may_change_its_case(known: Labels):
    await known.define("legal")

    assert (await known.rename("legal", "Legal")).name == "Legal"


async def test_deleting_a_label_takes_it_from_its_documents_with_an_event_each(
    docs: Documents, known: Labels, record, monkeypatch
):
    """S0-088"""
    monkeypatch.setattr(labels, "_CHUNK", 2)
    put = [await docs.put("note", {"n": n}) for n in range(5)]
    for doc in put:
        await docs.label(doc.id, "legal")
    await docs.delete(put[0].id)

    assert await known.delete("legal", dry_run=True) == 5
    assert len(await docs.labels(put[1].id)) == 1
    assert await known.delete("Legal") == 5

    assert await known.list() == []
    assert [await docs.labels(doc.id) for doc in put] == [[]] * 5
    assert [[type for type, _ in await events(record, doc.id)] for doc in put] == [
        ["label.assigned", "label.removed"]
    ] * 5


async def test_labels_are_listed_by_name_and_the_listing_goes_on_behind_one(known: Labels):
    for name in ("b", "C", "a", "Ä"):
        await known.define(name)

    assert [label.name for label in await known.list()] == ["a", "b", "C", "Ä"]
    assert [label.name for label in await known.list(after="B", limit=1)] == ["C"]


async def test_composed_and_decomposed_letters_are_one_label(docs: Documents, known: Labels):
    doc = await docs.put("note", {}, name="a")
    await docs.label(doc.id, "Cafe\u0301")

    assert [label.name for label in await known.list()] == ["Caf\u00e9"]
    assert await names(docs, {"@labels": "CAFE\u0301"}) == ["a"]


async def test_a_deleted_document_shows_no_labels_and_has_them_again_when_restored(docs: Documents):
    doc = await docs.put("note", {}, name="a")
    await docs.label(doc.id, "legal")

    await docs.delete(doc.id)
    assert await docs.labels(doc.id) == []
    assert await names(docs, {"@labels": "legal"}) == []
    with pytest.raises(NotFound):
        await docs.label(doc.id, "tax")
    with pytest.raises(NotFound):
        await docs.unlabel(doc.id, "legal")

    await docs.restore(doc.id)
    assert [label.name for label in await docs.labels(doc.id)] == ["legal"]
    assert await names(docs, {"@labels": "legal"}) == ["a"]


async def test_purge_leaves_no_label_on_the_document(docs: Documents, record, scope):
    doc = await docs.put("note", {})
    await docs.label(doc.id, "legal")

    await docs.purge(doc.id)

    rows = await record.app.fetch(
        "SELECT FROM octavo.document_label WHERE organization_id = $1::octavo.organization",
        scope.organization,
    )
    assert rows == []


async def test_a_purge_takes_the_label_that_another_writer_assigns_while_it_waits(
    docs: Documents, record, scope, organization
):
    doc = await docs.put("note", {})
    async with record.app.transaction() as transaction:
        inside = documents_for(record, organization, runner=transaction)
        await inside.label(doc.id, "legal")
        purge = asyncio.create_task(docs.purge(doc.id))
        await _somebody_waits(record)
    await purge

    rows = await record.app.fetch(
        "SELECT FROM octavo.document_label WHERE organization_id = $1::octavo.organization",
        scope.organization,
    )
    assert rows == []


async def test_writers_that_make_one_label_at_the_same_time_make_one(docs: Documents, known: Labels):
    put = [await docs.put("note", {"n": n}) for n in range(12)]

    await asyncio.gather(*(docs.label(doc.id, name) for doc in put for name in ("legal", "Legal")))

    assert len(await known.list()) == 1
    assert [len(await docs.labels(doc.id)) for doc in put] == [1] * 12


async def test_a_document_has_a_thousand_labels_at_most(docs: Documents, record, scope, monkeypatch):
    monkeypatch.setattr(labels, "MAX_LABELS", 3)
    doc = await docs.put("note", {})
    for name in "abc":
        await docs.label(doc.id, name)

    await docs.label(doc.id, "a", confidence=0.5)
    with pytest.raises(LimitExceeded, match="has 3 labels"):
        await docs.label(doc.id, "d")

    assert [label.name for label in await docs.labels(doc.id)] == ["a", "b", "c"]


async def test_concurrent_writers_do_not_pass_the_limit(docs: Documents, monkeypatch):
    monkeypatch.setattr(labels, "MAX_LABELS", 3)
    doc = await docs.put("note", {})

    await asyncio.gather(*(docs.label(doc.id, name) for name in "abcdefgh"), return_exceptions=True)

    assert len(await docs.labels(doc.id)) == 3


@pytest.fixture
async def library(docs: Documents) -> Documents:
    """a: legal 0.9 and tax; b: legal 0.4; c: tax 0.8; d: none; legal e is deleted."""
    put = {name: await docs.put("note", {"even": name in "bd"}, name=name) for name in "abcde"}
    await docs.label(put["a"].id, "legal", confidence=0.9)
    await docs.label(put["a"].id, "tax")
    await docs.label(put["b"].id, "legal", confidence=0.4)
    await docs.label(put["c"].id, "tax", confidence=0.8)
    await docs.label(put["e"].id, "legal")
    await docs.delete(put["e"].id)
    return docs


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"@labels": "legal"}, "ab"),
        ({"@labels": "LEGAL"}, "ab"),
        ({"@labels": {"$eq": "tax"}}, "ac"),
        ({"@labels": {"$in": ["legal", "tax"]}}, "abc"),
        ({"@labels": {"$in": []}}, ""),
        ({"@labels": {"$all": ["legal", "tax"]}}, "a"),
        ({"@labels": {"$eq": "legal", "$min_confidence": 0.5}}, "a"),
        ({"@labels": {"$eq": "tax", "$min_confidence": 1}}, "a"),
        ({"@labels": {"$in": ["legal", "tax"], "$min_confidence": 0.8}}, "ac"),
        ({"@labels": {"$ne": "legal"}}, "cd"),
        ({"@labels": {"$ne": "legal", "$min_confidence": 0.5}}, "bcd"),
        ({"@labels": {"$nin": ["legal", "tax"]}}, "d"),
        ({"@labels": {"$exists": True}}, "abc"),
        ({"@labels": None}, "d"),
        ({"@labels": "unknown"}, ""),
        ({"@labels": "legal", "even": True}, "b"),
        ({"@labels": {"$eq": "legal", "$ne": "tax"}}, "b"),
        ({"$or": [{"@labels": "tax"}, {"even": True}]}, "abcd"),
        ({"$nor": [{"@labels": "tax"}, {"even": True}]}, ""),
        ({"@labels": "legal", "@name": "b"}, "b"),
        ({"@labels": "legal", "@name": {"$gte": "b"}}, "b"),
        ({"@labels": "legal", "@type": "letter"}, ""),
    ],
    ids=str,
)
async def test_documents_are_found_counted_and_ordered_by_their_labels(library: Documents, where, expected):
    """S0-089, S0-090"""
    assert await names(library, where) == list(expected)
    pages = library.find(where=where, order="@name", limit=1).pages()
    assert [d.name async for page in pages for d in page.documents] == list(expected)
    assert await names(library, where, order="even") == list(expected)
    assert await library.count(where=where) == len(expected)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        7,
        ["legal"],
        {"$in": "legal"},
        {"$all": []},
        {"$gt": "a"},
        {"$regex": "l"},
        {"$min_confidence": 0.5},
        {"$eq": "legal", "$min_confidence": 2},
        {"$exists": True, "$min_confidence": 0.5},
        {"$exists": "yes"},
        {},
    ],
    ids=str,
)
async def test_what_cannot_be_asked_of_labels_is_refused_at_once(docs: Documents, asked):
    with pytest.raises(InvalidFilter, match="@labels"):
        docs.find(where={"@labels": asked})


async def test_labels_are_nothing_to_order_by_and_no_guard(docs: Documents):
    doc = await docs.put("note", {})

    with pytest.raises(InvalidFilter, match="nothing to order by"):
        docs.find(order="@labels")
    with pytest.raises(InvalidFilter, match="@labels cannot be asked here"):
        await docs.patch(doc.id, {"n": 1}, where={"@labels": "legal"})


async def test_another_organizations_labels_find_nothing(docs: Documents, record, other_organization):
    theirs = documents_for(record, other_organization)
    doc = await theirs.put("note", {})
    await theirs.label(doc.id, "legal")

    assert await docs.count(where={"@labels": "legal"}) == 0
    assert await docs.count(where={"@labels": {"$exists": True}}) == 0


async def _somebody_waits(record: Any) -> None:
    """Return when a connection waits for another one's transaction."""
    while not await record.system.fetch(
        "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    ):
        pass
