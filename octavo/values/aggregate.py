"""Aggregates: what the events of a stream make of it, one after the other."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from octavo.errors import InvalidInput
from octavo.values.event import Event

SNAPSHOT_EVERY = 100


class Aggregate(Protocol):
    """A state that events lead from one to the next.

    A class takes part by a constructor without arguments, which makes the state before the first event, and by
    `apply`. It is a `msgspec.Struct`, a dataclass or a pydantic model, so that a snapshot can hold it. Two class
    variables may be there as well:

        schema_version   from 1 on; raise it when the fields or what `apply` does change: older snapshots are then
                         ignored, and the state is made from all events once more
        snapshot_every   events from one snapshot to the next, 100; 0 makes none
    """

    def apply(self, event: Event) -> Any:
        """The state after the event; of a type that is not known it should raise, since leaving one out is wrong."""


State = TypeVar("State", bound=Aggregate)


class Loaded(msgspec.Struct, Generic[State], frozen=True, kw_only=True):
    """An aggregate as a stream's events have made it.

    Attributes:
        sequence: of the last event in `state`, 0 without any: the `expect` of what is appended next.
        snapshot: sequence of the snapshot it began from, 0 when all events were read.
    """

    stream: str
    state: State
    sequence: int
    snapshot: int = 0

    def after(self, event: Event) -> Loaded[State]:
        """The aggregate after one more event of its stream.

        Raises:
            InvalidInput: `apply` gave something that is no state; it must return the next one.
        """
        state = self.state.apply(event)
        if not isinstance(state, type(self.state)):
            raise InvalidInput(
                f"{type(self.state).__name__}.apply gave {type(state).__name__} for {event.type}",
                remedy="return the next state",
            )
        return msgspec.structs.replace(self, state=state, sequence=event.sequence)


class Recipe(msgspec.Struct, Generic[State], frozen=True):
    """How states of one class begin, and how snapshots hold them."""

    kind: type[State]
    name: str
    schema_version: int
    snapshot_every: int

    @classmethod
    def of(cls, kind: type[State]) -> Recipe[State]:
        """The recipe of a class; raises `InvalidInput` when no snapshot could hold its states."""
        known: Any = kind
        is_held = issubclass(known, msgspec.Struct) or dataclasses.is_dataclass(known)
        if not (is_held or hasattr(known, "model_validate_json")) or not hasattr(known, "apply"):
            raise InvalidInput(
                f"{kind.__name__} is no aggregate",
                remedy="make it a msgspec.Struct, a dataclass or a pydantic model with a method apply(event)",
            )
        version: Any = getattr(kind, "schema_version", 1)
        every: Any = getattr(kind, "snapshot_every", SNAPSHOT_EVERY)
        if not isinstance(version, int) or version < 1 or not isinstance(every, int) or every < 0:
            raise InvalidInput(
                f"{kind.__name__} has the schema_version {version!r} and snapshot_every {every!r}",
                remedy="make them whole class variables, from 1 and from 0 on",
            )
        return cls(kind, kind.__name__, version, every)

    def initial(self) -> State:
        """The state before the first event."""
        return self.kind()

    def is_due(self, before: int, after: int) -> bool:
        """Whether a snapshot is due once a stream has come from one sequence to another."""
        return self.snapshot_every > 0 and after // self.snapshot_every > before // self.snapshot_every

    def encode(self, state: State) -> bytes | None:
        """The state as bytes; None when they would not make an equal state again."""
        try:
            dump = getattr(state, "model_dump_json", None)
            encoded: bytes = dump().encode() if callable(dump) else msgspec.json.encode(state)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
            return None
        return encoded if self.decode(encoded) == state else None

    def decode(self, encoded: bytes) -> State | None:
        """The state of a snapshot; None when it fits the class no more, which costs reading all events."""
        try:
            validate = getattr(self.kind, "model_validate_json", None)
            state: State = (
                validate(encoded) if callable(validate) else msgspec.json.decode(encoded, type=self.kind)
            )
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
            return None
        return state
