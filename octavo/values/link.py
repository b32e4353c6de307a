"""Links: typed relations between two documents, and what is reached by them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.operand import shown
from octavo.values.position import Position

MAX_DEPTH = 10
MAX_METADATA_BYTES = 64 * 1024
Direction = Literal["out", "in", "both"]
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class LinkType(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of link; a symmetric one has no direction."""

    name: str
    symmetric: bool
    description: str | None
    created_at: datetime
    created_by: Actor

    def as_dict(self) -> dict[str, Any]:
        """The type as plain data."""
        return {
            "name": self.name,
            "symmetric": self.symmetric,
            "description": self.description,
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
        }


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link from one document to another.

    Attributes:
        source, target: its ends; of a symmetric link the lesser and the greater id.
        confidence: how sure a model was, 0 to 1; None when a person made it.
        updated_at: when confidence or metadata were last changed.
        position: a place in the log at which it is included.
        changed: False when it was there and equal already.
    """

    source: UUID
    type: str
    target: UUID
    symmetric: bool
    confidence: float | None
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    position: Position
    changed: bool = True
    raw_metadata: bytes

    @property
    def metadata(self) -> dict[str, Any]:
        """Free attributes."""
        metadata: dict[str, Any] = decode(self.raw_metadata)
        return metadata

    def other(self, id: UUID) -> UUID:
        """The end that is not this document."""
        return self.target if id == self.source else self.source

    def as_dict(self) -> dict[str, Any]:
        """The link as plain data."""
        return {
            "source": str(self.source),
            "type": self.type,
            "target": str(self.target),
            "symmetric": self.symmetric,
            "confidence": self.confidence,
            "metadata": self.metadata,
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
            "updated_at": self.updated_at.isoformat(),
            "position": str(self.position),
            "changed": self.changed,
        }


class LinkPage(msgspec.Struct, frozen=True):
    """Some links in order; `cursor` continues behind the last one, and is None when there are no more."""

    links: list[Link]
    cursor: str | None


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A document that links lead to.

    Attributes:
        distance: how many links away it is, 1 and up.
        via: the document before it on the way.
        link: type of the link between the two, and `confidence` that link's.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    distance: int
    via: UUID
    link: str
    confidence: float | None

    def as_dict(self) -> dict[str, Any]:
        """The neighbour as plain data."""
        return {**msgspec.structs.asdict(self), "id": str(self.id), "via": str(self.via)}


def link_type(text: object) -> str:
    """The name of a type of link; raises `InvalidInput` when it is none."""
    if not isinstance(text, str) or not _TYPE.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a type of link",
            remedy="begin with a small letter, then small letters, digits, _ and -, 63 at most",
        )
    return text


def direction_of(text: object) -> Direction:
    """Which links of a document are meant; raises `InvalidInput` for another word."""
    if text not in get_args(Direction):
        raise InvalidInput(f"direction = {shown(text)}", remedy='give "out", "in" or "both"')
    direction: Direction = text  # type: ignore[assignment]  # one of its words, as was just seen
    return direction
