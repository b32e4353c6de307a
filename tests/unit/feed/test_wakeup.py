"""Hints inside one process, without any server."""

from __future__ import annotations

import asyncio

from octavo.feed.wakeup import Wakeup

SOON = 20.0


async def test_a_commit_wakes_everybody_who_waits():
    wakeup = Wakeup()
    waiting = [asyncio.create_task(wakeup.wait(SOON, since=wakeup.count)) for _ in range(3)]
    await asyncio.sleep(0)

    wakeup.committed()

    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_a_commit_between_the_read_and_the_wait_is_not_missed():
    wakeup = Wakeup()
    known = wakeup.count

    wakeup.committed()

    assert await wakeup.wait(SOON, since=known)


async def test_a_wait_without_a_hint_ends():
    wakeup = Wakeup()

    assert not await wakeup.wait(0.001, since=wakeup.count)


async def test_a_hint_after_a_wait_that_ended_wakes_the_next_one():
    wakeup = Wakeup()
    await wakeup.wait(0.001, since=wakeup.count)
    waiting = asyncio.create_task(wakeup.wait(SOON, since=wakeup.count))
    await asyncio.sleep(0)

    wakeup.hint()

    assert await waiting


async def test_one_that_gives_up_does_not_end_the_wait_of_the_others():
    wakeup = Wakeup()
    impatient, patient = [asyncio.create_task(wakeup.wait(SOON, since=0)) for _ in range(2)]
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})

    wakeup.committed()

    assert await patient


async def test_closing_wakes_everybody_and_twice_is_once():
    wakeup = Wakeup()
    waiting = asyncio.create_task(wakeup.wait(SOON, since=wakeup.count))
    await asyncio.sleep(0)

    await wakeup.close()
    await wakeup.close()

    assert not await waiting
    assert wakeup.is_closed


async def test_after_closing_nobody_waits():
    wakeup = Wakeup()
    await wakeup.close()

    assert not await wakeup.wait(SOON, since=wakeup.count)


async def test_a_hint_of_runs_wakes_workers_and_readers():
    wakeup = Wakeup()
    known, runs = wakeup.count, wakeup.runs

    wakeup.committed(runs=True)

    assert await wakeup.wait(SOON, since=known)
    assert await wakeup.wait_for_runs(SOON, since=runs)


async def test_a_change_is_no_hint_of_runs():
    wakeup = Wakeup()
    runs = wakeup.runs

    wakeup.committed()

    assert not await wakeup.wait_for_runs(0.001, since=runs)
