"""What the runs of a batch make it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from octavo.values.actor import SYSTEM
from octavo.values.batch import Asked, Batch, BatchCounts
from octavo.values.position import START

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def batch(*, started=False, filled=True, stopped=False, error=None, **counts: int) -> Batch:
    """A batch with so many runs in each state."""
    return Batch(
        id=uuid.uuid4(), name=None, description="", key=None, pipeline="p", pipeline_id=uuid.uuid4(),
        pipeline_version=1, priority=5, asked=Asked(documents=sum(counts.values())), counts=BatchCounts(**counts),
        created_at=NOW, updated_at=NOW, started_at=NOW if started else None, finished_at=NOW + timedelta(seconds=3),
        filled_at=NOW if filled else None, cancelled_at=NOW if stopped else None, purged_at=None, actor=SYSTEM,
        session=None, correlation=None, position=START, raw_error=error,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"queued": 3}, "pending"),
        ({"filled": False}, "pending"),
        ({"queued": 3, "delayed": 1}, "pending"),
        ({"delayed": 1, "started": True}, "running"),
        ({"queued": 2, "running": 1, "started": True}, "running"),
        ({"queued": 2, "cancelled": 1}, "running"),
        ({"filled": False, "completed": 3, "started": True}, "running"),
        ({"running": 1, "started": True, "cancelled": 2, "filled": True}, "running"),
        ({"completed": 3, "started": True}, "completed"),
        ({}, "completed"),
        ({"completed": 2, "failed": 1, "started": True}, "partially_failed"),
        ({"completed": 2, "dead": 1, "started": True}, "partially_failed"),
        ({"completed": 2, "cancelled": 1, "started": True}, "partially_failed"),
        ({"completed": 2, "started": True, "error": b'{"code": "x"}'}, "partially_failed"),
        ({"failed": 1, "dead": 2, "started": True}, "failed"),
        ({"error": b'{"code": "x"}'}, "failed"),
        ({"failed": 1, "cancelled": 2, "started": True}, "failed"),
        ({"cancelled": 2}, "cancelled"),
    ],
)
def test_the_state_of_a_batch_follows_the_rule(given, state):
    """S4-040"""
    assert batch(**given).state == state


def test_a_batch_that_was_cancelled_is_cancelled_when_nothing_of_it_is_left():
    assert batch(stopped=True, completed=2, failed=1, started=True).state == "cancelled"
    assert batch(stopped=True, running=1, started=True).state == "running"


def test_what_failed_are_the_dead_and_those_that_were_given_up():
    assert batch(dead=2, failed=1, completed=4).failed == 3


def test_how_long_it_took_is_from_the_first_start_to_the_last_end():
    """S4-039"""
    assert batch(started=True, completed=1).took_seconds == 3.0
    assert batch(completed=1).took_seconds is None
