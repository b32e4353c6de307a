"""The loop behind every background part starts and stops cleanly, twice, or never started."""

from __future__ import annotations

import asyncio
import logging

import pytest

from octavo.postgres.background import Background


class Work:
    """Steps that wait until the test lets them go, and count themselves."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.begun = asyncio.Queue[int]()
        self.gate = asyncio.Semaphore(0)
        self.count = 0
        self.cancelled = False

    async def step(self) -> bool:
        self.count += 1
        self.begun.put_nowait(self.count)
        try:
            await self.gate.acquire()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_part_that_was_never_started_stops():
    part = Background("idle", Work().step)

    await part.stop()

    assert not part.is_running


async def test_starting_twice_is_starting_once():
    work = Work()
    part = Background("once", work.step)
    part.start()
    part.start()
    await work.begun.get()

    assert work.begun.empty()
    work.gate.release()
    await part.stop()


async def test_it_can_be_started_again_after_it_stopped():
    work = Work()
    part = Background("again", work.step, first_wait_seconds=60, longest_wait_seconds=60)
    for expected in (1, 2):
        part.start()
        assert await work.begun.get() == expected
        work.gate.release()
        await part.stop()
        assert not part.is_running


async def test_stopping_lets_the_step_finish():
    work = Work()
    part = Background("finish", work.step)
    part.start()
    await work.begun.get()

    stopping = asyncio.create_task(part.stop())
    await asyncio.sleep(0)
    work.gate.release()
    await stopping

    assert (work.cancelled, part.steps) == (False, 1)


async def test_a_step_that_does_not_end_is_cancelled_after_the_grace():
    work = Work()
    part = Background("stuck", work.step)
    part.start()
    await work.begun.get()

    await part.stop(grace_seconds=0.01)

    assert work.cancelled
    assert not part.is_running


async def test_two_that_stop_it_both_wait_until_it_has_stopped():
    work = Work()
    part = Background("both", work.step)
    part.start()
    await work.begun.get()

    both = asyncio.gather(part.stop(), part.stop())
    await asyncio.sleep(0)
    work.gate.release()
    await both

    assert not part.is_running


async def test_when_there_is_more_to_do_the_next_step_follows_at_once():
    work = Work(True, True, False)
    part = Background("busy", work.step, first_wait_seconds=3600, longest_wait_seconds=3600)
    part.start()

    for expected in (1, 2, 3):
        assert await asyncio.wait_for(work.begun.get(), 60) == expected
        work.gate.release()

    await part.stop()


async def test_waking_ends_the_wait():
    work = Work()
    part = Background("woken", work.step, first_wait_seconds=3600, longest_wait_seconds=3600)
    part.start()
    await work.begun.get()
    work.gate.release()
    await asyncio.sleep(0)

    part.wake()

    assert await asyncio.wait_for(work.begun.get(), 60) == 2
    work.gate.release()
    await part.stop()


async def test_a_wake_during_a_step_is_not_lost():
    work = Work()
    part = Background("not lost", work.step, first_wait_seconds=3600, longest_wait_seconds=3600)
    part.start()
    await work.begun.get()

    part.wake()
    work.gate.release()

    assert await asyncio.wait_for(work.begun.get(), 60) == 2
    work.gate.release()
    await part.stop()


async def test_a_fault_is_told_and_the_part_goes_on(caplog):
    work = Work(ValueError("the first"), False)
    part = Background("faulty", work.step, longest_fault_wait_seconds=0.001)
    with caplog.at_level(logging.WARNING, "octavo.background"):
        part.start()
        await work.begun.get()
        work.gate.release()
        assert await asyncio.wait_for(work.begun.get(), 60) == 2

    assert (part.failures, repr(part.last_error)) == (1, "ValueError('the first')")
    assert "faulty failed and will be tried again: the first" in caplog.text
    work.gate.release()
    await part.stop()
    assert part.last_error is None


async def test_it_stops_at_once_while_it_waits_after_a_fault():
    work = Work(ValueError("once"))
    part = Background("patient", work.step, longest_fault_wait_seconds=3600)
    part.start()
    await work.begun.get()
    work.gate.release()
    for _ in range(5):
        await asyncio.sleep(0)
    assert part.failures == 1

    await asyncio.wait_for(part.stop(grace_seconds=3600), 60)

    assert not part.is_running


@pytest.mark.parametrize("immediately", [True, False])
async def test_the_first_step_comes_at_the_start_or_after_the_first_wait(immediately):
    work = Work()
    part = Background("first", work.step, first_wait_seconds=3600, immediately=immediately)
    part.start()
    for _ in range(5):
        await asyncio.sleep(0)

    assert work.count == int(immediately)
    work.gate.release()
    await part.stop()
