"""Events of streams: appended under an expected sequence, read in order, looked back over."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from octavo.errors import (
    AccessDenied,
    IdempotencyConflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    VersionConflict,
)
from octavo.store import events
from octavo.store.events import append_once, check_open_to_all, fact, look_back, read, walk
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor, Origin
from octavo.workspace import Documents


async def append(
    scope: Scope, stream: str, type: str = "order.placed", /, expect: int | None = None, **data: Any
):
    return await events.append(scope, stream, fact(type, data), expect=expect)


async def test_an_event_carries_the_whole_envelope(scope: Scope):
    """S0-167, S0-185: who, when, what, where, of which shape and why; the server tells the time."""
    document = uuid7()
    origin = Origin(Actor("bot", "agent"), session="s-1", correlation="c-1", causation="e-1")
    scope = msgspec.structs.replace(scope, origin=origin)

    event = await events.append(
        scope,
        "order-1",
        fact("order.placed", {"total": 5}, schema_version=3, document_id=document, version=2),
    )
    [found] = await read(scope, "order-1")

    assert found == event
    assert (found.id, found.stream, found.sequence, found.type) == ("order-1:1", "order-1", 1, "order.placed")
    assert (found.schema_version, found.document_id, found.version) == (3, document, 2)
    assert (found.actor, found.session) == (Actor("bot", "agent"), "s-1")
    assert (found.correlation, found.causation) == ("c-1", "e-1")
    assert (found.organization_id, found.data) == (scope.organization, {"total": 5})
    assert datetime.now(UTC) - found.recorded_at < timedelta(minutes=1)


async def test_every_kind_of_event_of_one_thing_is_read_back_from_one_stream(scope: Scope):
    """S0-182, S0-183, S0-189."""
    for kind in ("order.placed", "order.paid", "parcel.sent"):
        await append(scope, "order-1", kind, kind=kind)

    found = await read(scope, "order-1")

    assert [(event.sequence, event.type, event.data["kind"]) for event in found] == [
        (1, "order.placed", "order.placed"),
        (2, "order.paid", "order.paid"),
        (3, "parcel.sent", "parcel.sent"),
    ]


async def test_an_unknown_stream_has_no_events(scope: Scope):
    """S0-187."""
    assert await read(scope, "order-none") == []


async def test_a_stream_is_read_from_a_sequence_on(scope: Scope):
    """S0-187."""
    appended = [await append(scope, "order-1") for _ in range(4)]

    assert await read(scope, "order-1", after=2) == appended[2:]


async def test_one_type_of_a_long_stream_is_read_page_by_page(scope: Scope):
    """S0-188."""
    small = msgspec.structs.replace(scope, limits=msgspec.structs.replace(scope.limits, page=3))
    for number in range(20):
        await append(scope, "order-1", "order.paid" if number % 2 else "order.placed", n=number)

    found = [event.data["n"] async for event in walk(small, "order-1", types=["order.paid"])]

    assert found == list(range(1, 20, 2))


@pytest.mark.parametrize("first", [0, 1], ids=["a new stream", "a stream that is there"])
async def test_of_two_that_expect_the_same_sequence_one_succeeds(record: Any, scope: Scope, first: int):
    """S0-180: the second waits for the first and is then refused."""
    for number in range(first):
        await append(scope, "order-1", expect=number)
    async with record.app.transaction() as winning:
        won = await append(msgspec.structs.replace(scope, runner=winning), "order-1", expect=first)
        losing = asyncio.create_task(append(scope, "order-1", expect=first))
        await _until_waiting(record)

    with pytest.raises(VersionConflict) as refused:
        await losing

    assert refused.value.fields == {"expected": first, "actual": first + 1}
    assert await read(scope, "order-1", after=first) == [won]


@pytest.mark.parametrize("expect", [1, 7])
async def test_a_stream_that_is_not_there_is_at_sequence_0(scope: Scope, expect: int):
    with pytest.raises(VersionConflict) as refused:
        await append(scope, "order-1", expect=expect)

    assert refused.value.fields == {"expected": expect, "actual": 0}
    assert await read(scope, "order-1") == []


async def test_an_append_is_one_statement(scope: Scope, statements: list[str]):
    await append(scope, "order-1", expect=0)

    assert len(statements) == 1


async def test_an_append_tells_that_it_was_committed_and_a_refused_one_does_not(scope: Scope):
    told: list[str] = []
    scope = msgspec.structs.replace(scope, committed=lambda **_: told.append("committed"))

    await append(scope, "order-1")
    with pytest.raises(VersionConflict):
        await append(scope, "order-1", expect=0)

    assert told == ["committed"]


async def test_appends_of_a_transaction_come_together_or_not_at_all(record: Any, scope: Scope):
    with pytest.raises(RuntimeError, match="changed my mind"):
        await _append_two_and_fail(record, scope)
    async with transaction(record.app, scope) as inside:
        await append(inside, "order-1")
        await append(inside, "order-2")

    assert [len(await read(scope, stream)) for stream in ("order-1", "order-2")] == [1, 1]


async def test_an_append_sent_twice_with_one_key_leaves_one_event(record: Any, scope: Scope):
    """S0-184: what a client does that lost the answer."""
    again = []
    for _ in range(2):
        async with transaction(record.app, scope) as inside:
            again.append(await append_once(inside, "order-1", [fact("order.placed", {"total": 5})], "key-1"))

    assert again[0] == again[1]
    assert len(await read(scope, "order-1")) == 1


async def test_a_key_used_for_another_append_is_refused(record: Any, scope: Scope):
    async with transaction(record.app, scope) as inside:
        await append_once(inside, "order-1", [fact("order.placed", {"total": 5})], "key-1")

    with pytest.raises(IdempotencyConflict, match="'key-1'"):
        async with transaction(record.app, scope) as inside:
            await append_once(inside, "order-1", [fact("order.placed", {"total": 6})], "key-1")


async def test_an_unknown_organization_has_no_streams(scope: Scope):
    with pytest.raises(NotFound, match="no organization"):
        await append(msgspec.structs.replace(scope, organization=uuid7()), "order-1")


async def test_another_organization_neither_reads_nor_counts_on_a_stream(
    record: Any, scope: Scope, other_organization: Any
):
    await append(scope, "order-1")
    other = msgspec.structs.replace(scope, organization=other_organization.id)

    assert await read(other, "order-1") == []
    assert (await look_back(other)).events == []
    assert (await append(other, "order-1", expect=0)).sequence == 1


@pytest.mark.parametrize(
    ("type", "data", "error", "message"),
    [
        ("Placed", {}, InvalidInput, "'Placed' is not an event type"),
        ("placed", {}, InvalidInput, "lower-case words joined by dots"),
        ("order." + "x" * 100, {}, InvalidInput, "at most 100"),
        ("order.placed", [1], InvalidInput, "event data is a list"),
        ("order.placed", {"total": float("nan")}, InvalidInput, "event data.total"),
        ("order.placed", {"note": "x" * 300_000}, LimitExceeded, "262144"),
    ],
)
def test_what_is_no_event_is_refused(type: str, data: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        fact(type, data)


def test_a_schema_version_counts_from_1():
    with pytest.raises(InvalidInput, match="schema version 0"):
        fact("order.placed", {}, schema_version=0)


@pytest.mark.parametrize("stream", ["", "x" * 201])
async def test_the_name_of_a_stream_has_a_limit(scope: Scope, stream: str):
    with pytest.raises(InvalidInput, match="1 to 200 characters"):
        await append(scope, stream)


@pytest.mark.parametrize(
    ("stream", "type"),
    [("document-1", "order.placed"), ("order-1", "document.created"), ("order-1", "tag.moved")],
)
def test_what_octavo_writes_itself_is_closed_to_others(stream: str, type: str):
    with pytest.raises(InvalidInput, match="alone"):
        check_open_to_all(stream, type)


def test_a_stream_of_ones_own_is_open():
    check_open_to_all("documents-of-mine", "order.placed")


@pytest.mark.parametrize("change", ["UPDATE octavo.event SET type = 'a.b'", "DELETE FROM octavo.event"])
async def test_the_log_takes_no_change_from_the_application(record: Any, change: str):
    """S3-029: append only."""
    with pytest.raises(AccessDenied):
        await record.app.execute(change)


async def test_each_append_and_each_failure_is_logged(scope: Scope, caplog: pytest.LogCaptureFixture):
    """S0-181."""
    caplog.set_level(logging.DEBUG, "octavo.events")
    await append(scope, "order-1")
    with pytest.raises(VersionConflict):
        await append(scope, "order-1", expect=0)

    told = [
        (line.levelname, line.stream, line.type) for line in caplog.records if line.name == "octavo.events"
    ]

    assert told == [("DEBUG", "order-1", "order.placed"), ("ERROR", "order-1", "order.placed")]


async def test_data_is_stored_as_it_was_given(scope: Scope):
    """S0-179: names in the reader's own spelling; nothing is added, indented or renamed."""
    given = {"orderId": "7", "lines": [{"unitPrice": "1.50", "quantity": 2}], "paidAt": None, "ok": True}

    event = await append(scope, "order-1", **given)

    assert event.data == given


async def test_a_look_back_shows_the_newest_first(scope: Scope):
    """S3-031."""
    appended = [await append(scope, f"order-{number % 2}") for number in range(5)]

    page = await look_back(scope)

    assert page.events == appended[::-1]
    assert page.before is None


async def test_a_look_back_goes_on_page_by_page(scope: Scope):
    appended = [await append(scope, "order-1") for _ in range(5)]

    first = await look_back(scope, limit=3)
    second = await look_back(scope, limit=3, before=first.before)

    assert first.events == appended[:1:-1]
    assert (second.events, second.before) == (appended[1::-1], None)


async def test_a_look_back_for_what_is_rare_looks_at_a_bounded_number_of_events(scope: Scope):
    scope = msgspec.structs.replace(scope, limits=msgspec.structs.replace(scope.limits, scanned=3))
    rare = await append(scope, "order-1", "order.lost")
    for _ in range(7):
        await append(scope, "order-1")

    pages = [await look_back(scope, types=["order.lost"])]
    while (before := pages[-1].before) is not None:
        pages.append(await look_back(scope, types=["order.lost"], before=before))

    assert [page.events for page in pages] == [[], [], [rare]]


async def test_a_look_back_can_be_asked_for_what_who_and_when(scope: Scope):
    bot = Origin(Actor("bot", "agent"), session="s-1", correlation="c-1")
    document = uuid7()
    ours = await append(scope, "order-1", "order.placed")
    theirs = await events.append(
        msgspec.structs.replace(scope, origin=bot), "order-2", fact("order.paid", {}, document_id=document)
    )

    for asked in (
        {"types": ["order.paid"]},
        {"actor": Actor("bot", "agent")},
        {"session": "s-1"},
        {"correlation": "c-1"},
        {"document_id": document},
        {"since": theirs.recorded_at},
    ):
        assert (await look_back(scope, **asked)).events == [theirs], asked
    assert (await look_back(scope, until=theirs.recorded_at)).events == [ours]
    assert (await look_back(scope, actor=Actor("bot", "user"))).events == []


@pytest.mark.parametrize("limit", [0, 1_001])
async def test_a_page_has_a_limit(scope: Scope, limit: int):
    with pytest.raises(InvalidInput, match=f"page of {limit} "):
        await look_back(scope, limit=limit)


async def test_types_given_as_one_text_are_refused(scope: Scope):
    with pytest.raises(InvalidInput, match="give a list"):
        await read(scope, "order-1", types="order.placed")


async def test_the_history_of_a_tag_replayed_is_the_tag(docs: Documents, scope: Scope):
    """S3-027, S3-028: every move says where from and where to."""
    doc = await docs.put("article", {"n": 1}, name="hello")
    await docs.tag(doc.id, "production")
    doc = await docs.put("article", {"n": 2}, name="hello")
    await docs.tag(doc.id, "production")
    await docs.tag(doc.id, "staging")
    await docs.untag(doc.id, "staging")

    replayed: dict[str, int] = {}
    for event in await read(scope, events.document_stream(doc.id), types=["tag.moved", "tag.removed"]):
        assert replayed.get(event.data["tag"]) == event.data.get("previous")
        if event.type == "tag.moved":
            replayed[event.data["tag"]] = event.data["version"]
        else:
            del replayed[event.data["tag"]]

    assert replayed == {tag.name: tag.version for tag in await docs.tags(doc.id)} == {"production": 2}


async def test_the_state_of_documents_is_told_by_their_events_alone(docs: Documents, scope: Scope):
    """S0-176: delete, restore, revert, tag and untag each have an event."""
    kept = await docs.put("article", {"n": 1}, name="kept")
    await docs.patch(kept.id, {"n": 2})
    await docs.revert(kept.id, 1)
    gone = await docs.put("article", {"n": 3}, name="gone")
    await docs.delete(gone.id)
    back = await docs.put("article", {"n": 4}, name="back")
    await docs.delete(back.id)
    await docs.restore(back.id)

    versions: dict[Any, int] = {}
    deleted: dict[Any, bool] = {}
    for event in reversed((await look_back(scope)).events):
        versions[event.document_id] = event.data["version"]
        deleted[event.document_id] = event.type == "document.deleted"

    for doc in (kept, gone, back):
        stored = await docs.get(doc.id, deleted=True)
        assert (stored.version, stored.deleted_at is not None) == (versions[doc.id], deleted[doc.id])


async def _append_two_and_fail(record: Any, scope: Scope) -> None:
    async with transaction(record.app, scope) as inside:
        await append(inside, "order-1")
        await append(inside, "order-2")
        raise RuntimeError("changed my mind")


async def _until_waiting(record: Any) -> None:
    while True:
        row = await record.system.fetchrow(
            "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        )
        if row["n"]:
            return
