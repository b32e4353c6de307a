"""Who did it, and what it belongs to."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from octavo.errors import InvalidInput

ActorKind = Literal["user", "service", "agent", "system"]


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Somebody or something that changes documents: an id of the application's choice and its kind."""

    id: str
    kind: ActorKind = "user"

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


SYSTEM = Actor("octavo", "system")


class Origin(msgspec.Struct, frozen=True):
    """What a change is recorded with: its actor, the session, and what it is correlated with and caused by."""

    actor: Actor = SYSTEM
    session: str | None = None
    correlation: str | None = None
    causation: str | None = None


def parse_actor(text: str) -> Actor:
    """Read `kind:id`, or an id alone for a user."""
    kind, separator, name = text.partition(":")
    if not separator:
        return Actor(text)
    if kind not in get_args(ActorKind) or not name:
        raise InvalidInput(
            f"{text!r} is not an actor", remedy="write user:ID, service:ID, agent:ID or system:ID"
        )
    return Actor(name, kind)  # type: ignore[arg-type]  # membership was checked just above
