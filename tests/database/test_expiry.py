"""Documents that expire: hidden from the moment on, deleted by the sweep, and kept when somebody gave more time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, NotFound, VersionConflict
from octavo.operations.expiry import sweep_expired
from octavo.operations.export import export_documents
from octavo.operations.imports import import_documents
from octavo.operations.task import Bounds
from octavo.store import events, retention
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.workspace import Documents
from tests.database.conftest import documents_for, scope_for

PAST = datetime(2026, 1, 1, tzinfo=UTC)
FUTURE = datetime(2126, 1, 1, tzinfo=UTC)


async def history(scope: Scope, document: Any) -> list[str]:
    return [event.type for event in await events.read(scope, f"document-{document.id}")]


async def test_a_document_says_when_it_expires(docs: Documents):
    """S2-042"""
    document = await docs.put("session", {"n": 1}, ttl_seconds=3600)

    left = await docs.expiry(document.id)

    assert left is not None
    assert timedelta(minutes=59) < left - document.created_at <= timedelta(minutes=61)
    assert (await docs.get(document.id)).version == 1


async def test_without_a_moment_a_put_is_one_statement_as_ever(docs: Documents, statements: list[str]):
    await docs.put("session", {"n": 1}, name="s")

    assert len(statements) == 1


async def test_a_put_and_its_moment_are_committed_together(docs: Documents, scope: Scope):
    document = await docs.put("session", {"n": 1}, name="s", expires_at=FUTURE)
    found = await events.read(scope, f"document-{document.id}")

    assert [event.type for event in found] == ["document.created", "document.expiry_set"]
    assert found[1].data == {"version": 1, "expiresAt": "2126-01-01T00:00:00+00:00"}
    assert document.position == found[1].position


async def test_a_put_that_fails_sets_no_moment(docs: Documents):
    document = await docs.put("session", {"n": 1}, name="s")

    with pytest.raises(VersionConflict):
        await docs.put("session", {"n": 2}, name="s", expect=7, ttl_seconds=5)

    assert await docs.expiry(document.id) is None


async def test_a_put_sent_twice_with_one_key_sets_its_moment_once(docs: Documents, scope: Scope):
    first = await docs.put("session", {"n": 1}, ttl_seconds=60, idempotency_key="k")
    again = await docs.put("session", {"n": 1}, ttl_seconds=60, idempotency_key="k")

    assert again.id == first.id
    assert await history(scope, first) == ["document.created", "document.expiry_set"]


async def test_documents_of_one_call_expire_together(docs: Documents):
    stored = await docs.put_many([{"type": "session", "body": {"n": n}} for n in range(3)], expires_at=FUTURE)

    assert [await docs.expiry(document.id) for document in stored] == [FUTURE] * 3


async def test_a_put_without_a_moment_keeps_it_and_one_with_a_moment_moves_it(docs: Documents):
    document = await docs.put("session", {"n": 1}, name="s", expires_at=FUTURE)
    await docs.put("session", {"n": 2}, name="s")
    kept = await docs.expiry(document.id)
    await docs.put("session", {"n": 2}, name="s", expires_at=FUTURE + timedelta(days=1))

    assert kept == FUTURE
    assert await docs.expiry(document.id) == FUTURE + timedelta(days=1)


READS: dict[str, Callable[[Documents, Any], Awaitable[Any]]] = {
    "by id": lambda docs, one: docs.get(one.id),
    "by name": lambda docs, _: docs.get("session", name="s"),
    "a version": lambda docs, one: docs.get(one.id, version=1),
    "a tag": lambda docs, one: docs.get(one.id, tag="live"),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
async def test_an_expired_document_is_read_no_more_before_the_sweep(docs: Documents, read: Any):
    document = await docs.put("session", {"n": 1}, name="s")
    await docs.tag(document.id, "live")
    await read(docs, document)

    await docs.set_expiry(document.id, PAST)

    with pytest.raises(NotFound, match="is deleted"):
        await read(docs, document)
    assert await docs.get_many([document.id]) == {}
    assert (await docs.get(document.id, deleted=True)).deleted_at == PAST


async def names(found: Any) -> set[str]:
    return {document.name async for document in found}


async def session(docs: Documents) -> set[str]:
    return {document.name for document in (await docs.by_session("s-1")).documents}


LISTS: dict[str, Callable[[Documents], Awaitable[set[str]]]] = {
    "all": lambda docs: names(docs.find()),
    "of a type": lambda docs: names(docs.find("session")),
    "one a page": lambda docs: names(docs.find("session", limit=10, order="@name")),
    "by an index": lambda docs: names(docs.find(where={"user": "u"})),
    "looked at": lambda docs: names(docs.find(where={"n": {"$gte": 0}})),
    "sorted": lambda docs: names(docs.find(where={"user": "u"}, order="-n")),
    "without bodies": lambda docs: names(docs.find(include_body=False)),
    "by session": session,
}


@pytest.mark.parametrize("listed", LISTS.values(), ids=list(LISTS))
async def test_no_list_shows_an_expired_document_before_the_sweep(
    record: Any, organization: Organization, listed: Any
):
    """S2-042"""
    docs = documents_for(record, organization, origin=Origin(Actor("ann"), session="s-1"))
    for n, name in enumerate("abcde"):
        await docs.put(
            "session", {"n": n, "user": "u"}, name=name, expires_at=PAST if name in "ade" else FUTURE
        )

    assert await listed(docs) == {"b", "c"}


async def test_pages_of_one_document_pass_over_expired_ones(docs: Documents):
    for name in "abcde":
        await docs.put("session", {"n": 1}, name=name, expires_at=PAST if name in "ade" else None)

    pages = [page async for page in docs.find("session", order="@name", limit=1).pages()]
    first = await docs.find("session", order="@name").first()

    assert [[one.name for one in page.documents] for page in pages] == [["b"], ["c"], []]
    assert pages[-1].cursor is None
    assert first is not None
    assert first.name == "b"


@pytest.mark.parametrize(
    "where", [None, {"user": "u"}, {"n": {"$gte": 0}}], ids=["all", "by an index", "looked at"]
)
async def test_expired_documents_are_not_counted_grouped_or_changed(docs: Documents, where: Any):
    for n in range(5):
        await docs.put("session", {"n": n, "user": "u"}, expires_at=PAST if n < 2 else None)

    groups = await docs.group("session", by=["user"], where=where)
    tried = await docs.update_many("session", {"seen": True}, where=where or {}, dry_run=True)
    updated = await docs.update_many("session", {"seen": True}, where=where or {})
    deleted = await docs.delete_many("session", where=where or {})

    assert [group.count for group in groups] == [3]
    assert (tried.matched, updated.changed, deleted.changed) == (3, 3, 3)
    assert await docs.count("session", where=where) == 0


async def test_hiding_what_expired_takes_no_further_statement(docs: Documents, statements: list[str]):
    await docs.put("session", {"n": 1}, name="s", expires_at=PAST)
    await docs.put("session", {"n": 2}, name="t")
    statements.clear()

    await docs.find("session").page()
    await docs.count("session")

    assert len(statements) == 2


async def test_the_sweep_deletes_what_is_due_and_nothing_else(record: Any, docs: Documents, scope: Scope):
    """S2-042: softly, with an event that says who it was."""
    due = await docs.put("session", {"n": 1}, name="due", expires_at=PAST)
    later = await docs.put("session", {"n": 2}, name="later", expires_at=FUTURE)
    never = await docs.put("session", {"n": 3}, name="never")

    await sweep_expired(record.system)

    deleted = (await events.read(scope, f"document-{due.id}"))[-1]
    assert (deleted.type, deleted.actor) == ("document.deleted", Actor("expiry", "system"))
    assert {document.name async for document in docs.find("session")} == {"later", "never"}
    assert set(await docs.get_many([due.id, later.id, never.id])) == {later.id, never.id}


async def test_a_document_restored_after_it_expired_stays(record: Any, docs: Documents):
    document = await docs.put("session", {"n": 1}, expires_at=PAST)
    await sweep_expired(record.system)

    restored = await docs.restore(document.id)
    await sweep_expired(record.system)

    assert (await docs.get(document.id)).version == restored.version
    assert await docs.expiry(document.id) is None


async def test_more_time_given_after_the_moment_brings_a_document_back(record: Any, docs: Documents):
    document = await docs.put("session", {"n": 1}, expires_at=PAST)

    await docs.set_expiry(document.id, ttl_seconds=60)
    await sweep_expired(record.system)

    assert (await docs.get(document.id)).body == {"n": 1}


async def test_a_moment_can_be_taken_away(docs: Documents, scope: Scope):
    document = await docs.put("session", {"n": 1}, expires_at=FUTURE)

    await docs.set_expiry(document.id)
    again = await docs.set_expiry(document.id)

    assert await docs.expiry(document.id) is None
    assert (await events.read(scope, f"document-{document.id}"))[-1].data == {"version": 1, "expiresAt": None}
    assert again == (await docs.get(document.id)).position


async def test_a_document_that_is_being_changed_is_left_to_the_next_sweep(record: Any, docs: Documents):
    document = await docs.put("session", {"n": 1}, expires_at=PAST)
    async with record.app.transaction() as changing:
        await changing.execute(
            "SELECT FROM octavo.document WHERE organization_id = $1::octavo.organization FOR UPDATE",
            (await docs._bind()).organization,
        )
        await sweep_expired(record.system)
        between = await docs.get(document.id, deleted=True)

    await sweep_expired(record.system)

    assert between.version == 1
    assert (await docs.get(document.id, deleted=True)).version == 2


async def test_a_sweep_is_bounded_and_a_dry_run_changes_nothing(fresh_record: Any):
    organization = await make(fresh_record)
    docs = documents_for(fresh_record, organization)
    await docs.put_many([{"type": "session", "body": {"n": n}} for n in range(250)], expires_at=PAST)

    told = await sweep_expired(fresh_record.system, Bounds(limit=1000, dry_run=True))
    first = await sweep_expired(fresh_record.system, Bounds(limit=120))
    rest = await sweep_expired(fresh_record.system)

    assert (told.changed, first.changed, rest.changed) == (250, 120, 130)
    assert await docs.count("session") == 0


async def test_a_legal_hold_stops_the_sweep(fresh_record: Any):
    organization = await make(fresh_record)
    docs = documents_for(fresh_record, organization)
    await docs.put("session", {"n": 1}, expires_at=PAST)

    await retention.hold(fresh_record.system, organization.name, held=True)
    held = await sweep_expired(fresh_record.system)
    await retention.hold(fresh_record.system, organization.name, held=False)
    lifted = await sweep_expired(fresh_record.system)

    assert (held.changed, lifted.changed) == (0, 1)


async def test_the_sweep_wakes_the_readers_of_the_log(record: Any, docs: Documents):
    told: list[bool] = []
    await docs.put("session", {"n": 1}, expires_at=PAST)

    await sweep_expired(record.system, committed=lambda *, runs=False: told.append(runs))

    assert told


@pytest.mark.parametrize(
    "given",
    [
        {"expires_at": FUTURE, "ttl_seconds": 5},
        {"expires_at": datetime(2126, 1, 1)},  # noqa: DTZ001 - that is the point
        {"ttl_seconds": 0},
        {"ttl_seconds": -1},
        {"ttl_seconds": 1e12},
    ],
    ids=["both", "no time zone", "no time", "less than no time", "for ever"],
)
async def test_a_moment_that_is_none_is_refused_and_nothing_is_put(docs: Documents, given: dict[str, Any]):
    with pytest.raises(InvalidInput):
        await docs.put("session", {"n": 1}, **given)

    assert await docs.count("session") == 0


async def test_a_document_that_is_not_there_cannot_expire(docs: Documents):
    with pytest.raises(NotFound):
        await docs.set_expiry(uuid7(), FUTURE)
    with pytest.raises(NotFound):
        await docs.expiry(uuid7())


async def test_the_moment_travels_with_an_export(
    record: Any, docs: Documents, scope: Scope, other_organization: Organization, tmp_path: Path
):
    document = await docs.put("session", {"n": 1}, name="s", expires_at=FUTURE)
    await docs.put("session", {"n": 2}, name="for good")
    there, theirs = documents_for(record, other_organization), scope_for(record, other_organization)
    await export_documents(record.app, scope, None, tmp_path / "export")

    first = await import_documents(record.app, theirs, None, tmp_path / "export")
    await there.set_expiry(document.id)
    second = await import_documents(record.app, theirs, None, tmp_path / "export")
    third = await import_documents(record.app, theirs, None, tmp_path / "export")

    assert (first.created, second.updated, third.updated, third.unchanged) == (2, 1, 0, 2)
    assert await there.expiry(document.id) == FUTURE
    assert await there.expiry((await there.get("session", name="for good")).id) is None


async def make(record: Any) -> Organization:
    from octavo.store import organizations  # noqa: PLC0415 - beside the fixture's

    return await organizations.create(record.system, f"held-{uuid7().hex}")
