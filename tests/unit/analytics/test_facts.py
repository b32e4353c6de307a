"""The fact of an event."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from octavo.projections.analytics import fact_of, fact_or_parked
from octavo.roles.analytics import Parked
from octavo.values.actor import Actor
from octavo.values.event import Event
from octavo.values.position import Position

ORGANIZATION, DOCUMENT = UUID(int=1), UUID(int=2)
RECORDED = datetime(2026, 5, 1, 12, 0, 0, 123_987, tzinfo=UTC)


def event(data: bytes = b"{}", **fields: Any) -> Event:
    given: dict[str, Any] = {
        "position": Position(0, 1, 2, 3),
        "organization_id": ORGANIZATION,
        "stream": "order-7-eu",
        "sequence": 1,
        "type": "order.placed",
        "schema_version": 1,
        "recorded_at": RECORDED,
        "document_id": None,
        "version": None,
        "actor": Actor("ann"),
        "session": None,
        "correlation": None,
        "causation": None,
        "raw_data": data,
        **fields,
    }
    return Event(**given)


def test_an_own_event_is_a_fact_with_its_fields():
    """S0-195: milliseconds survive; time zone is UTC."""
    fact = fact_of(event(b'{"amount": 12.5, "channel": "web"}', session="s"), {})

    assert (fact.kind, fact.actor, fact.session, fact.document_type) == ("order", "user:ann", "s", "")
    assert fact.time == RECORDED.replace(microsecond=123_000)
    assert fact.recorded_at == RECORDED
    assert fact.numbers == {"amount": Decimal("12.5")}
    assert fact.texts == {"amount": "12.5", "channel": "web"}


def test_an_event_of_a_document_has_its_type_and_no_values():
    about = event(b'{"version": 1, "fields": ["a"]}', stream=f"document-{DOCUMENT}", document_id=DOCUMENT)

    fact = fact_of(about, {(ORGANIZATION, DOCUMENT): "invoice"})

    assert (fact.kind, fact.document, fact.document_type, fact.texts) == ("document", DOCUMENT, "invoice", {})


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2020-02-03T04:05:06.789Z", datetime(2020, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)),
        ("2020-02-03T04:05:06+02:00", datetime(2020, 2, 3, 2, 5, 6, tzinfo=UTC)),
        ("2020-02-03T04:05:06", RECORDED.replace(microsecond=123_000)),
        ("1066-10-14T09:00:00Z", RECORDED.replace(microsecond=123_000)),
        ("yesterday", RECORDED.replace(microsecond=123_000)),
    ],
)
def test_an_own_event_may_say_when_it_happened(said: str, time: datetime):
    assert fact_of(event(f'{{"occurred_at": "{said}"}}'.encode()), {}).time == time


def test_very_long_ids_stay_different():
    actors = {fact_of(event(actor=Actor("x" * 5_000 + end)), {}).actor for end in "ab"}

    assert len(actors) == 2
    assert all(len(actor) <= 400 for actor in actors)


def test_an_event_no_fact_can_be_made_of_is_parked_without_its_values():
    parked = fact_or_parked(event(b'{"secret": broken'), {})

    assert isinstance(parked, Parked)
    assert "secret" not in parked.message
