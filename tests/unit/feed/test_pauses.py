"""How long a reader waits when it found nothing."""

from __future__ import annotations

import pytest

from octavo.feed.reader import BUSY_SECONDS, GAP_SECONDS, IDLE_SECONDS, Batch, pause_after
from octavo.values.position import Position

GATE = Position(0, 1, 100, 0)


def batch(*, cursor: Position = GATE, is_held: bool = False) -> Batch:
    return Batch([], cursor, GATE, is_held)


def test_while_there_is_more_nobody_waits():
    assert pause_after(batch(cursor=Position(0, 1, 99, 7), is_held=True), 0) == 0


def test_after_work_the_pause_is_short_and_then_doubles_up_to_a_second():
    pauses = [pause_after(batch(), idle) for idle in range(8)]

    assert pauses[:3] == [BUSY_SECONDS, BUSY_SECONDS, BUSY_SECONDS * 2]
    assert pauses[-1] == IDLE_SECONDS
    assert pauses == sorted(pauses)


def test_what_waits_above_the_gate_is_looked_for_often():
    pauses = [pause_after(batch(is_held=True), idle) for idle in range(1, 9)]

    assert pauses[0] == GAP_SECONDS
    assert pauses[-1] == BUSY_SECONDS
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_night_without_events_is_no_overflow(is_held: bool):
    assert pause_after(batch(is_held=is_held), 10**9) <= IDLE_SECONDS
