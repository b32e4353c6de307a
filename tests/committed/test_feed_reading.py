"""What a reader is given: its own organization's events, those that match, and all of them, known type or not."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store import events, organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.position import START
from octavo.values.upcast import Upcasters
from tests.databases import administrator
from tests.feeds import append, documents_of, feed_of, read_to_end, scope_of

MANY = """INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type,
    data, actor, actor_kind)
    SELECT clock_timestamp(), 1, pg_current_xact_id(), nextval('octavo.event_position'), $1, 'bulk', n,
        CASE WHEN n % 30000 = 0 THEN 'acme.rare' ELSE 'acme.common' END, '{}', 'ann', 'user'
    FROM generate_series(1, $2) AS n"""


async def test_a_reader_of_an_organization_sees_its_own_events_only(fresh_record: Record):
    mine, other = [await organizations.create(fresh_record.system, name) for name in ("mine", "other")]
    for each in (mine, other, mine, other):
        await append(scope_of(fresh_record, each.id), "order-1")

    seen = await read_to_end(feed_of(fresh_record, mine.id))

    assert [event.organization_id for event in seen] == [mine.id] * 2
    assert len(await read_to_end(feed_of(fresh_record))) == 4


async def test_a_reader_of_an_organization_is_not_told_of_others_that_wait(
    record: Record, organization: Organization
):
    other = await organizations.create(record.system, f"other-{organization.id}")
    async with record.system.transaction() as open_transaction:
        await open_transaction.fetchrow("SELECT pg_current_xact_id()")
        await append(scope_of(record, other.id), "order-1")

        assert not (await feed_of(record, organization.id).read()).is_held
        assert (await feed_of(record, other.id).read()).is_held


@pytest.mark.parametrize("whole", [True, False], ids=["of all", "of one organization"])
async def test_the_server_filters_by_type_stream_and_document(
    fresh_record: Record, acme: Organization, own_scope: Scope, whole: bool
):
    about = uuid7()
    placed = await append(own_scope, "order-1", "order.placed")
    paid = await append(own_scope, "order-2", "order.paid")
    noted = await events.append(own_scope, "order-2", events.fact("order.noted", {}, document_id=about))
    feed = feed_of(fresh_record, None if whole else acme.id)

    assert await read_to_end(feed, types=["order.placed"]) == [placed]
    assert await read_to_end(feed, types=["order.placed", "order.paid"]) == [placed, paid]
    assert await read_to_end(feed, stream="order-2") == [paid, noted]
    assert await read_to_end(feed, document_id=about) == [noted]
    assert await read_to_end(feed, types=["order.paid"], stream="order-1") == []
    assert await read_to_end(feed, types=[]) == []


@pytest.mark.parametrize("whole", [True, False], ids=["of all", "of one organization"])
async def test_what_is_rare_is_found_in_steps_and_none_of_it_is_lost(
    server: Server, fresh_record: Record, fresh_database: str, acme: Organization, whole: bool
):
    """S0-188: a filter on the server that never reads the whole log in one statement."""
    async with administrator(server, fresh_database) as admin:
        await admin.execute(MANY, acme.id, 65_000)
    feed = feed_of(fresh_record, None if whole else acme.id)
    await read_to_end(feed, limit=10_000)

    first = await feed.read(types=["acme.rare"])
    found = await read_to_end(feed, types=["acme.rare"])

    assert (first.events, first.is_last) == ([], False)
    assert START < first.cursor < first.gate
    assert [event.sequence for event in found] == [30_000, 60_000]


async def test_a_window_that_is_full_of_matches_skips_none(
    server: Server, fresh_record: Record, fresh_database: str, acme: Organization
):
    async with administrator(server, fresh_database) as admin:
        await admin.execute(MANY, acme.id, 25_000)

    found = await read_to_end(feed_of(fresh_record, acme.id), limit=7_000, types=["acme.common"])

    assert [event.sequence for event in found] == list(range(1, 25_001))


async def test_an_event_of_an_unknown_type_is_delivered(record: Record, scope: Scope):
    """S0-190: no reader drops what it does not know."""
    strange = await append(scope, "order-1", "nobody.ever_heard_of_this", deep={"er": [1, None]})

    [found] = await read_to_end(feed_of(record, scope.organization))

    assert found == strange
    assert found.data == {"deep": {"er": [1, None]}}


async def test_types_given_as_one_text_are_refused(record: Record):
    with pytest.raises(InvalidInput, match="give a list"):
        await feed_of(record).read(types="order.placed")


async def test_an_event_of_an_old_shape_is_read_as_a_new_one(
    record: Record, organization: Organization, scope: Scope
):
    """S0-186: a version a type, and upcasters."""
    await append(scope, "order-1", "order.placed", name="Ann Lee")
    await events.append(scope, "order-1", events.fact("order.placed", {"first": "Bo"}, schema_version=2))
    newest = Upcasters().with_step("order.placed", 1, lambda data: {"first": data["name"].split()[0]})

    found = await read_to_end(Feed(record.app, Wakeup(), organization.id, upcasters=newest))

    assert [(event.schema_version, event.data) for event in found] == [
        (2, {"first": "Ann"}),
        (2, {"first": "Bo"}),
    ]


async def test_every_change_of_a_document_is_one_event_of_its_stream(
    record: Record, organization: Organization
):
    """S0-168, S0-169, S0-182, S0-189, S3-047, S3-049: one stream a document, in order, whatever happened to it."""
    docs = documents_of(record, organization.id)
    first = await docs.put("article", {"title": "Hello"}, name="hello")
    second = await docs.patch(first.id, {"title": "Hi"})
    await docs.tag(first.id, "production")
    await docs.revert(first.id, 1)
    await docs.untag(first.id, "production")
    await docs.delete(first.id)

    found = await read_to_end(feed_of(record, organization.id), stream=events.document_stream(first.id))

    assert [(event.sequence, event.type, event.version) for event in found] == [
        (1, "document.created", 1),
        (2, "document.updated", 2),
        (3, "tag.moved", 2),
        (4, "document.reverted", 3),
        (5, "tag.removed", None),
        (6, "document.deleted", 4),
    ]
    assert found[1].data["previousHash"] == found[0].data["hash"]
    assert (found[0].position, found[1].position) == (first.position, second.position)
    assert all(event.document_id == first.id for event in found)


async def test_the_log_holds_no_value_of_a_document(record: Record, organization: Organization):
    """S0-177: what an event says of a change is where, not what."""
    docs = documents_of(record, organization.id)
    secret = "Ann Lee, born 1970"
    doc = await docs.put("person", {"name": secret, "notes": {"about": secret}}, metadata={"said": secret})
    await docs.patch(doc.id, {"name": f"{secret}!"})
    await docs.delete(doc.id)

    found = await read_to_end(feed_of(record, organization.id))

    assert len(found) == 3
    assert not any(secret.encode() in event.raw_data for event in found)
    assert found[1].data["fields"] == ["name"]


async def test_a_cancelled_read_ends_at_once_and_frees_its_connection(
    server: Server, fresh_record: Record, fresh_database: str, own_scope: Scope
):
    """S0-192."""
    event = await append(own_scope, "order-1")
    async with administrator(server, fresh_database) as admin, admin.transaction():
        await admin.execute("LOCK TABLE octavo.event IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(feed_of(fresh_record).read())
        await _until_somebody_waits(admin)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await _until_nobody_waits(admin)

    assert await read_to_end(feed_of(fresh_record)) == [event]


WAITING = """SELECT count(*) FROM pg_locks
    WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


async def _until_somebody_waits(admin) -> None:
    while not await admin.fetchval(WAITING):
        pass


async def _until_nobody_waits(admin) -> None:
    while await admin.fetchval(WAITING):
        pass


def test_a_document_stream_has_one_name_everywhere():
    """S0-182: one naming function for writers and readers."""
    id = UUID("01890000-0000-7000-8000-000000000001")

    assert events.document_stream(id) == "document-01890000-0000-7000-8000-000000000001"
