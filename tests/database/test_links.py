"""Links: what a user does with relations between documents, one promise a test."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.errors import Conflict, InvalidFilter, InvalidInput, LimitExceeded, NotFound
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.workspace import Documents, Links
from tests.database.conftest import documents_for, scope_for


def links_for(scope: Scope) -> Links:
    async def bind() -> Scope:
        return scope

    return Links(bind)


@pytest.fixture
def kinds(scope: Scope) -> Links:
    return links_for(scope)


@pytest.fixture
async def four(docs: Documents) -> list[Document]:
    """Four documents, in the order of their ids."""
    return [await docs.put("note", {"n": n}, name=f"n{n}") for n in range(4)]


async def events(record: Any, id: uuid.UUID) -> list[tuple[str, bytes]]:
    rows = await record.system.fetch(
        "SELECT type, data FROM octavo.event WHERE document_id = $1 AND type LIKE 'link.%' ORDER BY sequence",
        id,
    )
    return [(row["type"], row["data"]) for row in rows]


async def told(docs: Documents, id: uuid.UUID, **options: Any) -> list[tuple[str, uuid.UUID]]:
    """Type and other end of each link of a document."""
    return [(link.type, link.other(id)) for link in (await docs.links(id, **options)).links]


async def test_a_link_is_found_from_both_ends(docs: Documents, four):
    """S0-091, S0-094, S0-095"""
    a, b, *_ = four

    made = await docs.link(a.id, "references", b.id, confidence=0.8, metadata={"page": 7})

    assert (made.source, made.type, made.target, made.symmetric) == (a.id, "references", b.id, False)
    assert (made.confidence, made.metadata, made.changed, made.created_by.id) == (
        0.8,
        {"page": 7},
        True,
        "ann",
    )
    assert await told(docs, a.id) == [("references", b.id)]
    assert await told(docs, b.id) == [("references", a.id)]


async def test_the_direction_tells_links_from_here_from_links_to_here(docs: Documents, four):
    a, b, c, _ = four
    await docs.link(a.id, "references", b.id)
    await docs.link(c.id, "references", a.id)

    assert await told(docs, a.id, direction="out") == [("references", b.id)]
    assert await told(docs, a.id, direction="in") == [("references", c.id)]
    with pytest.raises(InvalidInput, match="direction"):
        await docs.links(a.id, direction="up")  # type: ignore[arg-type]


async def test_a_second_identical_link_changes_the_first(docs: Documents, four, record):
    """S0-092"""
    a, b, *_ = four
    first = await docs.link(a.id, "references", b.id, confidence=0.8, metadata={"page": 7})

    equal = await docs.link(a.id, "references", b.id, confidence=0.8)
    surer = await docs.link(a.id, "references", b.id, confidence=0.9)

    assert (equal.changed, equal.position) == (False, first.position)
    assert (surer.confidence, surer.metadata, surer.created_at) == (0.9, {"page": 7}, first.created_at)
    assert len((await docs.links(a.id)).links) == 1
    assert [type for type, _ in await events(record, a.id)] == ["link.created", "link.updated"]


async def test_a_symmetric_link_is_stored_once_and_found_from_both_ends(docs: Documents, kinds: Links, four):
    """S0-093"""
    a, b, *_ = four
    await kinds.define("similar", symmetric=True)
    first = await docs.link(b.id, "similar", a.id, confidence=0.7)

    again = await docs.link(a.id, "similar", b.id, confidence=0.7)

    assert (again.changed, again.source, again.target) == (False, a.id, b.id)
    assert again.position == first.position
    for direction in ("out", "in", "both"):
        assert await told(docs, a.id, direction=direction) == [("similar", b.id)]
        assert await told(docs, b.id, direction=direction) == [("similar", a.id)]
    await docs.unlink(b.id, "similar", a.id)
    assert await told(docs, a.id) == []


async def test_concurrent_writers_of_one_symmetric_link_store_it_once(docs: Documents, kinds: Links, four):
    """S0-093"""
    a, b, *_ = four
    await kinds.define("similar", symmetric=True)

    await asyncio.gather(
        *(docs.link(x.id, "similar", y.id) for x, y in ((a, b), (b, a), (a, b), (b, a), (b, a)))
    )

    assert await told(docs, a.id) == [("similar", b.id)]


async def test_a_link_to_itself_is_refused(docs: Documents, four, record, scope):
    """S0-093"""
    a, b, *_ = four
    await docs.link(a.id, "references", b.id)

    with pytest.raises(InvalidInput, match="linked with itself"):
        await docs.link(a.id, "references", a.id)
    with pytest.raises(InvalidInput, match="link_to_another"):
        await record.app.execute(
            "UPDATE octavo.link SET target_id = source_id WHERE organization_id = $1::octavo.organization",
            scope.organization,
        )


async def test_a_link_to_another_organizations_document_is_refused(
    docs: Documents, four, record, other_organization
):
    """S0-093"""
    theirs = await documents_for(record, other_organization).put("note", {})

    with pytest.raises(NotFound, match=str(theirs.id)):
        await docs.link(four[0].id, "references", theirs.id)
    with pytest.raises(NotFound):
        await documents_for(record, other_organization).link(four[0].id, "references", theirs.id)


async def test_the_database_itself_refuses_a_link_across_organizations(
    docs: Documents, four, record, other_organization, scope
):
    """S0-093: the keys of a link carry its organization, so the ends are of the same."""
    theirs = await documents_for(record, other_organization).put("note", {})
    await docs.link(four[0].id, "references", four[1].id)

    with pytest.raises(NotFound, match="does not exist"):
        await record.app.execute(
            "UPDATE octavo.link SET target_id = $2 WHERE organization_id = $1::octavo.organization",
            scope.organization,
            theirs.id,
        )


async def test_a_type_with_links_keeps_its_direction(docs: Documents, kinds: Links, four):
    """S0-093"""
    a, b, *_ = four
    await docs.link(a.id, "similar", b.id)

    with pytest.raises(Conflict, match="have a direction"):
        await kinds.define("similar", symmetric=True)

    assert (await kinds.define("similar", description="alike")).symmetric is False
    await docs.unlink(a.id, "similar", b.id)
    assert (await kinds.define("similar", symmetric=True)).description == "alike"


async def test_types_are_listed_and_deleted_without_links_only(docs: Documents, kinds: Links, four):
    a, b, *_ = four
    await kinds.define("similar", symmetric=True, description="alike")
    await docs.link(a.id, "references", b.id)

    assert [(type.name, type.symmetric) for type in await kinds.types()] == [
        ("references", False),
        ("similar", True),
    ]
    await kinds.delete("similar")
    with pytest.raises(Conflict, match="there are links"):
        await kinds.delete("references")
    with pytest.raises(NotFound):
        await kinds.delete("similar")
    assert [type.name for type in await kinds.types(after="a", limit=5)] == ["references"]


@pytest.mark.parametrize("type", ["", "References", "1st", "a b", "x" * 64, "a\n", None])
async def test_what_is_no_type_of_links_is_refused(docs: Documents, four, type):
    with pytest.raises(InvalidInput, match="is not a type of link"):
        await docs.link(four[0].id, type, four[1].id)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), "0.5"])
async def test_a_confidence_is_between_nought_and_one(docs: Documents, four, confidence):
    with pytest.raises(InvalidInput, match="not between 0 and 1"):
        await docs.link(four[0].id, "references", four[1].id, confidence=confidence)


async def test_metadata_is_a_json_object_of_64_kib_at_most(docs: Documents, four):
    a, b, *_ = four

    with pytest.raises(LimitExceeded):
        await docs.link(a.id, "references", b.id, metadata={"text": "x" * 70_000})
    with pytest.raises(InvalidInput):
        await docs.link(a.id, "references", b.id, metadata=["a"])  # type: ignore[arg-type]


async def test_links_make_no_version_and_their_events_are_the_sources(docs: Documents, four, record):
    """S0-176"""
    a, b, *_ = four
    made = await docs.link(a.id, "references", b.id, confidence=0.5, metadata={"secret": "value"})
    removed = await docs.unlink(a.id, "references", b.id)

    now = await docs.get(a.id)
    assert (now.version, (await docs.get(b.id)).position) == (1, b.position)
    assert a.position < made.position < removed == now.position
    to = str(b.id).encode()
    assert await events(record, a.id) == [
        ("link.created", b'{"link": "references", "target": "' + to + b'", "confidence": 0.5}'),
        ("link.removed", b'{"link": "references", "target": "' + to + b'"}'),
    ]


@pytest.mark.parametrize("call", ["link", "link again", "unlink", "links", "neighbours", "define", "list"])
async def test_a_call_is_one_statement(docs: Documents, kinds: Links, four, statements, call):
    a, b, c, _ = four
    await docs.link(a.id, "references", b.id)
    statements.clear()

    match call:
        case "link":
            await docs.link(a.id, "references", c.id)
        case "link again":
            await docs.link(a.id, "references", b.id)
        case "unlink":
            await docs.unlink(a.id, "references", b.id)
        case "links":
            await docs.links(a.id)
        case "neighbours":
            await docs.neighbours(a.id, depth=3)
        case "define":
            await kinds.define("similar", symmetric=True)
        case "list":
            await kinds.list("references")

    assert len(statements) == 1


async def test_what_is_not_there_is_not_found(docs: Documents, kinds: Links, four):
    a, b, *_ = four
    nobody = uuid.uuid4()

    with pytest.raises(NotFound, match=f"no document {nobody} to link"):
        await docs.link(a.id, "references", nobody)
    with pytest.raises(NotFound, match="no link 'references'"):
        await docs.unlink(a.id, "references", b.id)
    with pytest.raises(NotFound):
        await docs.neighbours(nobody)
    assert await told(docs, nobody) == []
    assert await kinds.types() == []


async def test_links_of_a_deleted_document_do_not_show_and_come_back_with_it(docs: Documents, kinds, four):
    a, b, c, _ = four
    await docs.link(a.id, "references", b.id)
    await docs.link(b.id, "references", c.id)

    await docs.delete(b.id)
    assert await told(docs, a.id) == await told(docs, b.id) == await told(docs, c.id) == []
    assert (await kinds.list("references")).links == []
    assert await docs.neighbours(a.id, depth=3) == []
    with pytest.raises(NotFound):
        await docs.link(a.id, "references", b.id)
    with pytest.raises(NotFound):
        await docs.unlink(a.id, "references", b.id)

    await docs.restore(b.id)
    assert await told(docs, b.id) == [("references", a.id), ("references", c.id)]


async def test_purge_leaves_no_link_of_the_document(docs: Documents, four, record, scope):
    a, b, c, _ = four
    await docs.link(a.id, "references", b.id)
    await docs.link(b.id, "references", c.id)
    await docs.link(a.id, "references", c.id)

    await docs.purge(b.id)

    rows = await record.app.fetch(
        "SELECT source_id, target_id FROM octavo.link WHERE organization_id = $1::octavo.organization",
        scope.organization,
    )
    assert [tuple(row.values()) for row in rows] == [(a.id, c.id)]


async def test_a_purge_takes_the_link_that_another_writer_makes_while_it_waits(
    docs: Documents, four, record, scope, organization
):
    a, b, *_ = four
    async with record.app.transaction() as transaction:
        await documents_for(record, organization, runner=transaction).link(a.id, "references", b.id)
        purge = asyncio.create_task(docs.purge(b.id))
        while not await record.system.fetch(
            "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        ):
            pass
    await purge

    rows = await record.app.fetch(
        "SELECT FROM octavo.link WHERE organization_id = $1::octavo.organization", scope.organization
    )
    assert rows == []


async def test_writers_that_link_in_opposite_directions_do_not_deadlock(docs: Documents, four):
    a, b, *_ = four
    await docs.link(a.id, "references", b.id)

    done = await asyncio.gather(
        *(
            docs.link(x.id, "references", y.id, confidence=n / 40)
            for n in range(40)
            for x, y in ((a, b), (b, a))
        )
    )

    assert len(done) == 80


async def test_pages_of_links_hold_each_once_in_order(docs: Documents, kinds: Links, four):
    await kinds.define("similar", symmetric=True)
    hub = four[2]
    others = [await docs.put("note", {"n": n}) for n in range(6)] + [four[0], four[3]]
    for other in others:
        await docs.link(hub.id, "references", other.id)
        await docs.link(other.id, "references", hub.id)
        await docs.link(other.id, "similar", hub.id)

    whole = (await docs.links(hub.id)).links
    paged, cursor, pages = [], None, 0
    while True:
        page = await docs.links(hub.id, limit=5, cursor=cursor)
        paged += page.links
        pages += 1
        if page.cursor is None:
            break
        cursor = page.cursor

    assert len(whole) == 24
    assert [(link.type, link.source, link.target) for link in paged] == [
        (link.type, link.source, link.target) for link in whole
    ]
    assert pages == 5
    keys = [(link.type, link.other(hub.id), link.target == hub.id and not link.symmetric) for link in whole]
    assert keys == sorted(keys)
    assert await told(docs, hub.id, type="similar") == [
        ("similar", id) for id in sorted(o.id for o in others)
    ]
    with pytest.raises(InvalidFilter, match="another filter"):
        await docs.links(hub.id, direction="out", cursor=cursor)


async def test_links_of_a_type_are_listed_page_by_page(docs: Documents, kinds: Links, four):
    """S0-096"""
    a, b, c, d = four
    wanted = [(a.id, b.id), (d.id, a.id), (a.id, c.id), (c.id, d.id)]
    for source, target in wanted:
        await docs.link(source, "references", target)
    await docs.link(a.id, "answers", b.id)

    first = await kinds.list("references", limit=3)
    second = await kinds.list("references", limit=3, cursor=first.cursor)

    assert [(link.source, link.target) for link in (*first.links, *second.links)] == wanted[::-1]
    assert second.cursor is None
    with pytest.raises(InvalidFilter, match="is not a cursor"):
        await kinds.list("references", cursor="c1-nonsense")


async def test_another_organizations_links_are_nobodys_business(
    docs: Documents, kinds: Links, four, record, other_organization
):
    theirs = documents_for(record, other_organization)
    await docs.link(four[0].id, "references", four[1].id)

    assert (await theirs.links(four[0].id)).links == []
    assert (await links_for(scope_for(record, other_organization)).list("references")).links == []
    with pytest.raises(NotFound):
        await theirs.neighbours(four[0].id)


async def test_a_walk_goes_to_its_depth_and_around_cycles_once(docs: Documents, four):
    """S0-091"""
    a, b, c, d = four
    for source, target in ((a, b), (b, c), (c, a), (c, d)):
        await docs.link(source.id, "references", target.id)

    near = await docs.neighbours(a.id, direction="out")
    far = await docs.neighbours(a.id, direction="out", depth=3)
    back = await docs.neighbours(d.id, direction="in", depth=2)

    assert [(found.name, found.distance, found.via) for found in near] == [("n1", 1, a.id)]
    assert [(found.name, found.distance, found.via) for found in far] == [
        ("n1", 1, a.id),
        ("n2", 2, b.id),
        ("n3", 3, c.id),
    ]
    assert [(found.name, found.distance) for found in back] == [("n2", 1), ("n1", 2)]


async def test_a_walk_takes_the_types_asked_for_and_tells_the_link_it_came_by(
    docs: Documents, kinds: Links, four
):
    a, b, c, d = four
    await kinds.define("similar", symmetric=True)
    await docs.link(a.id, "references", b.id, confidence=0.6)
    await docs.link(c.id, "similar", b.id, confidence=0.7)
    await docs.link(c.id, "answers", d.id)

    found = await docs.neighbours(a.id, types=["references", "similar"], direction="out", depth=5)

    assert [(one.id, one.link, one.confidence, one.type) for one in found] == [
        (b.id, "references", 0.6, "note"),
        (c.id, "similar", 0.7, "note"),
    ]
    assert await docs.neighbours(a.id, types=["unknown"]) == []
    assert await docs.neighbours(a.id, types=[]) == []


async def test_a_walk_gives_no_more_than_asked_for(docs: Documents, four):
    a, *_ = four
    put = [await docs.put("note", {"n": n}) for n in range(20)]
    for doc in put:
        await docs.link(a.id, "references", doc.id)

    found = await docs.neighbours(a.id, depth=2, limit=7)

    assert [one.id for one in found] == sorted(doc.id for doc in put)[:7]


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 11}, {"limit": 0}, {"limit": 1_001}])
async def test_a_walk_without_bounds_is_refused(docs: Documents, four, options):
    with pytest.raises(LimitExceeded):
        await docs.neighbours(four[0].id, **options)


NODES = st.integers(0, 7)


@given(
    edges=st.lists(st.tuples(NODES, NODES, st.sampled_from(["one", "two", "both"])), max_size=20),
    start=NODES,
    depth=st.integers(1, 4),
    direction=st.sampled_from(["out", "in", "both"]),
    types=st.none() | st.lists(st.sampled_from(["one", "two", "both"]), unique=True),
    deleted=st.none() | NODES,
)
@settings(max_examples=40)
async def test_a_walk_reaches_what_plain_python_reaches(
    record, organization, edges, start, depth, direction, types, deleted
):
    docs = documents_for(record, organization)
    await links_for(scope_for(record, organization)).define("both", symmetric=True)
    ids = [(await docs.put("note", {"n": n})).id for n in range(8)]
    for source, target, type in edges:
        if source != target:
            await docs.link(ids[source], type, ids[target])
    if deleted not in {None, start}:
        await docs.delete(ids[deleted])

    found = await docs.neighbours(ids[start], types=types, direction=direction, depth=depth)

    ways = _ways(edges, direction, types, {deleted} - {start})
    assert {one.id: one.distance for one in found} == {
        ids[node]: far for node, far in _distances(ways, start, depth).items()
    }


def _ways(edges: Any, direction: str, types: Any, without: set[Any]) -> set[tuple[int, int]]:
    ways = set()
    for source, target, type in edges:
        if {source, target} & without or (types is not None and type not in types):
            continue
        if direction != "in" or type == "both":
            ways.add((source, target))
        if direction != "out" or type == "both":
            ways.add((target, source))
    return ways


def _distances(ways: set[tuple[int, int]], start: int, depth: int) -> dict[int, int]:
    distances = {start: 0}
    for far in range(1, depth + 1):
        reached = {target for source, target in ways if distances.get(source) == far - 1}
        distances.update(dict.fromkeys(reached - distances.keys(), far))
    del distances[start]
    return distances
