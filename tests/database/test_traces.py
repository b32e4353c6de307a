"""Correlation and causation: what belongs together, in order, and what caused what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from octavo.errors import InvalidInput
from octavo.feed.wakeup import Wakeup
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.event import Event
from octavo.values.trace import Trace
from octavo.workspace import Documents, Events
from tests.database.conftest import scope_for


def faces(record: Any, scope: Scope) -> tuple[Events, Documents]:
    async def bind() -> Scope:
        return scope

    return Events(bind, record.app, Wakeup(record.app, None)), Documents(bind, record.app)


def because(scope: Scope, correlation: str, causation: str | None = None) -> Scope:
    return msgspec.structs.replace(
        scope, origin=Origin(Actor("ann"), correlation=correlation, causation=causation)
    )


async def caused(record: Any, scope: Scope, stream: str, cause: Event | None = None) -> Event:
    inside = because(scope, "c-1", None if cause is None else cause.id)
    return await faces(record, inside)[0].append(stream, "order.moved", {})


async def test_a_trace_holds_what_has_the_correlation_from_all_streams_in_order(record: Any, scope: Scope):
    """S0-167: documents and streams of one request, and nothing else."""
    events, docs = faces(record, because(scope, "c-1"))
    document = await docs.put("order", {"n": 1}, name="o")
    placed = await events.append("order-1", "order.placed", {})
    await faces(record, because(scope, "c-2"))[0].append("order-1", "order.paid", {})
    await faces(record, scope)[0].append("order-1", "order.paid", {})
    await docs.tag(document.id, "live")

    trace = await events.trace("c-1")

    assert [event.type for event in trace.events] == ["document.created", "order.placed", "tag.moved"]
    assert trace.events[1] == placed
    assert (trace.correlation, trace.after) == ("c-1", None)


async def test_another_organization_has_no_part_in_a_trace(
    record: Any, scope: Scope, other_organization: Any
):
    await caused(record, scope, "order-1")

    events, _ = faces(record, scope_for(record, other_organization))

    assert (await events.trace("c-1")).events == []


async def test_a_tree_tells_what_caused_what(record: Any, scope: Scope):
    placed = await caused(record, scope, "order-1")
    paid = await caused(record, scope, "payment-1", placed)
    packed = await caused(record, scope, "parcel-1", placed)
    booked = await caused(record, scope, "account-1", paid)
    alone = await caused(record, scope, "order-2")

    tree = (await faces(record, scope)[0].trace("c-1")).tree()

    assert [(traced.depth, traced.event.id) for traced in tree] == [
        (0, placed.id),
        (1, paid.id),
        (2, booked.id),
        (1, packed.id),
        (0, alone.id),
    ]


async def test_a_long_trace_is_read_page_by_page(record: Any, scope: Scope):
    appended = [await caused(record, scope, "order-1") for _ in range(5)]
    events, _ = faces(record, scope)

    first = await events.trace("c-1", limit=3)
    assert first.after is not None
    rest = await events.trace("c-1", after=first.after, limit=3)

    assert [*first.events, *rest.events] == appended
    assert rest.after is None


async def test_a_page_of_a_trace_has_a_limit(record: Any, scope: Scope):
    with pytest.raises(InvalidInput, match="1001 events"):
        await faces(record, scope)[0].trace("c-1", limit=1001)


async def test_causes_that_go_round_in_a_circle_are_told_once(record: Any, scope: Scope):
    """Ids of causes come from callers."""
    forged = [
        msgspec.structs.replace(await caused(record, scope, "order-1"), causation=f"order-1:{cause}")
        for cause in (3, 1, 2, 4)
    ]

    tree = Trace("c-1", forged).tree()

    assert [(traced.depth, traced.event.sequence) for traced in tree] == [(0, 4), (0, 1), (1, 2), (2, 3)]


async def test_a_chain_of_any_length_is_told(record: Any, scope: Scope):
    one = await caused(record, scope, "order-1")
    chain = [msgspec.structs.replace(one, sequence=n, causation=f"order-1:{n - 1}") for n in range(1, 5_001)]

    tree = Trace("c-1", chain).tree()

    assert [traced.depth for traced in tree] == list(range(5_000))
