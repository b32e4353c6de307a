"""Events outside of Octavo: CloudEvents as their own SDK validates them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from octavo.values.actor import Actor
from octavo.values.event import Event
from octavo.values.position import Position

EVENT = Event(
    position=Position(0, 1, 2, 3),
    organization_id=UUID(int=1),
    stream="order-1",
    sequence=7,
    type="order.placed",
    schema_version=2,
    recorded_at=datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC),
    document_id=UUID(int=9),
    version=4,
    actor=Actor("bot", "agent"),
    session="s-1",
    correlation="c-1",
    causation="order-1:6",
    raw_data=b'{"total": 5}',
)
words = st.text(st.characters(min_codepoint=32, exclude_categories=["C"]), min_size=1, max_size=30)
events = st.builds(
    msgspec.structs.replace,
    st.just(EVENT),
    stream=words,
    sequence=st.integers(1, 2**31 - 1),
    document_id=st.none() | st.uuids(),
    version=st.none() | st.integers(1, 2**31 - 1),
    actor=st.builds(Actor, words, st.sampled_from(["user", "service", "agent", "system"])),
    session=st.none() | words,
    correlation=st.none() | st.just("") | words,
    causation=st.none() | words,
)


def read(structure: dict[str, Any]) -> CloudEvent:
    return JSONFormat().read(CloudEvent, json.dumps(structure))


def test_an_event_is_a_cloudevent_with_everything_it_carries():
    event = read(EVENT.as_cloudevent())

    assert (event.get_specversion(), event.get_id(), event.get_type()) == ("1.0", "order-1:7", "order.placed")
    assert event.get_source() == f"octavo/{UUID(int=1)}"
    assert (event.get_subject(), event.get_time()) == (str(UUID(int=9)), EVENT.recorded_at)
    assert (event.get_datacontenttype(), event.get_data()) == ("application/json", {"total": 5})
    assert event.get_extension("correlationid") == "c-1"
    assert event.get_extension("causationid") == "order-1:6"
    assert {
        name: event.get_extension(name)
        for name in ("position", "stream", "sequence", "schemaversion", "version", "actor", "session")
    } == {
        "position": str(EVENT.position),
        "stream": "order-1",
        "sequence": 7,
        "schemaversion": 2,
        "version": 4,
        "actor": "agent:bot",
        "session": "s-1",
    }


@given(events)
def test_every_event_conforms(event: Event):
    """Names of a-z and 0-9, no null and no empty attribute, and what the SDK asks."""
    structure = event.as_cloudevent()

    assert read(structure).get_id() == event.id
    assert [name for name in structure if not re.fullmatch("[a-z0-9]{1,20}", name)] == []
    assert [name for name, value in structure.items() if value in (None, "")] == []


def test_an_event_about_no_document_is_about_its_stream():
    event = msgspec.structs.replace(EVENT, document_id=None, version=None)

    assert event.as_cloudevent()["subject"] == "order-1"
    assert "version" not in event.as_cloudevent()


def test_the_sdk_would_tell_of_a_mistake():
    with pytest.raises(CloudEventValidationError, match="source"):
        read({**EVENT.as_cloudevent(), "source": ""})
