"""The order of the log: every committed event once, and each stream in its sequence, whatever writers do."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.store import organizations
from octavo.store.scope import Scope
from octavo.values.event import Event
from octavo.values.position import START
from tests.databases import administrator, settings_of
from tests.feeds import append, feed_of, read_to_end, scope_of

WRITERS = 12
STREAMS = 8
TRANSACTIONS = 40


@pytest.fixture
async def wide_record(server: Server, fresh_database: str) -> AsyncIterator[Record]:
    """A record with a connection for every writer."""
    opened = await open_record(settings_of(server, fresh_database, pool_size=WRITERS + 2))
    yield opened
    await opened.close()


async def test_an_early_transaction_that_appends_late_does_not_invert_its_stream(
    fresh_record: Record, own_scope: Scope
):
    async with fresh_record.app.transaction() as early:
        await early.fetchrow("SELECT pg_current_xact_id()")
        first = await append(own_scope, "order-1")
        second = await append(scope_of(fresh_record, own_scope.organization, runner=early), "order-1")

    found = await read_to_end(feed_of(fresh_record))

    assert [event.sequence for event in found] == [1, 2]
    assert [event.position for event in found] == [first.position, second.position]
    assert await _writers_in_order_of_start(fresh_record) == [2, 1]


async def test_without_the_rule_two_connections_invert_a_stream(server: Server, fresh_database: str):
    """The mechanism alone, on scratch tables: an event's xid is its transaction's."""
    async with administrator(server, fresh_database) as one, administrator(server, fresh_database) as two:
        await one.execute("CREATE TABLE stream (sequence bigint); INSERT INTO stream VALUES (0)")
        await one.execute("CREATE TABLE event (xid xid8, id bigserial, sequence bigint)")
        naive = """WITH s AS (UPDATE stream SET sequence = sequence + 1 RETURNING sequence)
                   INSERT INTO event (xid, sequence) SELECT pg_current_xact_id(), sequence FROM s"""
        async with one.transaction():
            await one.execute("SELECT pg_current_xact_id()")
            await two.execute(naive)
            await one.execute(naive)
        rows = await one.fetch("SELECT sequence FROM event ORDER BY xid, id")

    assert [row["sequence"] for row in rows] == [2, 1]


async def test_a_live_reader_misses_nothing_and_keeps_every_stream_in_order(wide_record: Record):
    """S0-026, record.md 2: 12 writers, 8 streams, early xids, delays, a fifth rolled back."""
    organization = await organizations.create(wide_record.system, "acme")
    scope = scope_of(wide_record, organization.id)
    done = asyncio.Event()
    reader = asyncio.create_task(_read_until(wide_record, done))

    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(_write(wide_record, scope, random.Random(number)))
    done.set()
    seen = await reader

    committed = await wide_record.system.fetch("SELECT id FROM octavo.event")
    assert len(seen) == len(committed)
    assert {event.position.id for event in seen} == {row["id"] for row in committed}
    by_stream: dict[str, list[int]] = defaultdict(list)
    for event in seen:
        by_stream[event.stream].append(event.sequence)
    assert len(by_stream) == STREAMS
    for sequences in by_stream.values():
        assert sequences == list(range(1, len(sequences) + 1))


async def test_a_rollback_leaves_no_gap_that_blocks(record: Record, scope: Scope):
    first = await append(scope, "order-1")
    with pytest.raises(_ChangedItsMind):
        await _append_and_fail(record, scope)
    second = await append(scope, "order-1")

    found = await read_to_end(feed_of(record, scope.organization))

    assert [event.position for event in found] == [first.position, second.position]
    assert [event.sequence for event in found] == [1, 2]


async def test_batches_of_one_read_the_same_log(record: Record, scope: Scope):
    for number in range(10):
        await append(scope, f"order-{number % 3}")

    by_one = await read_to_end(feed_of(record, scope.organization), limit=1)

    assert by_one == await read_to_end(feed_of(record, scope.organization))
    assert len(by_one) == 10


async def _write(record: Record, scope: Scope, chance: random.Random) -> None:
    for _ in range(TRANSACTIONS):
        streams = sorted(chance.sample(range(STREAMS), chance.choice((1, 1, 2))))
        try:
            async with record.app.transaction() as transaction:
                if chance.random() < 0.5:
                    await transaction.fetchrow("SELECT pg_current_xact_id()")
                await transaction.fetchrow(
                    "SELECT count(*) FROM generate_series(1, $1)", chance.randrange(20_000)
                )
                inside = scope_of(record, scope.organization, runner=transaction)
                for stream in streams:
                    await append(inside, f"order-{stream}")
                if chance.random() < 0.2:
                    raise _ChangedItsMind
        except _ChangedItsMind:
            pass


async def _append_and_fail(record: Record, scope: Scope) -> None:
    async with record.app.transaction() as doomed:
        await append(scope_of(record, scope.organization, runner=doomed), "order-1")
        raise _ChangedItsMind


async def _read_until(record: Record, done: asyncio.Event) -> list[Event]:
    feed, seen, cursor = feed_of(record), [], START
    while True:
        nobody_writes = done.is_set()
        batch = await feed.read(cursor, limit=50)
        seen += batch.events
        cursor = batch.cursor
        if nobody_writes and batch.is_last and not batch.is_held:
            return seen


async def _writers_in_order_of_start(record: Record) -> list[int]:
    """Sequences in the order of the writing transactions' own ids."""
    rows = await record.system.fetch("SELECT sequence FROM octavo.event ORDER BY xmin::text::bigint")
    return [row["sequence"] for row in rows]


class _ChangedItsMind(Exception):
    pass
