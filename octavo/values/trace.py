"""What belongs together: the events of one correlation, and which of them caused which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from octavo.values.event import Event
from octavo.values.position import Position


class Traced(msgspec.Struct, frozen=True):
    """An event of a trace, with how many causes of the trace stand above it."""

    depth: int
    event: Event

    def as_dict(self) -> dict[str, Any]:
        """The event as a CloudEvent, with its depth."""
        return {"depth": self.depth, "event": self.event.as_cloudevent()}


class Trace(msgspec.Struct, frozen=True):
    """Events of one correlation, in the order of the log.

    `after` is where the trace goes on, None when these are all.
    """

    correlation: str
    events: list[Event]
    after: Position | None = None

    def tree(self) -> list[Traced]:
        """Every event once, each below its cause and effects in the order of the log.

        A cause outside of the trace makes no branch. Ids of causes come from callers, so a circle is possible: it
        begins with its first event.
        """
        known = {event.id for event in self.events}
        effects: dict[str, list[Event]] = {}
        for event in self.events:
            if event.causation in known and event.causation != event.id:
                effects.setdefault(event.causation, []).append(event)
        below = {effect.id for found in effects.values() for effect in found}
        seen: set[str] = set()
        # Roots first; what no root leads to stands in a circle.
        begun = [event for event in self.events if event.id not in below] + self.events
        return [traced for event in begun for traced in _branch(event, effects, seen)]


def _branch(root: Event, effects: dict[str, list[Event]], seen: set[str]) -> Iterator[Traced]:
    waiting = [Traced(0, root)]
    while waiting:
        traced = waiting.pop()
        if traced.event.id in seen:
            continue
        seen.add(traced.event.id)
        yield traced
        waiting += [Traced(traced.depth + 1, effect) for effect in reversed(effects.get(traced.event.id, []))]
