"""The gate: an open writer anywhere on the server delays readers, is named, and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from octavo.errors import AccessDenied, Conflict, InvalidInput
from octavo.postgres.epoch import begin_epoch
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.position import START, Position
from tests.databases import administrator, connect
from tests.feeds import append, feed_of, read_to_end, take


@pytest.fixture
async def elsewhere(server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection to another database of the server."""
    connection = await connect(server, "octavo_admin", "postgres")
    yield connection
    await connection.close()


async def test_a_writer_open_in_another_database_delays_and_never_loses(
    record: Record, scope: Scope, elsewhere: asyncpg.Connection
):
    feed = feed_of(record, scope.organization)
    before = await append(scope, "order-1")
    await read_to_end(feed)
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT pg_current_xact_id()")
        behind = await append(scope, "order-1")

        held = await feed.read(before.position)
        holder = (await feed_of(record).gate()).holders[0]

    assert (held.events, held.is_last, held.is_held) == ([], True, True)
    assert held.cursor == held.gate < behind.position
    assert (holder.database, holder.pid) == ("postgres", elsewhere.get_server_pid())
    assert await take(feed.follow(held.cursor), 1) == [behind]


async def test_a_lock_for_update_holds_the_gate_too(server: Server, record: Record, scope: Scope):
    await append(scope, "order-1")
    async with administrator(server) as admin, admin.transaction():
        await admin.execute(
            "SELECT FROM octavo.stream WHERE organization_id = $1 FOR UPDATE", scope.organization
        )
        other = await append(scope, "order-2")

        held = await feed_of(record, scope.organization).read()

    assert other not in held.events
    assert held.is_held
    assert other in await read_to_end(feed_of(record, scope.organization))


async def test_a_prepared_transaction_holds_the_gate_and_is_named(
    record: Record, scope: Scope, elsewhere: asyncpg.Connection
):
    feed = feed_of(record, scope.organization)
    await elsewhere.execute("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'")
    try:
        event = await append(scope, "order-1")
        held = await feed.read()
        holders = (await feed_of(record).gate()).holders
    finally:
        await elsewhere.execute("ROLLBACK PREPARED 'forgotten'")

    assert (held.events, held.is_held) == ([], True)
    assert [holder.prepared for holder in holders] == ["forgotten"]
    assert await take(feed.follow(), 1) == [event]


async def test_a_gate_younger_than_asked_for_has_no_holder(record: Record, elsewhere: asyncpg.Connection):
    async with elsewhere.transaction():
        await elsewhere.execute("SELECT pg_current_xact_id()")

        gate = await feed_of(record).gate(older_than_seconds=3600)

    assert gate.holders == []


async def test_an_organization_is_not_told_who_holds_the_gate(record: Record, organization: Organization):
    with pytest.raises(AccessDenied, match="not told to one organization"):
        await feed_of(record, organization.id).gate()


async def test_a_reader_only_transaction_holds_nothing(
    record: Record, scope: Scope, elsewhere: asyncpg.Connection
):
    async with elsewhere.transaction(isolation="repeatable_read", readonly=True):
        await elsewhere.fetchval("SELECT count(*) FROM pg_class")
        event = await append(scope, "order-1")

        assert await read_to_end(feed_of(record, scope.organization)) == [event]


async def test_a_cursor_is_the_last_event_after_a_full_batch_and_the_gate_after_a_short_one(
    record: Record, scope: Scope
):
    events = [await append(scope, "order-1") for _ in range(3)]
    feed = feed_of(record, scope.organization)
    await read_to_end(feed)

    full = await feed.read(limit=2)
    short = await feed.read(full.cursor, limit=2)

    assert (full.cursor, full.is_last) == (events[1].position, False)
    assert (short.events, short.cursor, short.is_last) == ([events[2]], short.gate, True)
    assert (short.cursor.epoch, short.cursor.id) == (1, 0)
    assert short.cursor > events[2].position


async def test_what_is_committed_later_comes_after_the_position_of_now(record: Record, scope: Scope):
    await append(scope, "order-1")
    feed = feed_of(record, scope.organization)
    await read_to_end(feed)

    now = await feed.position()
    later = await append(scope, "order-1")

    assert await read_to_end(feed, now) == [later]


async def test_a_new_epoch_comes_after_the_old_one_whatever_its_xids(
    server: Server, fresh_record: Record, fresh_database: str, own_scope: Scope
):
    """After a logical restore the old events' xids are far above those the server gives now."""
    for _ in range(3):
        await append(own_scope, "order-1")
    async with administrator(server, fresh_database) as admin:
        for table in ("event", "stream"):
            await admin.execute(
                f"UPDATE octavo.{table} SET position_xid = (position_xid::text::bigint + 1e9::bigint)::text::xid8"
            )
    await begin_epoch(fresh_record.system)
    after = await append(own_scope, "order-1")

    found = await read_to_end(feed_of(fresh_record), limit=2)

    assert [event.sequence for event in found] == [1, 2, 3, 4]
    assert [event.position.epoch for event in found] == [1, 1, 1, 2]
    assert after.position.xid < found[0].position.xid
    assert after.position > found[2].position


async def test_a_cursor_of_the_old_epoch_goes_on_in_the_new_one(fresh_record: Record, own_scope: Scope):
    await append(own_scope, "order-1")
    feed = feed_of(fresh_record)
    await read_to_end(feed)
    cursor = (await feed.read()).cursor
    await begin_epoch(fresh_record.system)
    event = await append(own_scope, "order-1")

    assert cursor.epoch == 1
    assert await read_to_end(feed, cursor) == [event]


async def test_a_position_of_an_epoch_to_come_is_refused(record: Record):
    with pytest.raises(Conflict, match="epoch 7, and the record is in epoch 1"):
        await feed_of(record).read(Position(0, 7, 1, 1))


async def test_a_position_of_another_shard_is_refused(record: Record):
    with pytest.raises(InvalidInput, match="shard 3"):
        await feed_of(record).read(Position(3, 1, 1, 1))


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_batch_has_a_limit(record: Record, limit: int):
    with pytest.raises(InvalidInput, match=f"batch of {limit} "):
        await feed_of(record).read(START, limit)
