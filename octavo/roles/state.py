"""What every engine shares that holds the current state of documents: where it stands, and what it holds.

An engine keeps its cursor in itself, beside the effect, with a generation that changes when the engine is emptied:
a cursor kept elsewhere would call an emptied engine "caught up".

What it holds can be compared with the record: documents fall into 256 buckets an organization, and each bucket has a
digest that does not depend on an order. Equal digests are equal contents, but for one chance in 2^32 a bucket.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable
from uuid import UUID

import msgspec

from octavo.values.position import Position

# Before the first document of a scan, as organization and id.
NO_DOCUMENT = (UUID(int=0), UUID(int=0))

BUCKETS = 256


class Cursor(msgspec.Struct, frozen=True):
    """Where an engine stands: every event up to `position` is in it, or its document is parked.

    Attributes:
        generation: which filling of the engine this is.
        scanned: while the engine is filled for the first time, the last document scanned, as organization
            and id, both zero at the start; None when the scan is done and the log is followed.
    """

    generation: UUID
    position: Position
    scanned: tuple[UUID, UUID] | None = None


class Removed(msgspec.Struct, frozen=True):
    """A document that is deleted or purged."""

    organization: UUID
    id: UUID


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A document that an engine cannot take; what it held of it is gone, and the others go on.

    `code` and `message` tell the error; they hold no stored value.
    """

    organization: UUID
    id: UUID
    version: int
    code: str
    message: str


class Digest(msgspec.Struct, frozen=True):
    """What a bucket holds: how many documents, and the sum of their seals."""

    documents: int
    seals: int


def bucket(id: UUID) -> int:
    """The bucket of a document, 0 to 255: the last byte of its id, which is random in a UUIDv7."""
    return id.bytes[15]


def seal(id: UUID, version: int) -> int:
    """A version of a document in 32 bits: the first of MD5 over the id and the version as 4 bytes, big-endian."""
    of = hashlib.md5(id.bytes + version.to_bytes(4), usedforsecurity=False)
    return int.from_bytes(of.digest()[:4])


def digest(held: Mapping[UUID, int]) -> Digest:
    """The digest of a bucket with these versions by document."""
    return Digest(len(held), sum(seal(id, version) for id, version in held.items()))


class Comparable(Protocol):
    """What an engine tells of what it holds, so that it can be compared with the record."""

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket; buckets without documents may be left out."""
        ...

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket and the version held of each, parked ones not among them.

        A document of which only a part is left has version 0, which no document has.
        """
        ...


@runtime_checkable
class ComparableTogether(Protocol):
    """Of an engine that reads many buckets for the price of one."""

    async def held_in(self, organization: UUID, buckets: Sequence[int]) -> Mapping[UUID, int]:
        """The documents of some buckets and the version held of each; see `Comparable.held`."""
        ...


@runtime_checkable
class Summarized(Protocol):
    """Of an engine in the record's own server: its digests are made by the server, and so told quickly.

    Seals are then `uuid_hash_extended(id, version)`, 64 bits, which only that server makes.
    """

    async def summaries(self) -> Mapping[UUID, Digest]:
        """What is held, by organization; what is not whole adds to the sum."""
        ...

    async def digests_of(self, organizations: Sequence[UUID]) -> Mapping[tuple[UUID, int], Digest]:
        """What is held of some organizations, by bucket; see `Comparable.digests`."""
        ...


Change_contra = TypeVar("Change_contra", contravariant=True)


class DocumentEngine(Comparable, Protocol[Change_contra]):
    """What keeps an engine equal to the current documents, whatever it is asked for afterwards.

    Guarantees: `apply` may be repeated, moves the cursor in the same commit where the engine has commits and
    after the effect where it has none, and never shows an older version of a document behind a newer one.
    """

    async def position(self) -> Cursor:
        """Where the engine stands."""
        ...

    async def apply(
        self, changes: Sequence[Change_contra], before: Cursor, after: Cursor
    ) -> Sequence[Parked]:
        """Take changes and move the cursor.

        Returns:
            The documents parked: those given as such, and those the engine cannot take.

        Raises:
            Conflict: the engine is not at `before`, so somebody else fills it.
            Unavailable: the engine does not answer, or refuses work for now; nothing is taken for done.
        """
        ...

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents the engine could not take, of one organization or of all; 1,000 at most."""
        ...

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents, or everything of an organization; the cursor stays."""
        ...

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation, to be filled from the start."""
        ...
