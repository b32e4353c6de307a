"""Durable subscriptions: at least once, in order, one consumer a name, and a place that survives."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from octavo.errors import InvalidInput, NotFound
from octavo.feed.subscriptions import Subscription, Subscriptions
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.store import organizations
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.event import Event
from tests.feeds import PATIENCE_SECONDS, append, feed_of, read_to_end, scope_of, take

EXPIRE = "UPDATE octavo.lease SET expires_at = '-infinity' WHERE organization_id = $1"


@pytest.fixture
def subscriptions(record: Record, organization: Organization) -> Subscriptions:
    """Those of the organization; who waits asks often."""
    return Subscriptions(feed_of(record, organization.id), retry_seconds=0.02)


@pytest.fixture
def of_all(fresh_record: Record) -> Subscriptions:
    """Those to the log of all organizations of a record of its own."""
    return Subscriptions(feed_of(fresh_record), retry_seconds=0.01)


async def test_a_subscription_goes_on_where_it_was_left(scope: Scope, subscriptions: Subscriptions):
    appended = [await append(scope, "order-1") for _ in range(5)]

    async with aclosing(aiter(subscriptions.subscribe("billing"))) as events:
        first = [await anext(events) for _ in range(3)]
    second = await take(aiter(subscriptions.subscribe("billing")), 3)

    assert first == appended[:3]
    assert second == appended[2:], "the third was not dealt with: nobody asked for the fourth"


async def test_a_consumer_that_is_cancelled_at_work_gets_the_event_again(
    scope: Scope, subscriptions: Subscriptions
):
    appended = [await append(scope, "order-1") for _ in range(2)]
    working = asyncio.Event()

    async def consume() -> None:
        async for event in subscriptions.subscribe("billing"):
            if event == appended[1]:
                working.set()
                await asyncio.Event().wait()

    consumer = asyncio.create_task(consume())
    await working.wait()
    consumer.cancel()
    await asyncio.wait({consumer})

    assert await take(aiter(subscriptions.subscribe("billing")), 1) == [appended[1]]


async def test_a_place_is_saved_when_the_next_batch_is_asked_for(scope: Scope, subscriptions: Subscriptions):
    event = await append(scope, "order-1")
    events = aiter(subscriptions.subscribe("billing"))
    assert await anext(events) == event
    [before] = await subscriptions.list()

    waiting = asyncio.create_task(anext(events))
    await _until_behind(subscriptions, 0)

    [after] = await subscriptions.list()
    assert before.position < event.position <= after.position
    assert (before.behind_events, after.behind_seconds) == (1, 0)
    await _stop(waiting)


async def test_an_acknowledged_event_does_not_come_again(scope: Scope, subscriptions: Subscriptions):
    appended = [await append(scope, "order-1") for _ in range(3)]
    subscription = subscriptions.subscribe("billing")
    async with aclosing(aiter(subscription)) as events:
        for _ in range(2):
            assert await subscription.acknowledge(await anext(events))

    assert await take(aiter(subscriptions.subscribe("billing")), 1) == appended[2:]


async def test_a_manual_subscription_saves_what_is_acknowledged_and_nothing_else(
    scope: Scope, subscriptions: Subscriptions
):
    appended = [await append(scope, "order-1") for _ in range(3)]
    subscription = subscriptions.subscribe("billing", manual=True)
    async with aclosing(aiter(subscription)) as events:
        first, second, _ = [await anext(events) for _ in range(3)]
        await subscription.acknowledge(second)
        await subscription.acknowledge(first)

    assert await take(aiter(subscriptions.subscribe("billing", manual=True)), 1) == appended[2:]


async def test_nothing_is_acknowledged_outside_the_loop(scope: Scope, subscriptions: Subscriptions):
    event = await append(scope, "order-1")

    with pytest.raises(InvalidInput, match="'billing' is not consumed here"):
        await subscriptions.subscribe("billing").acknowledge(event)


async def test_a_new_subscription_begins_at_the_start_now_or_at_a_position(
    scope: Scope, record: Record, subscriptions: Subscriptions
):
    old = [await append(scope, "order-1") for _ in range(2)]
    await read_to_end(feed_of(record))
    now = aiter(subscriptions.subscribe("now", after="now"))
    coming = asyncio.create_task(anext(now))
    await _until_consumed(subscriptions, "now")
    new = await append(scope, "order-1")

    assert await take(aiter(subscriptions.subscribe("start", after="start")), 3) == [*old, new]
    assert await take(aiter(subscriptions.subscribe("none")), 3) == [*old, new]
    assert await take(aiter(subscriptions.subscribe("place", after=old[0].position)), 2) == [old[1], new]
    assert await coming == new
    await now.aclose()


async def test_one_that_is_there_goes_on_from_its_place_whatever_is_asked(
    scope: Scope, subscriptions: Subscriptions
):
    appended = [await append(scope, "order-1") for _ in range(2)]
    await take(aiter(subscriptions.subscribe("billing", after=appended[0].position)), 1)

    assert await take(aiter(subscriptions.subscribe("billing", after="start")), 1) == [appended[1]]


async def test_only_events_of_the_types_asked_for_are_delivered(scope: Scope, subscriptions: Subscriptions):
    await append(scope, "order-1", "order.placed")
    paid = await append(scope, "order-1", "order.paid")

    assert await take(aiter(subscriptions.subscribe("billing", types=["order.paid"])), 1) == [paid]


async def test_an_event_of_an_unknown_type_is_delivered(scope: Scope, subscriptions: Subscriptions):
    """S0-190."""
    strange = await append(scope, "order-1", "nobody.ever_heard_of_this")

    assert await take(aiter(subscriptions.subscribe("billing")), 1) == [strange]


async def test_of_two_consumers_the_second_waits_and_takes_over(scope: Scope, subscriptions: Subscriptions):
    appended = [await append(scope, "order-1") for _ in range(3)]
    first = aiter(subscriptions.subscribe("billing"))
    assert [await anext(first) for _ in range(2)] == appended[:2]
    second = aiter(subscriptions.subscribe("billing"))
    waiting = asyncio.create_task(anext(second))
    await _let_others_work(subscriptions)

    assert not waiting.done()
    await first.aclose()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await waiting == appended[1]
    await second.aclose()


async def test_two_names_do_not_wait_for_each_other(scope: Scope, subscriptions: Subscriptions):
    event = await append(scope, "order-1")
    first, second = aiter(subscriptions.subscribe("billing")), aiter(subscriptions.subscribe("mailing"))

    assert [await anext(first), await anext(second)] == [event, event]
    await first.aclose()
    await second.aclose()


async def test_a_consumer_that_was_away_too_long_is_replaced_and_saves_nothing_more(
    record: Record, scope: Scope, subscriptions: Subscriptions
):
    appended = [await append(scope, "order-1") for _ in range(3)]
    slow = subscriptions.subscribe("billing")
    events = aiter(slow)
    late = await anext(events)
    await record.system.execute(EXPIRE, scope.organization)
    successor = aiter(subscriptions.subscribe("billing"))
    assert [await anext(successor) for _ in range(3)] == appended

    assert not await slow.acknowledge(late)
    coming = asyncio.create_task(anext(events))
    await _let_others_work(subscriptions)
    assert not coming.done(), "it waits for the name instead of going on with its batch"
    await successor.aclose()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await coming == appended[2], "it goes on from the saved place"
    await events.aclose()


async def test_a_consumer_that_blocks_its_loop_for_longer_than_its_lease_gets_on(
    scope: Scope, record: Record, organization: Organization
):
    """Nobody else took the name meanwhile, so what it dealt with counts."""
    appended = [await append(scope, "order-1") for _ in range(3)]
    subscriptions = Subscriptions(feed_of(record, organization.id), lease_seconds=0.3, retry_seconds=0.02)
    seen = []

    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        aclosing(aiter(subscriptions.subscribe("billing"))) as events,
    ):
        async for event in events:
            seen.append(event)
            if len(seen) == 3:
                break
            _block_the_loop(0.4)

    assert seen == appended


async def test_leaving_the_loop_gives_the_name_up(scope: Scope, record: Record, organization: Organization):
    event = await append(scope, "order-1")
    subscriptions = Subscriptions(feed_of(record, organization.id), lease_seconds=3600.0, retry_seconds=0.02)

    async for first in subscriptions.subscribe("billing"):
        assert first == event
        break

    assert await take(aiter(subscriptions.subscribe("billing")), 1) == [event]


async def test_one_that_waits_for_its_name_again_cannot_acknowledge(
    record: Record, scope: Scope, subscriptions: Subscriptions
):
    await append(scope, "order-1")
    slow = subscriptions.subscribe("billing")
    events = aiter(slow)
    late = await anext(events)
    await record.system.execute(EXPIRE, scope.organization)
    successor = aiter(subscriptions.subscribe("billing"))
    await anext(successor)
    waiting = asyncio.create_task(anext(events))
    await _let_others_work(subscriptions)

    assert not await slow.acknowledge(late)
    await _stop(waiting)
    await successor.aclose()


async def test_a_reset_moves_the_consumer_too(scope: Scope, subscriptions: Subscriptions):
    appended = [await append(scope, "order-1") for _ in range(2)]
    subscription = subscriptions.subscribe("billing")
    events = aiter(subscription)
    assert [await anext(events) for _ in range(2)] == appended
    await subscription.acknowledge(appended[1])

    await subscriptions.reset("billing", "start")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [await anext(events) for _ in range(2)] == appended
    await events.aclose()


async def test_a_reset_to_a_position_and_to_now(scope: Scope, record: Record, subscriptions: Subscriptions):
    appended = [await append(scope, "order-1") for _ in range(3)]
    await read_to_end(feed_of(record))
    await take(aiter(subscriptions.subscribe("billing")), 1)

    await subscriptions.reset("billing", appended[1].position)
    assert await take(aiter(subscriptions.subscribe("billing")), 1) == [appended[2]]
    await subscriptions.reset("billing", "now")
    [progress] = await subscriptions.list()
    assert progress.behind_events == 0


async def test_a_deleted_subscription_ends_its_consumer_and_begins_anew(
    scope: Scope, subscriptions: Subscriptions
):
    event = await append(scope, "order-1")
    events = aiter(subscriptions.subscribe("billing"))
    assert await anext(events) == event

    await subscriptions.delete("billing")

    with pytest.raises(NotFound, match="no subscription 'billing'"):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await anext(events)
    assert await subscriptions.list() == []
    assert await take(aiter(subscriptions.subscribe("billing")), 1) == [event]


@pytest.mark.parametrize("whole", [True, False], ids=["of all", "of one organization"])
async def test_what_is_not_there_can_be_neither_reset_nor_deleted(
    record: Record, organization: Organization, whole: bool
):
    asked = Subscriptions(feed_of(record, None if whole else organization.id))

    with pytest.raises(NotFound, match="'nobody'"):
        await asked.reset("nobody", "now")
    with pytest.raises(NotFound, match="'nobody'"):
        await asked.delete("nobody")


async def test_a_list_tells_how_far_each_is_behind(scope: Scope, subscriptions: Subscriptions):
    for _ in range(4):
        await append(scope, "order-1")
    consumed = subscriptions.subscribe("billing")
    events = aiter(consumed)
    await consumed.acknowledge(await anext(events))
    await take(aiter(subscriptions.subscribe("audit")), 1)

    audit, billing = await subscriptions.list()

    assert (audit.name, audit.is_consumed, audit.behind_events) == ("audit", False, 4)
    assert (billing.name, billing.is_consumed, billing.behind_events) == ("billing", True, 3)
    assert 0 < billing.behind_seconds <= audit.behind_seconds < 60
    await events.aclose()


async def test_subscriptions_of_others_are_neither_seen_nor_touched(
    fresh_record: Record, own_scope: Scope, of_all: Subscriptions
):
    other = await organizations.create(fresh_record.system, "other")
    mine = await append(own_scope, "order-1")
    theirs = await append(scope_of(fresh_record, other.id), "order-1")
    of_mine = Subscriptions(feed_of(fresh_record, own_scope.organization))
    of_other = Subscriptions(feed_of(fresh_record, other.id))

    assert await take(aiter(of_mine.subscribe("billing")), 1) == [mine]
    assert await take(aiter(of_other.subscribe("billing")), 1) == [theirs]
    assert await take(aiter(of_all.subscribe("billing")), 2) == [mine, theirs]
    await of_other.delete("billing")
    assert [len(await each.list()) for each in (of_mine, of_other, of_all)] == [1, 0, 1]


async def test_where_nothing_matches_the_place_moves_on_now_and_then(
    scope: Scope, record: Record, organization: Organization
):
    subscriptions = Subscriptions(feed_of(record, organization.id), lease_seconds=0.3, retry_seconds=0.01)
    waiting = asyncio.create_task(anext(aiter(subscriptions.subscribe("billing", types=["order.lost"]))))
    await _until_consumed(subscriptions, "billing")
    await append(scope, "order-1", "order.placed")

    await _until_behind(subscriptions, 0)

    await _stop(waiting)


async def test_consumers_end_when_the_database_is_closed(
    record: Record, organization: Organization, scope: Scope
):
    wakeup = Wakeup()
    subscriptions = Subscriptions(feed_of(record, organization.id, wakeup), retry_seconds=0.01)
    event = await append(scope, "order-1")
    consumers = [asyncio.create_task(_all(subscriptions.subscribe("billing"))) for _ in range(2)]
    await _until_behind(subscriptions, 0)

    await wakeup.close()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert sorted(map(len, await asyncio.gather(*consumers))) == [0, 1]
    assert event.position <= (await subscriptions.list())[0].position
    assert not (await subscriptions.list())[0].is_consumed


@pytest.mark.parametrize("name", ["", "a b", "-a", "x" * 101, "é"])
def test_a_name_is_checked(subscriptions: Subscriptions, name: str):
    with pytest.raises(InvalidInput, match="is not the name of a subscription"):
        subscriptions.subscribe(name)


async def test_a_place_is_checked(subscriptions: Subscriptions):
    with pytest.raises(InvalidInput, match="'yesterday' is no place"):
        await anext(aiter(subscriptions.subscribe("billing", after="yesterday")))  # type: ignore[arg-type]


async def _until_behind(subscriptions: Subscriptions, events: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [one.behind_events for one in await subscriptions.list()] != [events]:
            pass


async def _until_consumed(subscriptions: Subscriptions, name: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(one.name == name and one.is_consumed for one in await subscriptions.list()):
            pass


async def _let_others_work(subscriptions: Subscriptions) -> None:
    """Many round trips: what does not wait would have come in that time."""
    for _ in range(50):
        await subscriptions.list()


def _block_the_loop(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def _stop(task: asyncio.Task[Event]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _all(subscription: Subscription) -> list[Event]:
    return [event async for event in subscription]
