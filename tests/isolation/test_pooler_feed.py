"""The log behind a transaction pooler: reads, hints, leases and subscriptions keep nothing in a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from octavo.feed.subscriptions import Subscriptions
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record, open_record
from octavo.settings import Settings
from octavo.store import organizations
from tests.feeds import append, feed_of, read_to_end, scope_of, take


@pytest.fixture
async def record(behind: Settings) -> AsyncIterator[Record]:
    """A record whose pools go through the pooler, and whose LISTEN does not."""
    opened = await open_record(behind)
    yield opened
    await opened.close()


async def test_two_organizations_read_their_own_logs_at_once(record: Record):
    scopes = []
    for name in ("one", "two"):
        organization = await organizations.create(record.system, name)
        scopes.append(scope_of(record, organization.id))
    for number in range(30):
        await append(scopes[number % 2], "order-1")

    logs = await asyncio.gather(
        *(read_to_end(feed_of(record, scope.organization), limit=3) for scope in scopes * 4)
    )

    for log, scope in zip(logs, scopes * 4, strict=True):
        assert [event.sequence for event in log] == list(range(1, 16))
        assert {event.organization_id for event in log} == {scope.organization}


async def test_a_subscription_is_consumed_by_one_and_goes_on_where_it_was_left(record: Record):
    organization = await organizations.create(record.system, "acme")
    scope = scope_of(record, organization.id)
    appended = [await append(scope, "order-1") for _ in range(4)]
    subscriptions = Subscriptions(feed_of(record, organization.id), retry_seconds=0.02)
    first = aiter(subscriptions.subscribe("billing"))
    assert [await anext(first) for _ in range(2)] == appended[:2]
    second = aiter(subscriptions.subscribe("billing"))
    waiting = asyncio.create_task(anext(second))
    for _ in range(20):
        await subscriptions.list()

    assert not waiting.done()
    await first.aclose()
    async with asyncio.timeout(20):
        assert await waiting == appended[1]
    await second.aclose()


async def test_a_commit_behind_the_pooler_wakes_another_process(record: Record):
    assert record.pooled
    organization = await organizations.create(record.system, "acme")
    here, there = Wakeup(record.app, record.listen), Wakeup(record.app, record.listen)
    await here.listening()
    known = here.count

    event = await append(scope_of(record, organization.id, committed=there.committed), "order-1")

    assert await here.wait(20, since=known)
    assert await take(feed_of(record, organization.id, here).follow(), 1) == [event]
    await here.close()
    await there.close()
