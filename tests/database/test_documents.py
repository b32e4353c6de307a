"""What a user does with documents, one promise a test."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from octavo.errors import (
    AlreadyExists,
    Conflict,
    GuardFailed,
    IdempotencyConflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    VersionConflict,
)
from octavo.feed.wakeup import Wakeup
from octavo.postgres.statements import load
from octavo.workspace import Documents, Parts, Workspace
from tests.database.conftest import documents_for


def workspace(record, scope) -> Workspace:
    async def bind():
        return scope

    return Workspace(lambda: Parts(record.app, Wakeup(), None, None, None, None, None), bind)


ARTICLE = {"title": "Refunds", "status": "draft", "tags": ["legal"]}


async def test_a_put_document_reads_back_as_it_was_put(docs: Documents):
    """S3-001, S3-011"""
    put = await docs.put("article", ARTICLE, name="refunds", metadata={"source": "wiki"})

    read = await docs.get(put.id)

    assert (read.body, read.metadata, read.version, read.type, read.name) == (
        ARTICLE,
        {"source": "wiki"},
        1,
        "article",
        "refunds",
    )
    assert read.position == put.position


async def test_the_same_name_again_makes_the_next_version(docs: Documents):
    """S3-040, S0-058, S0-078"""
    first = await docs.put("article", ARTICLE, name="refunds")

    second = await docs.put("article", {**ARTICLE, "status": "published"}, name="refunds")

    assert (second.id, second.version) == (first.id, 2)
    assert (await docs.get(first.id, version=1)).body["status"] == "draft"


async def test_an_equal_put_makes_no_version_and_no_event(docs: Documents, record, organization):
    """S0-076"""
    first = await docs.put("article", ARTICLE, name="refunds")

    again = await docs.put("article", ARTICLE, name="refunds")

    events = await record.app.fetch(
        "SELECT type FROM octavo.event WHERE organization_id = $1::octavo.organization", organization.id
    )
    assert (again.changed, again.version, again.position) == (False, 1, first.position)
    assert [row["type"] for row in events] == ["document.created"]


@pytest.mark.parametrize("call", ["put", "get", "named get", "patch", "tag", "delete", "history", "diff"])
async def test_a_single_call_is_one_statement(docs: Documents, statements, call):
    doc = await docs.put("article", ARTICLE, name="refunds")
    await docs.patch(doc.id, {"status": "review"})
    statements.clear()

    match call:
        case "put":
            await docs.put("article", {"title": "Other"})
        case "get":
            await docs.get(doc.id)
        case "named get":
            await docs.get("article", name="refunds")
        case "patch":
            await docs.patch(doc.id, {"status": "published"})
        case "tag":
            await docs.tag(doc.id, "production")
        case "delete":
            await docs.delete(doc.id)
        case "history":
            await docs.history(doc.id)
        case "diff":
            await docs.diff(doc.id, 1, 2)

    assert len(statements) == 1


async def test_a_thousand_documents_are_put_in_one_statement(docs: Documents, statements):
    """S0-250"""
    statements.clear()

    put = await docs.put_many([{"type": "note", "body": {"n": n}, "name": f"note-{n}"} for n in range(1_000)])

    assert len(statements) == 1
    assert [doc.body["n"] for doc in put] == list(range(1_000))


async def test_ten_thousand_documents_are_all_or_nothing(docs: Documents):
    taken = await docs.put("note", {"n": -1})
    batch = [{"type": "note", "body": {"n": n}} for n in range(4_999)] + [
        {"type": "note", "body": {"n": 0}, "id": taken.id}
    ]

    with pytest.raises(AlreadyExists):
        await docs.put_many(batch)

    assert await docs.count("note") == 1


async def test_two_documents_with_one_name_in_a_batch_are_refused(docs: Documents):
    with pytest.raises(InvalidInput, match="twice"):
        await docs.put_many([{"type": "note", "body": {"n": n}, "name": "same"} for n in range(2)])


async def test_expect_zero_creates_only(docs: Documents):
    await docs.put("article", ARTICLE, name="refunds", expect=0)

    with pytest.raises(AlreadyExists):
        await docs.put("article", ARTICLE, name="refunds", expect=0)


async def test_a_stale_writer_is_told_both_versions(docs: Documents):
    """S2-001"""
    doc = await docs.put("article", ARTICLE, name="refunds")
    await docs.patch(doc.id, {"status": "review"})

    with pytest.raises(VersionConflict) as conflict:
        await docs.patch(doc.id, {"status": "published"}, expect=1)

    assert conflict.value.fields == {"expected": 1, "actual": 2}


async def test_fifty_concurrent_updates_give_fifty_versions_without_a_gap(docs: Documents):
    """S3-041"""
    doc = await docs.put("counter", {"n": 0})

    await asyncio.gather(*(docs.patch(doc.id, {"$inc": {"n": 1}}) for _ in range(50)))

    final = await docs.get(doc.id)
    assert (final.version, final.body) == (51, {"n": 50})
    assert [v.number for v in await docs.history(doc.id)] == list(range(51, 0, -1))


async def test_fifty_concurrent_first_puts_of_one_name_make_one_document(docs: Documents):
    put = await asyncio.gather(*(docs.put("counter", {"n": n}, name="race") for n in range(50)))

    assert {doc.id for doc in put} == {put[0].id}
    assert sorted(doc.version for doc in put) == list(range(1, 51))


async def test_a_guarded_counter_never_oversells(docs: Documents):
    ticket = await docs.put("ticket", {"reserved": 0, "capacity": 10})

    async def reserve() -> bool:
        try:
            await docs.patch(ticket.id, {"$inc": {"reserved": 1}}, where={"reserved": {"$lt": 10}})
        except GuardFailed:
            return False
        return True

    sold = await asyncio.gather(*(reserve() for _ in range(25)))

    assert sum(sold) == 10
    assert (await docs.get(ticket.id)).body["reserved"] == 10


async def test_a_patch_merges_fields_and_null_removes_one(docs: Documents):
    """S3-007"""
    doc = await docs.put("article", {"title": "A", "author": {"name": "Ann", "age": 40}, "old": 1})

    patched = await docs.patch(doc.id, {"author": {"age": 41}, "old": None, "$push": {"tags": "new"}})

    assert patched.body == {"title": "A", "author": {"name": "Ann", "age": 41}, "tags": ["new"]}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"$inc": {"n": 2}}, {"n": 5, "list": [1, 2], "deep": {"x": 1}}),
        ({"$mul": {"n": 2}}, {"n": 6, "list": [1, 2], "deep": {"x": 1}}),
        ({"$min": {"n": 1}}, {"n": 1, "list": [1, 2], "deep": {"x": 1}}),
        ({"$max": {"n": 9}}, {"n": 9, "list": [1, 2], "deep": {"x": 1}}),
        ({"$set": {"deep.y.z": "new"}}, {"n": 3, "list": [1, 2], "deep": {"x": 1, "y": {"z": "new"}}}),
        ({"$unset": {"deep.x": True}}, {"n": 3, "list": [1, 2], "deep": {}}),
        ({"$push": {"list": {"a": 1}}}, {"n": 3, "list": [1, 2, {"a": 1}], "deep": {"x": 1}}),
        ({"$add_to_set": {"list": 2}}, {"n": 3, "list": [1, 2], "deep": {"x": 1}}),
        ({"$pull": {"list": 1}}, {"n": 3, "list": [2], "deep": {"x": 1}}),
    ],
)
async def test_each_operation_of_a_patch(docs: Documents, operation, expected):
    doc = await docs.put("thing", {"n": 3, "list": [1, 2], "deep": {"x": 1}})

    assert (await docs.patch(doc.id, operation)).body == expected


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"$inc": {"title": 1}}, "needs a number"),
        ({"$push": {"title": 1}}, "needs an array"),
        ({"$set": {"title.x": 1}}, "neither an object nor an array"),
        ({"$incr": {"n": 1}}, "did you mean"),
        ({"$inc": {"n": "1"}}, "needs a number"),
    ],
)
async def test_a_wrong_operation_changes_nothing_and_quotes_no_stored_value(
    docs: Documents, operation, message
):
    doc = await docs.put("thing", {"title": "a secret", "n": 3})

    with pytest.raises(InvalidInput, match=message) as refusal:
        await docs.patch(doc.id, operation)

    assert "secret" not in str(refusal.value)
    assert (await docs.get(doc.id)).version == 1


async def test_metadata_alone_makes_a_version_that_shares_the_body(docs: Documents, record, organization):
    """S3-021"""
    doc = await docs.put("article", ARTICLE)

    second = await docs.patch(doc.id, {}, metadata={"reviewed": True})

    bodies = await record.app.fetchrow(
        "SELECT count(*) AS n FROM octavo.body WHERE organization_id = $1::octavo.organization",
        organization.id,
    )
    assert (second.version, second.body, second.metadata) == (2, ARTICLE, {"reviewed": True})
    assert bodies["n"] == 1


async def test_revert_makes_a_new_version_with_the_old_content(docs: Documents):
    """S3-049"""
    doc = await docs.put("article", ARTICLE, name="refunds")
    await docs.patch(doc.id, {"status": "published"})

    reverted = await docs.revert(doc.id, 1)

    newest = (await docs.history(doc.id))[0]
    assert (reverted.version, reverted.body) == (3, ARTICLE)
    assert (newest.change, newest.source) == ("reverted", 1)


async def test_diff_tells_paths_and_values(docs: Documents):
    doc = await docs.put("article", ARTICLE)
    await docs.patch(doc.id, {"status": "published", "tags": None, "lang": "en"})

    found = sorted((d.path, d.kind, d.before, d.after) for d in await docs.diff(doc.id, 1, 2))

    assert found == [
        ("/body/lang", "added", None, "en"),
        ("/body/status", "changed", "draft", "published"),
        ("/body/tags", "removed", ["legal"], None),
    ]


async def test_a_deleted_document_is_gone_for_every_read_and_comes_back_with_restore(docs: Documents):
    """S0-059, S3-044"""
    doc = await docs.put("article", ARTICLE, name="refunds")

    await docs.delete(doc.id)

    for read in (docs.get(doc.id), docs.get("article", name="refunds"), docs.get(doc.id, version=1)):
        with pytest.raises(NotFound):
            await read
    assert await docs.get_many([doc.id]) == {}
    assert await docs.count("article") == 0
    assert (await docs.get(doc.id, version=1, deleted=True)).body == ARTICLE

    restored = await docs.restore(doc.id)

    assert (restored.version, restored.body, restored.deleted_at) == (3, ARTICLE, None)
    assert (await docs.get("article", name="refunds")).version == 3


async def test_a_name_is_free_after_a_deletion_and_restoring_the_first_then_conflicts(docs: Documents):
    first = await docs.put("article", ARTICLE, name="refunds")
    await docs.delete(first.id)
    second = await docs.put("article", ARTICLE, name="refunds")

    with pytest.raises(AlreadyExists):
        await docs.restore(first.id)

    assert second.id != first.id


async def test_time_travel_returns_what_was_current_then(docs: Documents):
    first = await docs.put("article", {"n": 1})
    second = await docs.patch(first.id, {"n": 2})
    deleted = await docs.delete(first.id)
    await docs.restore(first.id)

    assert (await docs.get(first.id, at=first.updated_at)).body == {"n": 1}
    assert (await docs.get(first.id, at=second.updated_at)).body == {"n": 2}
    with pytest.raises(NotFound, match="was deleted"):
        await docs.get(first.id, at=deleted.updated_at)
    with pytest.raises(NotFound):
        await docs.get(first.id, at=datetime(2000, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="time zone"):
        await docs.get(first.id, at=datetime(2026, 1, 1))  # noqa: DTZ001  # a naive moment is the point


async def test_purge_leaves_no_body_no_version_and_no_name(docs: Documents, record, organization):
    """S3-022"""
    doc = await docs.put("article", ARTICLE, name="refunds")
    await docs.patch(doc.id, {"status": "published"})
    await docs.tag(doc.id, "production")

    await docs.purge(doc.id)

    rows = await record.app.fetchrow(
        """SELECT (SELECT count(*) FROM octavo.body WHERE organization_id = $1::octavo.organization) AS bodies,
                  (SELECT count(*) FROM octavo.version WHERE organization_id = $1::octavo.organization) AS versions,
                  (SELECT count(*) FROM octavo.tag WHERE organization_id = $1::octavo.organization) AS tags""",
        organization.id,
    )
    assert dict(rows) == {"bodies": 0, "versions": 0, "tags": 0}
    with pytest.raises(NotFound):
        await docs.restore(doc.id)
    assert (await docs.put("article", ARTICLE, name="refunds")).id != doc.id


async def test_purge_keeps_a_body_that_another_document_shares(docs: Documents):
    """S3-021, S3-022"""
    one, other = await docs.put("article", ARTICLE), await docs.put("article", ARTICLE)

    await docs.purge(one.id)

    assert (await docs.get(other.id)).body == ARTICLE


async def test_a_tag_moves_atomically_and_its_history_names_who_and_from_where(docs: Documents):
    """S3-023, S3-024, S3-027, S3-028, S3-042, S3-043"""
    doc = await docs.put("article", {"n": 1})
    await docs.patch(doc.id, {"n": 2})

    await docs.tag(doc.id, "production", version=1)
    moved = await docs.tag(doc.id, "production")

    assert (moved.version, moved.previous) == (2, 1)
    assert (await docs.get(doc.id, tag="production")).body == {"n": 2}
    await docs.untag(doc.id, "production")
    told = [(m.version, m.previous, m.moved_by.id) for m in await docs.tag_history(doc.id, "production")]
    assert told == [(None, 2, "ann"), (2, 1, "ann"), (1, None, "ann")]
    with pytest.raises(NotFound):
        await docs.tag(doc.id, "production", version=9)


async def test_a_repeated_request_with_its_key_returns_the_first_answer(docs: Documents):
    """S0-184"""
    first = await docs.put("payment", {"amount": 5}, idempotency_key="order-1")
    await docs.patch(first.id, {"amount": 6})

    again = await docs.put("payment", {"amount": 5}, idempotency_key="order-1")

    assert (again.id, again.version) == (first.id, 1)
    assert await docs.count("payment") == 1
    with pytest.raises(IdempotencyConflict):
        await docs.put("payment", {"amount": 7}, idempotency_key="order-1")


async def test_concurrent_repetitions_write_once(docs: Documents):
    answers = await asyncio.gather(
        *(docs.put("payment", {"amount": 5}, idempotency_key="order-1") for _ in range(8))
    )

    assert len({doc.id for doc in answers}) == 1
    assert await docs.count("payment") == 1


async def test_a_transaction_commits_all_or_nothing(docs: Documents, record, scope):
    view = workspace(record, scope)
    doc = await docs.put("account", {"balance": 10})

    async def interrupted() -> None:
        async with view.transaction() as tx:
            await tx.documents.patch(doc.id, {"$inc": {"balance": -10}})
            await tx.documents.put("account", {"balance": 10})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()

    assert (await docs.get(doc.id)).body == {"balance": 10}
    async with view.transaction() as tx:
        await tx.documents.patch(doc.id, {"$inc": {"balance": -10}})
        await tx.documents.put("account", {"balance": 10})
        row = await tx.fetchrow("SELECT octavo.current_organization() AS id")
    assert row is not None
    assert row["id"] == scope.organization
    assert await docs.count("account") == 2


async def test_a_transaction_serves_one_organization(record, scope):
    view = workspace(record, scope)

    async def bind_another() -> None:
        async with view.transaction() as tx:
            await tx.fetchrow(load("octavo.store", "transaction.sql").bind_organization, uuid.uuid4())

    with pytest.raises(InvalidInput, match="one_organization_a_transaction"):
        await bind_another()


@dataclasses.dataclass
class Invoice:
    number: uuid.UUID
    total: Decimal
    due: datetime
    scan: bytes


async def test_rich_values_are_stored_by_the_stated_rules(docs: Documents):
    """S1-117"""
    number = uuid.uuid4()
    due = datetime(2026, 1, 31, 12, tzinfo=UTC)

    doc = await docs.put("invoice", Invoice(number, Decimal("10.50"), due, b"\x00\xff"))

    assert (await docs.get(doc.id)).body == {
        "number": str(number),
        "total": "10.50",
        "due": "2026-01-31T12:00:00Z",
        "scan": "AP8=",
    }


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**70, 0.1, 1e300, 1.0])
async def test_numbers_survive(docs: Documents, number):
    doc = await docs.put("number", {"n": number})

    read = (await docs.get(doc.id)).body["n"]

    # PostgreSQL writes 1e300 as the integer with 301 digits.
    assert type(number)(read) == number


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": {"b": [float("nan")]}}, r"body\.a\.b\[0\] is nan"),
        ({"text": "a\x00b"}, r"body\.text holds the character U\+0000"),
        ([1, 2], "not a JSON object"),
        ({1: "x"}, "keys must be strings"),
        ({"x": object()}, "cannot be written as JSON"),
    ],
)
async def test_a_body_json_cannot_hold_is_refused_with_its_path(docs: Documents, body, message):
    with pytest.raises(InvalidInput, match=message):
        await docs.put("bad", body)

    assert await docs.count("bad") == 0


async def test_too_deep_and_too_long_bodies_are_refused(record, organization, docs: Documents):
    deep: dict = {}
    for _ in range(200):
        deep = {"x": deep}

    with pytest.raises(LimitExceeded):
        await docs.put("bad", deep)
    with pytest.raises(LimitExceeded) as refusal:
        await docs.put("bad", {"text": "x" * (64 * 1024 * 1024)})
    assert refusal.value.fields["limit"] == 64 * 1024 * 1024


async def test_a_five_megabyte_body_round_trips(docs: Documents):
    """S3-020"""
    text = "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich. " * 90_000

    doc = await docs.put("book", {"text": text})

    assert (await docs.get(doc.id)).body["text"] == text


@pytest.mark.parametrize("type", ["", "1abc", "has space", "x" * 101])
async def test_a_wrong_type_name_is_refused(docs: Documents, type):
    with pytest.raises(InvalidInput):
        await docs.put(type, {})


async def test_a_document_keeps_its_type(docs: Documents):
    doc = await docs.put("article", ARTICLE)

    with pytest.raises(InvalidInput, match="keeps its type"):
        await docs.put("invoice", ARTICLE, id=doc.id)


async def test_writes_of_an_unknown_organization_are_refused(record, scope):
    class Stranger:
        id = uuid.uuid4()

    with pytest.raises(NotFound, match="no organization"):
        await documents_for(record, Stranger).put("article", ARTICLE)


async def test_another_organization_sees_nothing_and_changes_nothing(
    record, docs: Documents, other_organization
):
    """S3-014, S0-062"""
    theirs = documents_for(record, other_organization)
    doc = await docs.put("article", ARTICLE, name="refunds")

    for call in (
        theirs.get(doc.id),
        theirs.get("article", name="refunds"),
        theirs.patch(doc.id, {"x": 1}),
        theirs.delete(doc.id),
        theirs.revert(doc.id, 1),
        theirs.tag(doc.id, "production"),
        theirs.history(doc.id),
        theirs.purge(doc.id),
        theirs.restore(doc.id),
        theirs.diff(doc.id, 1, 1),
    ):
        with pytest.raises(NotFound):
            await call
    own = await theirs.put("article", ARTICLE, name="refunds")
    assert own.id != doc.id
    assert (await docs.get(doc.id)).body == ARTICLE


async def test_a_conflict_is_one_of_the_tree(docs: Documents):
    await docs.put("article", ARTICLE, name="refunds")

    with pytest.raises(Conflict) as conflict:
        await docs.put("article", ARTICLE, name="refunds", expect=0)

    assert conflict.value.as_dict()["code"] == "already_exists"
