"""Calls for each element: so many at a time, in order, and what fails."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from octavo.errors import LimitExceeded, StaleLease
from octavo.pipelines.executing import gathering
from octavo.pipelines.executing.gathering import Item, gather, name_of, place_of
from octavo.values.account import Metrics


class Calls:
    """Counts calls, and how many are under way; some places fail."""

    def __init__(self, failing: dict[int, Exception] | None = None) -> None:
        self.places: list[int] = []
        self.told: list[int] = []
        self.most = self._under_way = 0
        self._failing = failing or {}

    async def __call__(self, place: int) -> Item:
        self.places.append(place)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        if place in self._failing:
            raise self._failing[place]
        return Item(msgspec.json.encode({"place": place}), Metrics(tokens_in=1))


async def gathered(calls, count, known=(), *, at_once=3, collects=False):
    made = await gather(
        count,
        {place: Item(b'{"known":true}', Metrics(tokens_in=5)) for place in known},
        calls,
        at_once=at_once,
        collects=collects,
        tell=calls.told.append,
    )
    return made, msgspec.json.decode(made.output)


async def test_no_more_are_called_at_a_time_than_is_said():
    calls = Calls()

    _, output = await gathered(calls, 20, at_once=4)

    assert calls.most == 4
    assert [item["place"] for item in output["items"]] == list(range(20))
    assert calls.told == list(range(1, 21))


async def test_what_is_known_is_not_called_and_its_use_counts():
    calls = Calls()

    made, output = await gathered(calls, 4, known=[0, 2])

    assert sorted(calls.places) == [1, 3]
    assert output["items"] == [{"known": True}, {"place": 1}, {"known": True}, {"place": 3}]
    assert (made.metrics.tokens_in, made.items, made.failed) == (12, 4, 0)


async def test_the_first_that_fails_ends_the_others():
    calls = Calls({1: ValueError("odd")})

    with pytest.raises(ValueError, match="odd"):
        await gathered(calls, 50, at_once=2)

    assert max(calls.places) < 10


async def test_a_lost_lease_is_not_collected():
    calls = Calls({1: StaleLease("away")})

    with pytest.raises(StaleLease):
        await gathered(calls, 5, collects=True)


async def test_outputs_that_are_too_long_together_are_refused(monkeypatch):
    monkeypatch.setattr(gathering, "MAX_BYTES", 30)

    with pytest.raises(LimitExceeded, match="3 elements have 33 bytes"):
        await gathered(Calls(), 3)


@pytest.mark.parametrize(("step", "index"), [("split", 0), ("a.b-c", 17)])
def test_a_place_has_a_name_that_tells_it_again(step, index):
    assert place_of(name_of(step, index)) == (step, index)


@pytest.mark.parametrize("name", ["split", "split[]", "split[x]", "[0]"])
def test_the_name_of_a_step_is_no_place(name):
    assert place_of(name) is None
