"""Following the log: woken in memory, by a hint from another process, or by nobody; through restarts and closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from octavo.feed import reader
from octavo.feed.wakeup import CHANNEL, Wakeup
from octavo.postgres.listen import Listener
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from tests.databases import administrator
from tests.feeds import PATIENCE_SECONDS, append, documents_of, feed_of, scope_of, take

A_LONG_TIME = 3600.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that look by themselves once an hour: what wakes them in a test is a hint."""
    monkeypatch.setattr(reader, "BUSY_SECONDS", A_LONG_TIME)
    monkeypatch.setattr(reader, "IDLE_SECONDS", A_LONG_TIME)


@asynccontextmanager
async def process(record: Record) -> AsyncIterator[Wakeup]:
    """What another process has: a wakeup of its own, with its own listener."""
    wakeup = Wakeup(record.app, record.listen)
    try:
        yield wakeup
    finally:
        await wakeup.close()


async def test_a_follower_gets_what_was_there_and_what_comes(
    record: Record, organization: Organization, patient: None
):
    wakeup = Wakeup()
    scope = scope_of(record, organization.id, committed=wakeup.committed)
    appended = [await append(scope, "order-1") for _ in range(3)]
    followed = feed_of(record, organization.id, wakeup).follow()
    seen = [await anext(followed) for _ in range(3)]
    coming = asyncio.create_task(anext(followed))
    await _until_waiting_for_a_hint(wakeup)

    appended.append(await append(scope, "order-1"))

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [*seen, await coming] == appended
    await followed.aclose()


async def test_a_commit_in_another_process_wakes_a_follower_here(
    fresh_record: Record, acme: Organization, patient: None
):
    async with process(fresh_record) as here, process(fresh_record) as there:
        await here.listening()
        followed = feed_of(fresh_record, acme.id, here).follow()
        coming = asyncio.create_task(anext(followed))
        await _until_waiting_for_a_hint(here)

        event = await append(scope_of(fresh_record, acme.id, committed=there.committed), "order-1")

        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await coming == event
        await followed.aclose()


async def test_a_put_wakes_followers_and_its_statements_notify_nobody(
    fresh_record: Record, acme: Organization, patient: None
):
    """record.md 5: no write transaction contains NOTIFY."""
    sent: list[str] = []
    fresh_record.app.observe(sent.append)
    async with process(fresh_record) as wakeup:
        await documents_of(fresh_record, acme.id, committed=wakeup.committed).put("article", {"n": 1})
        [event] = await take(feed_of(fresh_record, acme.id, wakeup).follow(), 1)

    assert event.type == "document.created"
    assert [
        statement for statement in sent if "octavo.document" in statement and "pg_notify" in statement
    ] == []
    assert any("pg_notify" in statement for statement in sent)


async def test_without_any_hint_a_follower_finds_out_by_itself(record: Record, scope: Scope):
    """S0-037: the log holds every event, whoever was told of it."""
    followed = feed_of(record, scope.organization).follow()
    coming = asyncio.create_task(anext(followed))

    event = await append(scope, "order-1")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await coming == event
    await followed.aclose()


async def test_a_thousand_commits_cost_a_hint_or_two(fresh_record: Record):
    heard: list[str] = []
    async with _listening(fresh_record, heard), process(fresh_record) as wakeup:
        for _ in range(1000):
            wakeup.committed()
        await _until(lambda: len(heard) == 1)
        wakeup.committed()
        await _until(lambda: len(heard) == 2)
        await wakeup.close()
        await fresh_record.app.execute("SELECT pg_notify($1, 'the end')", CHANNEL)
        await _until(lambda: heard[-1] == "the end")

    assert len(heard) == 3


async def test_the_last_commit_is_told_although_the_process_closes_at_once(fresh_record: Record):
    heard: list[str] = []
    async with _listening(fresh_record, heard):
        async with process(fresh_record) as wakeup:
            wakeup.committed()

        await _until(lambda: len(heard) == 1)


async def test_nobody_wakes_of_his_own_hint(fresh_record: Record):
    async with process(fresh_record) as wakeup:
        await wakeup.listening()
        heard: list[str] = []
        async with _listening(fresh_record, heard):
            wakeup.committed()
            known = wakeup.count
            await _until(lambda: heard)
            await fresh_record.app.execute("SELECT pg_notify($1, 'somebody else')", CHANNEL)

            assert await wakeup.wait(PATIENCE_SECONDS, since=known)

    assert wakeup.count == known + 1


async def test_a_listener_comes_back_and_then_looks(
    server: Server, fresh_record: Record, fresh_database: str
):
    heard: list[str | None] = []
    listener = Listener(fresh_record.listen, "test", heard.append)
    listener.start()
    await _until(lambda: heard == [None])
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await _until(lambda: heard == [None, None])
        await admin.execute("NOTIFY test, 'hello'")
    await _until(lambda: heard == [None, None, "hello"])
    await listener.close()
    await listener.close()

    assert not listener.is_listening


async def test_a_listener_that_reaches_nobody_can_be_closed():
    listener = Listener({"host": "/nowhere", "user": "nobody", "database": "none"}, "test", lambda _: None)
    listener.start()

    await listener.close()

    assert not listener.is_listening


async def test_a_follower_outlives_the_loss_of_its_connections(
    server: Server, fresh_record: Record, fresh_database: str, own_scope: Scope
):
    first = await append(own_scope, "order-1")
    followed = feed_of(fresh_record).follow()
    assert await anext(followed) == first
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = 'octavo_system'"
        )
        coming = asyncio.create_task(anext(followed))
        second = await append(own_scope, "order-1")

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await coming == second
    await followed.aclose()


async def test_followers_end_when_the_database_is_closed(record: Record, organization: Organization):
    wakeup = Wakeup()
    ending = asyncio.create_task(_all(feed_of(record, organization.id, wakeup).follow()))
    await _until_waiting_for_a_hint(wakeup)

    await wakeup.close()

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await ending == []


async def test_a_projection_is_told_that_the_cursor_moved_on_past_what_it_does_not_want(
    record: Record, scope: Scope
):
    event = await append(scope, "order-1", "order.placed")
    batches = feed_of(record, scope.organization).batches(types=["order.lost"])

    async with asyncio.timeout(PATIENCE_SECONDS):
        while (batch := await anext(batches)).cursor < event.position:
            pass

    assert batch.events == []
    await batches.aclose()


@asynccontextmanager
async def _listening(record: Record, heard: list[str]) -> AsyncIterator[None]:
    connection: Any = await asyncpg.connect(**record.listen)
    await connection.add_listener(CHANNEL, lambda *told: heard.append(told[-1]))
    try:
        yield
    finally:
        await connection.close()


async def _until(holds) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


async def _until_waiting_for_a_hint(wakeup: Wakeup) -> None:
    await _until(lambda: wakeup.is_awaited)


async def _all(source: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in source]
