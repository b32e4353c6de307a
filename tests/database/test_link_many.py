"""Many links in one call: what one by one would make, in three statements, all of them or none."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.workspace import Documents
from tests.database.conftest import documents_for
from tests.database.test_links import events, four, kinds, told

__all__ = ["four", "kinds"]


def wanted(source: Document, type: str, target: Document, **more: Any) -> dict[str, Any]:
    return {"source": source.id, "type": type, "target": target.id, **more}


async def test_links_are_made_in_the_order_given(docs: Documents, four):
    a, b, c, d = four

    made = await docs.link_many(
        [
            wanted(c, "cites", a, confidence=0.5),
            wanted(a, "cites", b),
            wanted(a, "extends", d, metadata={"page": 7}),
        ]
    )

    assert [(link.source, link.type, link.target) for link in made] == [
        (c.id, "cites", a.id),
        (a.id, "cites", b.id),
        (a.id, "extends", d.id),
    ]
    assert [(link.confidence, link.metadata, link.changed) for link in made] == [
        (0.5, {}, True),
        (None, {}, True),
        (None, {"page": 7}, True),
    ]
    assert await told(docs, a.id) == [("cites", b.id), ("cites", c.id), ("extends", d.id)]


async def test_each_link_is_an_event_of_its_source_in_order(docs: Documents, four, record, organization):
    a, b, c, d = four

    made = await docs.link_many([wanted(a, "cites", other) for other in (b, c, d)])

    rows = await record.system.fetch(
        "SELECT sequence, id FROM octavo.event WHERE document_id = $1 ORDER BY sequence", a.id
    )
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {link.position.id for link in made} == {row["id"] for row in rows[1:]}
    assert [type for type, _ in await events(record, a.id)] == ["link.created"] * 3
    later = await docs.link(a.id, "extends", b.id)
    assert later.position > max(link.position for link in made)


async def test_what_is_there_and_equal_is_left_alone(docs: Documents, four, record):
    a, b, c, _ = four
    first = await docs.link(a.id, "cites", b.id, confidence=0.5, metadata={"page": 7})

    again, other = await docs.link_many([wanted(a, "cites", b, confidence=0.5), wanted(a, "cites", c)])

    assert (again.changed, again.created_at, again.metadata) == (False, first.created_at, {"page": 7})
    assert other.changed
    assert len(await events(record, a.id)) == 2


async def test_another_confidence_changes_a_link_and_keeps_its_metadata(docs: Documents, four, record):
    a, b, *_ = four
    await docs.link(a.id, "cites", b.id, confidence=0.5, metadata={"page": 7})

    [changed] = await docs.link_many([wanted(a, "cites", b, confidence=0.9)])

    assert (changed.changed, changed.confidence, changed.metadata) == (True, 0.9, {"page": 7})
    assert [type for type, _ in await events(record, a.id)] == ["link.created", "link.updated"]


async def test_of_the_same_link_given_twice_the_last_counts(docs: Documents, kinds, four, record):
    a, b, *_ = four
    await kinds.define("similar", symmetric=True)

    made = await docs.link_many(
        [wanted(b, "similar", a, confidence=0.1), wanted(a, "similar", b, confidence=0.2)]
    )

    assert [(link.source, link.target, link.confidence) for link in made] == [(a.id, b.id, 0.2)] * 2
    assert len(await events(record, a.id)) == 1


@pytest.mark.parametrize("missing", ["nobody", "deleted", "foreign"])
async def test_nothing_is_linked_when_one_document_is_missing(
    docs: Documents, four, record, other_organization, missing: str
):
    a, b, c, d = four
    id = uuid.uuid4()
    if missing == "deleted":
        id = d.id
        await docs.delete(id)
    if missing == "foreign":
        id = (await documents_for(record, other_organization).put("note", {})).id

    with pytest.raises(NotFound, match=f"no document {id}"):
        await docs.link_many([wanted(a, "cites", b), {"source": c.id, "type": "new-type", "target": id}])

    assert await told(docs, a.id) == []


async def test_many_missing_documents_are_not_all_named(docs: Documents, four):
    a, *_ = four

    with pytest.raises(NotFound, match="and 15 others to link"):
        await docs.link_many([{"source": a.id, "type": "cites", "target": uuid.uuid4()} for _ in range(20)])


@pytest.mark.parametrize(
    "link",
    [
        {"source": "x"},
        {"type": "cites"},
        {"weight": 3},
        {"confidence": 2},
        {"type": "No!"},
        {"metadata": [1]},
    ],
)
async def test_what_is_no_link_is_refused(docs: Documents, four, link: dict[str, Any]):
    a, b, *_ = four
    given = {**wanted(a, "cites", b), **link}
    if link == {"type": "cites"}:
        del given["target"]

    with pytest.raises(InvalidInput):
        await docs.link_many([given])


async def test_a_document_is_not_linked_with_itself(docs: Documents, four):
    with pytest.raises(InvalidInput, match="with itself"):
        await docs.link_many([wanted(four[0], "cites", four[0])])


async def test_more_than_a_batch_is_refused(docs: Documents, four, scope: Scope):
    a, b, *_ = four

    with pytest.raises(LimitExceeded, match="links in one call"):
        await docs.link_many([wanted(a, "cites", b)] * (scope.limits.batch + 1))


async def test_no_links_are_none(docs: Documents):
    assert await docs.link_many([]) == []


async def test_a_hundred_links_are_three_statements(docs: Documents, four, statements):
    a, *_ = four
    others = await docs.put_many([{"type": "note", "body": {"n": n}} for n in range(100)])
    statements.clear()

    await docs.link_many([wanted(a, "cites", other) for other in others])

    begin, bind, *made, commit = statements
    assert (begin, bind, commit) == ("BEGIN", "SELECT $1::octavo.organization AS organization_id", "COMMIT")
    assert len(made) == 3


async def test_writers_of_the_same_links_do_not_lose_any(docs: Documents, four):
    pairs = [(one, other) for one in four for other in four if one.id != other.id]
    forward = [wanted(one, "cites", other) for one, other in pairs]

    await asyncio.gather(docs.link_many(forward), docs.link_many(forward[::-1]), docs.link_many(forward))

    assert [len((await docs.links(one.id, direction="out")).links) for one in four] == [3] * 4
