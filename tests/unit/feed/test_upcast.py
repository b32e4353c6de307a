"""Old shapes of events, read as new ones."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.event import Event
from octavo.values.position import Position
from octavo.values.upcast import Upcasters


def event(type: str, schema_version: int, data: bytes) -> Event:
    return Event(
        position=Position(0, 1, 2, 3),
        organization_id=UUID(int=1),
        stream="order-1",
        sequence=1,
        type=type,
        schema_version=schema_version,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        document_id=None,
        version=None,
        actor=Actor("ann"),
        session=None,
        correlation=None,
        causation=None,
        raw_data=data,
    )


STEPS = (
    Upcasters()
    .with_step("order.placed", 1, lambda data: {"names": data["name"].split()})
    .with_step("order.placed", 2, lambda data: {"first": data["names"][0]})
)


def test_steps_are_taken_one_after_the_other():
    """S0-186."""
    newest = STEPS.apply(event("order.placed", 1, b'{"name": "Ann Lee"}'))

    assert (newest.schema_version, newest.data) == (3, {"first": "Ann"})


def test_the_rest_of_the_event_stays():
    old = event("order.placed", 2, b'{"names": ["Bo"]}')

    newest = STEPS.apply(old)

    assert (newest.position, newest.stream, newest.recorded_at) == (old.position, old.stream, old.recorded_at)


@pytest.mark.parametrize("given", [("order.placed", 3), ("order.paid", 1)])
def test_what_has_no_step_is_the_same_event(given: tuple[str, int]):
    newest = event(*given, b"{}")

    assert STEPS.apply(newest) is newest


def test_two_steps_from_one_shape_are_refused():
    with pytest.raises(InvalidInput, match=r"order\.placed has a step from schema version 1"):
        STEPS.with_step("order.placed", 1, dict)


def test_adding_a_step_leaves_others_as_they_are():
    first = Upcasters()

    first.with_step("order.placed", 1, dict)

    assert not first
