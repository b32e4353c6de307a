"""Old shapes of events, read as new ones: the log is never rewritten, so its readers bring events up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from octavo.errors import InvalidInput
from octavo.values.event import Event
from octavo.values.json import encode_object

Step = Callable[[dict[str, Any]], dict[str, Any]]


class Upcasters:
    """Steps from one schema version of an event type to the next; an immutable value.

    `with_step("order.placed", 1, f)` says that `f` makes version 2 of the data of `order.placed` from version 1.
    """

    def __init__(self, steps: Iterable[tuple[tuple[str, int], Step]] = ()) -> None:
        self._steps = dict(steps)

    def __bool__(self) -> bool:
        return bool(self._steps)

    def with_step(self, type: str, version: int, step: Step) -> Upcasters:
        """These upcasters and one more; raises `InvalidInput` when the step is known already."""
        if (type, version) in self._steps:
            raise InvalidInput(f"{type} has a step from schema version {version} already")
        return Upcasters([*self._steps.items(), ((type, version), step)])

    def newest(self, type: str) -> int:
        """The schema version that events of a type are read as: behind its last step, 1 without any."""
        return max((version + 1 for known, version in self._steps if known == type), default=1)

    def apply(self, event: Event) -> Event:
        """The event in the newest shape the steps lead to; an event without steps is returned as it is."""
        if (event.type, event.schema_version) not in self._steps:
            return event
        version, data = event.schema_version, event.data
        while step := self._steps.get((event.type, version)):
            try:
                data, version = step(data), version + 1
            except Exception as error:
                error.add_note(f"in the step of {event.type} from schema version {version}, event {event.id}")
                raise
        return msgspec.structs.replace(
            event, schema_version=version, raw_data=encode_object(data, what="event data")
        )
