"""A consumer that is killed with -9: the next one goes on, nothing is lost, and the last event may come again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from octavo.feed.subscriptions import Subscriptions
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from tests.databases import url_of
from tests.feeds import PATIENCE_SECONDS, append, feed_of

PROGRAM = "tests.committed.consumer"


@asynccontextmanager
async def consumer(
    server: Server, organization: Organization, mode: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program in a process of its own; killed with -9 at the end of the block."""
    urls = [url_of(server, role, "octavo") for role in ("octavo_app", "octavo_system")]
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", PROGRAM, *urls, str(organization.id), mode, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def seen(running: asyncio.subprocess.Process, number: int) -> list[int]:
    """The next sequences the program prints."""
    assert running.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [int(await running.stdout.readline()) for _ in range(number)]


async def seen_last(killed: asyncio.subprocess.Process) -> list[int]:
    """What a killed program had still printed."""
    assert killed.stdout is not None
    *lines, _ = (await killed.stdout.read()).split(b"\n")
    return [int(line) for line in lines]


@pytest.mark.parametrize("killed_after", [1, 13])
async def test_a_killed_consumer_is_followed_by_one_that_loses_nothing(
    server: Server, scope: Scope, organization: Organization, killed_after: int
):
    """S0-026: at least once."""
    for _ in range(20):
        await append(scope, "order-1")

    async with consumer(server, organization, "each") as first:
        before = await seen(first, killed_after)
        first.kill()
        before += await seen_last(first)
    await append(scope, "order-1")
    async with consumer(server, organization, "each") as second:
        [again] = await seen(second, 1)
        rest = await seen(second, 21 - again)

    assert before == list(range(1, len(before) + 1))
    assert len(before) >= killed_after
    assert again in (len(before), len(before) + 1), "at least once: the event at hand may come again"
    assert [again, *rest] == list(range(again, 22))


async def test_a_batch_that_was_dealt_with_does_not_come_again(
    server: Server, record: Record, scope: Scope, organization: Organization
):
    for _ in range(5):
        await append(scope, "order-1")
    subscriptions = Subscriptions(feed_of(record, organization.id))

    async with consumer(server, organization, "batch") as first:
        assert await seen(first, 5) == [1, 2, 3, 4, 5]
        await _until_saved(subscriptions)
    await append(scope, "order-1")
    async with consumer(server, organization, "batch") as second:
        assert await seen(second, 1) == [6]


async def test_a_consumer_in_another_process_takes_over_from_a_killed_one(
    server: Server, scope: Scope, organization: Organization
):
    for _ in range(5):
        await append(scope, "order-1")

    async with consumer(server, organization, "each") as first:
        assert await seen(first, 5) == [1, 2, 3, 4, 5]
        async with consumer(server, organization, "each") as second:
            first.kill()
            await first.wait()
            await append(scope, "order-1")
            told = await seen(second, 1)
            told += await seen(second, 6 - told[-1])

    assert told in ([6], [5, 6])


async def _until_saved(subscriptions: Subscriptions) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [one.behind_events for one in await subscriptions.list()] != [0]:
            pass
