"""Changing many documents by filter: all of them, once each, in bounded chunks, safe beside other writers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from octavo.errors import InvalidBody, InvalidFilter, InvalidInput, LimitExceeded, NotFound
from octavo.store import bulk
from octavo.store.known import KnownTypes
from octavo.store.scope import Limits, Scope
from octavo.values.type import DocumentType
from octavo.workspace import Documents
from octavo.workspace.transactions import unit_of_work
from tests.database.conftest import documents_for


async def put_tickets(docs: Documents, count: int, **fields: Any) -> None:
    """Tickets 0 … count - 1, made in one statement."""
    await docs.put_many(
        [
            {"type": "ticket", "name": f"{n:05}", "body": {"n": n, "status": "done", **fields}}
            for n in range(count)
        ]
    )


async def statuses(docs: Documents) -> Counter[str]:
    return Counter([doc.body["status"] async for doc in docs.find("ticket", limit=1_000)])


async def test_every_matching_document_is_patched_and_no_other(docs: Documents):
    await put_tickets(docs, 30)

    done = await docs.update_many("ticket", {"status": "closed"}, where={"n": {"$lt": 10}})

    assert (done.matched, done.changed) == (10, 10)
    assert await statuses(docs) == {"closed": 10, "done": 20}


async def test_each_changed_document_has_one_more_version_and_one_more_event(
    docs: Documents, record, organization
):
    await put_tickets(docs, 3)

    done = await docs.update_many("ticket", {"$inc": {"n": 10}}, where={"status": "done"})

    doc = await docs.get("ticket", name="00002")
    assert (doc.version, doc.body["n"]) == (2, 12)
    assert [(v.number, v.change) for v in await docs.history(doc.id)] == [(2, "updated"), (1, "created")]
    events = await record.system.fetch(
        "SELECT type, data->>'fields' AS fields, id FROM octavo.event WHERE organization_id = $1 ORDER BY id",
        organization.id,
    )
    assert [event["type"] for event in events] == ["document.created"] * 3 + ["document.updated"] * 3
    assert events[-1]["fields"] == '["n"]'
    assert done.position is not None
    assert done.position.id == events[-1]["id"]


async def test_documents_that_are_equal_already_match_and_do_not_change(docs: Documents):
    await put_tickets(docs, 4)
    await docs.update_many("ticket", {"status": "closed"}, where={"n": {"$gte": 2}})

    again = await docs.update_many("ticket", {"status": "closed"}, where={})

    assert (again.matched, again.changed) == (4, 2)
    assert (await docs.update_many("ticket", {"status": "closed"}, where={})).position is None


async def test_metadata_is_patched_too(docs: Documents):
    await put_tickets(docs, 2)

    await docs.update_many("ticket", {}, where={"n": 1}, metadata={"reviewed": True})

    assert [doc.name async for doc in docs.find(where={"@metadata.reviewed": True})] == ["00001"]


async def test_attributes_and_labels_choose_documents_too(docs: Documents):
    await put_tickets(docs, 4)
    doc = await docs.get("ticket", name="00002")
    await docs.label(doc.id, "legal")

    labelled = await docs.update_many(None, {"status": "seen"}, where={"@labels": "legal", "n": {"$gt": 0}})
    named = await docs.update_many(
        "ticket", {"status": "named"}, where={"@name": {"$in": ["00000", "00003"]}}
    )
    by_nobody = await docs.delete_many("ticket", where={"@updated_by": "nobody"})

    assert (labelled.changed, named.changed, by_nobody.matched) == (1, 2, 0)
    assert await statuses(docs) == {"done": 1, "seen": 1, "named": 2}
    assert [group.count for group in await docs.group(by="status", where={"@labels": "legal"})] == [1]


async def test_deleted_documents_are_gone_and_come_back_by_restore(docs: Documents):
    await put_tickets(docs, 6)
    doc = await docs.get("ticket", name="00001")

    done = await docs.delete_many("ticket", where={"n": {"$lt": 4}})

    assert (done.matched, done.changed) == (4, 4)
    assert await docs.count("ticket") == 2
    with pytest.raises(NotFound):
        await docs.get(doc.id)
    assert (await docs.restore(doc.id)).body == doc.body


async def test_a_dry_run_counts_and_changes_nothing(docs: Documents, statements):
    await put_tickets(docs, 6)
    statements.clear()

    would_delete = await docs.delete_many("ticket", where={"n": {"$lt": 4}}, dry_run=True)
    would_update = await docs.update_many("ticket", {"x": 1}, where={"status": "done"}, dry_run=True)

    assert (would_delete.matched, would_delete.changed) == (4, 0)
    assert (would_update.matched, would_update.changed) == (6, 0)
    assert len(statements) == 2
    assert await statuses(docs) == {"done": 6}


async def test_more_documents_than_allowed_are_refused_before_anything_changes(docs: Documents):
    await put_tickets(docs, 11)

    with pytest.raises(LimitExceeded, match="more than 10 documents"):
        await docs.update_many("ticket", {"status": "closed"}, where={}, max_changed=10)

    assert await statuses(docs) == {"done": 11}
    assert (await docs.delete_many("ticket", where={}, max_changed=11)).changed == 11


async def test_a_chunk_is_two_statements_and_a_transaction(docs: Documents, statements, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 40)
    await put_tickets(docs, 100)
    statements.clear()

    done = await docs.update_many("ticket", {"status": "closed"}, where={"status": "done"}, max_changed=None)

    looks, chunks = 1, 3
    around = 3  # BEGIN, the organization, COMMIT
    assert done.changed == 100
    assert len(statements) == looks + chunks * (2 + around)
    assert sum("FOR NO KEY UPDATE" in statement for statement in statements) == chunks


async def test_what_no_index_finds_is_walked_through_in_looks_and_never_refused(record, organization):
    docs = documents_for(record, organization, limits=Limits(scanned=25))
    await put_tickets(docs, 120)
    await docs.put_many([{"type": "note", "body": {"n": n, "status": "done"}} for n in range(60)])

    done = await docs.update_many("ticket", {"status": "late"}, where={"n": {"$gte": 95}})

    assert (done.matched, done.changed) == (25, 25)
    assert await docs.count("ticket", where={"status": "late"}) == 25
    assert await docs.count("note", where={"status": "late"}) == 0


@pytest.mark.parametrize(
    "where", [{"status": "done", "n": {"$gte": 7}}, {"@namespace": {"$in": ["default"]}, "n": 7}]
)
async def test_many_matches_of_an_index_are_walked_through(record, organization, where):
    docs = documents_for(record, organization, limits=Limits(scanned=10))
    await put_tickets(docs, 60)

    done = await docs.update_many("ticket", {"seen": True}, where=where)

    expected = 53 if "status" in where else 1
    assert done.changed == expected
    assert await docs.count("ticket", where={"seen": True}) == expected


async def test_chunks_end_where_their_bodies_are_large(docs: Documents, statements, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK_BYTES", 10_000)
    await put_tickets(docs, 10, text="x" * 4_000)
    statements.clear()

    done = await docs.update_many("ticket", {"status": "closed"}, where={})

    assert done.changed == 10
    # The body that reaches the limit is the last of its chunk: three of 4 kB.
    assert sum("FOR NO KEY UPDATE" in statement for statement in statements) == 4


async def test_progress_is_told_after_each_chunk(docs: Documents, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 4)
    await put_tickets(docs, 10)
    told: list[tuple[int, int]] = []

    await docs.update_many(
        "ticket", {"a": 1}, where={}, progress=lambda done, total: told.append((done, total))
    )
    await docs.delete_many(
        "ticket", where={"n": {"$lt": 5}}, max_changed=None, progress=lambda *both: told.append(both)
    )

    assert told == [(4, 10), (8, 10), (10, 10), (4, 0), (5, 0)]


async def test_an_interrupted_call_keeps_its_chunks_and_the_next_one_does_the_rest(
    docs: Documents, monkeypatch
):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 4)
    await put_tickets(docs, 10)

    def interrupt(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        await docs.update_many(
            "ticket", {"status": "closed", "$inc": {"n": 1}}, where={"status": "done"}, progress=interrupt
        )
    assert await statuses(docs) == {"closed": 4, "done": 6}

    rest = await docs.update_many("ticket", {"status": "closed", "$inc": {"n": 1}}, where={"status": "done"})

    assert rest.changed == 6
    assert sorted([doc.body["n"] async for doc in docs.find("ticket")]) == list(range(1, 11))


async def test_a_document_that_leaves_the_filter_while_its_chunk_waits_is_not_changed(
    docs: Documents, record, scope
):
    await put_tickets(docs, 3)
    doc = await docs.get("ticket", name="00001")

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await tx.documents.patch(doc.id, {"status": "kept"})
        bulk_update = asyncio.create_task(docs.update_many("ticket", {"n": -1}, where={"status": "done"}))
        await _somebody_waits_for_a_lock(record)

    assert (await bulk_update).changed == 2
    assert (await docs.get(doc.id)).body == {"n": 1, "status": "kept"}


async def test_what_a_concurrent_writer_changed_is_not_lost(docs: Documents, record, scope):
    await put_tickets(docs, 3)
    doc = await docs.get("ticket", name="00001")

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await tx.documents.patch(doc.id, {"$inc": {"n": 100}})
        bulk_update = asyncio.create_task(
            docs.update_many("ticket", {"$inc": {"n": 1}}, where={"status": "done"})
        )
        await _somebody_waits_for_a_lock(record)

    assert (await bulk_update).changed == 3
    assert (await docs.get(doc.id)).body["n"] == 102


async def test_bulk_changes_in_opposite_orders_and_puts_beside_them_all_succeed(
    record, organization, monkeypatch
):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 50)
    docs = documents_for(record, organization)
    names = [f"{n:04}" for n in range(200)]

    def drafts(serial: int, order: int) -> list[dict[str, Any]]:
        return [
            {"type": "ticket", "name": name, "body": {"n": place, "put": serial}}
            for place, name in enumerate(names)
        ][::order]

    await docs.put_many(drafts(0, 1))
    # The first finds along the index of ids, the second along that of times.
    results = await asyncio.gather(
        *(docs.update_many("ticket", {"$inc": {"one": 1}}, where={"n": {"$gte": 0}}) for _ in range(3)),
        *(
            docs.update_many("ticket", {"$inc": {"two": 1}}, where={"@namespace": {"$in": ["default"]}})
            for _ in range(3)
        ),
        *(docs.put_many(drafts(serial, (-1) ** serial)) for serial in range(1, 5)),
        docs.delete_many("note", where={}),
    )

    assert [done.matched for done in results[:6]] == [200] * 6
    versions = [doc.version async for doc in docs.find("ticket", include_body=False, limit=1_000)]
    assert len(versions) == 200
    assert all(7 <= version <= 11 for version in versions)


async def test_inside_a_transaction_a_bulk_change_is_one_chunk_and_rolls_back_with_it(
    docs, record, scope, monkeypatch
):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 5)
    await put_tickets(docs, 8)

    async def bind() -> Scope:
        return scope

    async def change_and_give_up() -> None:
        async with unit_of_work(record.app, bind) as tx:
            done = await tx.documents.update_many("ticket", {"status": "closed"}, where={"n": {"$lt": 5}})
            assert done.changed == 5
            assert (await tx.documents.update_many("ticket", {}, where={}, dry_run=True)).matched == 8
            await tx.documents.delete_many("ticket", where={})

    with pytest.raises(LimitExceeded, match=r"more than 5 documents.*outside of the transaction"):
        await change_and_give_up()

    assert await statuses(docs) == {"done": 8}


async def test_an_operation_that_does_not_fit_says_how_many_were_changed_before(docs: Documents, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 1)
    await put_tickets(docs, 3)
    await docs.put("ticket", {"n": "many", "status": "done"}, name="last")

    with pytest.raises(InvalidInput, match=r"\$inc needs a number, and the field n") as refused:
        await docs.update_many("ticket", {"$inc": {"n": 1}}, where={"status": "done"})

    changed = await docs.count("ticket", where={"@version": 2})
    assert refused.value.fields["changed"] == changed == 3


class Ticket(DocumentType, name="ticket"):
    n: int
    status: str


def knowing_tickets() -> KnownTypes:
    known = KnownTypes()
    known.models["ticket"] = Ticket
    return known


async def test_a_result_that_does_not_fit_its_registered_type_undoes_its_chunk(
    record, organization, monkeypatch
):
    monkeypatch.setattr(bulk, "CHUNK_DOCUMENTS", 2)
    docs = documents_for(record, organization, types=knowing_tickets())
    await put_tickets(docs, 4)

    assert (await docs.update_many(Ticket, {"status": "closed"}, where={"n": 0})).changed == 1
    with pytest.raises(InvalidBody, match="status") as refused:
        await docs.update_many(Ticket, {"status": None}, where={"n": {"$gte": 1}})

    assert refused.value.fields["changed"] == 0
    assert await statuses(docs) == {"closed": 1, "done": 3}


async def test_inside_a_transaction_a_refused_result_leaves_the_transaction_usable(
    record, organization, scope
):
    typed_scope = msgspec.structs.replace(scope, types=knowing_tickets())

    async def bind() -> Scope:
        return typed_scope

    async with unit_of_work(record.app, bind) as tx:
        await put_tickets(tx.documents, 2)
        with pytest.raises(InvalidBody):
            await tx.documents.update_many("ticket", {"n": "many"}, where={})
        assert (await tx.documents.update_many("ticket", {"status": "kept"}, where={"n": 1})).changed == 1

    assert await statuses(documents_for(record, organization)) == {"done": 1, "kept": 1}


async def test_bad_questions_change_nothing(docs: Documents):
    await put_tickets(docs, 1)

    with pytest.raises(InvalidFilter):
        await docs.delete_many("ticket", where={"n": {"$regex": "("}})
    with pytest.raises(InvalidFilter):
        await docs.delete_many("ticket", where={"n": {"$lessthan": 1}})
    with pytest.raises(InvalidInput, match="max_changed is 0"):
        await docs.delete_many("ticket", where={}, max_changed=0)
    with pytest.raises(InvalidInput, match=r"\$increase"):
        await docs.update_many("ticket", {"$increase": {"n": 1}}, where={})
    assert await statuses(docs) == {"done": 1}


async def test_other_organizations_and_namespaces_are_left_alone(
    docs: Documents, record, other_organization, scope
):
    theirs = documents_for(record, other_organization)
    elsewhere = documents_for(record, type("O", (), {"id": scope.organization}), namespace="elsewhere")
    for each in (docs, theirs, elsewhere):
        await put_tickets(each, 5)

    assert (await docs.update_many(None, {"status": "closed"}, where={})).changed == 5
    assert (await docs.delete_many(None, where={"n": {"$gte": 0}})).changed == 5

    assert await statuses(theirs) == {"done": 5}
    assert await statuses(elsewhere) == {"done": 5}


async def _somebody_waits_for_a_lock(record: Any) -> None:
    """Returns when a statement of this database waits for another transaction."""
    for _ in range(10_000):
        if await record.system.fetch(
            "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
        ):
            return
    raise AssertionError("nobody waits")
