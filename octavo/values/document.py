"""Documents, versions and tags as a reader sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.position import Position

Typed_co = TypeVar("Typed_co", covariant=True)
Change = Literal["created", "updated", "reverted", "deleted", "restored"]


class Document(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A document at one version.

    Attributes:
        version: number of this version, 1, 2, 3 …
        position: a place in the log at which this state is included; give it to a search as `after=`.
        changed: False when a write found nothing to change and therefore made no version.
        deleted_at: when it was deleted; only calls that ask for deleted documents return such.
        schema_version: the version of its type it was written as; 0: nobody said.
    """

    id: UUID
    namespace: str
    type: str
    name: str | None
    version: int
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    updated_by: Actor
    deleted_at: datetime | None
    position: Position
    changed: bool = True
    schema_version: int = 0
    raw_body: bytes
    raw_metadata: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of this version, decoded at first use; refused when the document was listed without it."""
        if not self.raw_body:
            raise InvalidInput(
                f"the body of document {self.id} was not read", remedy="list with include_body, or get it"
            )
        if "_body" not in self.__dict__:
            self.__dict__["_body"] = decode(self.raw_body)
        body: dict[str, Any] = self.__dict__["_body"]
        return body

    @property
    def metadata(self) -> dict[str, Any]:
        """Free attributes, decoded at first use."""
        if "_metadata" not in self.__dict__:
            self.__dict__["_metadata"] = decode(self.raw_metadata)
        metadata: dict[str, Any] = self.__dict__["_metadata"]
        return metadata

    def to(self, model: Reads[Typed_co]) -> Typed_co:
        """The body as its document type, brought up to the version of `model` if it was written as an older one.

        Raises:
            InvalidInput: another type, or listed without its body. InvalidBody: the body does not fit.
        """
        _ = self.body  # refuses a document listed without it
        return model.read(self)

    def as_dict(self) -> dict[str, Any]:
        """The document as plain data, as `--json` prints it."""
        return {
            "id": str(self.id),
            "namespace": self.namespace,
            "type": self.type,
            "name": self.name,
            "version": self.version,
            "body": self.body if self.raw_body else None,
            "metadata": self.metadata,
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
            "updated_at": self.updated_at.isoformat(),
            "updated_by": str(self.updated_by),
            "deleted_at": self.deleted_at.isoformat() if self.deleted_at else None,
            "position": str(self.position),
            "changed": self.changed,
        }


class Reads(Protocol[Typed_co]):
    """What makes a document into a value of its own, as every `octavo.values.type.DocumentType` does."""

    def read(self, document: Document, /) -> Typed_co:
        """The document as that value."""
        ...


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a document's history, newest first in `history`.

    `source` is the version a revert went back to; `tags` are the tags that point here now.
    """

    number: int
    change: Change
    source: int | None
    created_at: datetime
    created_by: Actor
    session: str | None
    tags: tuple[str, ...]
    raw_metadata: bytes

    @property
    def metadata(self) -> dict[str, Any]:
        """Free attributes of that version."""
        metadata: dict[str, Any] = decode(self.raw_metadata)
        return metadata

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        return {
            "version": self.number,
            "change": self.change,
            "source": self.source,
            "created_at": self.created_at.isoformat(),
            "created_by": str(self.created_by),
            "session": self.session,
            "tags": list(self.tags),
            "metadata": self.metadata,
        }


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A named pointer to one version; `position` is that of its last move."""

    document_id: UUID
    name: str
    version: int
    previous: int | None
    moved_at: datetime
    moved_by: Actor
    position: Position


class Difference(msgspec.Struct, frozen=True):
    """One change between two versions: what a JSON Patch (RFC 6902) operation would say, with both values."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None
