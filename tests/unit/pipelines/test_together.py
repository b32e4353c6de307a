"""Single calls go together with those that come meanwhile, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from octavo.errors import InvalidInput, Unavailable
from octavo.pipelines.executing.together import Together


class Doubling:
    """Answers twice the number; notes what was sent together, and refuses the number 13."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.is_away = False
        self.is_asked = asyncio.Event()

    async def __call__(self, _key: str, numbers: Sequence[int]) -> list[int]:
        self.sent.append(list(numbers))
        self.is_asked.set()
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("away")
        if 13 in numbers:
            raise InvalidInput("13 is refused")
        return [2 * number for number in numbers]


async def test_calls_of_one_moment_go_together():
    doubling = Doubling()
    together = Together(doubling, most=10)

    answers = await asyncio.gather(*(together.call("a", number) for number in range(5)))

    assert (answers, doubling.sent) == ([0, 2, 4, 6, 8], [[0, 1, 2, 3, 4]])


async def test_each_key_is_sent_for_itself():
    doubling = Doubling()
    together = Together(doubling, most=10)

    await asyncio.gather(together.call("a", 1), together.call("b", 2), together.call("a", 3))

    assert sorted(doubling.sent) == [[1, 3], [2]]


async def test_what_comes_while_one_is_under_way_goes_with_the_next():
    doubling = Doubling()
    together = Together(doubling, most=10)
    first = asyncio.create_task(together.call("a", 1))
    await doubling.is_asked.wait()

    later = await asyncio.gather(together.call("a", 2), together.call("a", 3))

    assert (await first, later, doubling.sent) == (2, [4, 6], [[1], [2, 3]])


async def test_no_more_than_the_most_go_together():
    doubling = Doubling()
    together = Together(doubling, most=2)

    await asyncio.gather(*(together.call("a", number) for number in range(5)))

    assert doubling.sent == [[0, 1], [2, 3], [4]]


async def test_one_that_is_refused_fails_no_other():
    together = Together(Doubling(), most=10)

    answers = await asyncio.gather(
        *(together.call("a", number) for number in (1, 13, 2)), return_exceptions=True
    )

    assert (answers[0], type(answers[1]), answers[2]) == (2, InvalidInput, 4)


async def test_when_nobody_answers_all_are_told_at_once():
    doubling = Doubling()
    doubling.is_away = True
    together = Together(doubling, most=10)

    answers = await asyncio.gather(*(together.call("a", 1) for _ in range(3)), return_exceptions=True)

    assert ([type(answer) for answer in answers], len(doubling.sent)) == ([Unavailable] * 3, 1)


async def test_one_that_gives_up_does_not_hold_the_others_up():
    together = Together(Doubling(), most=10)
    impatient, patient = (asyncio.create_task(together.call("a", number)) for number in (1, 2))
    await asyncio.sleep(0)

    impatient.cancel()

    assert await patient == 4
    with pytest.raises(asyncio.CancelledError):
        await impatient
