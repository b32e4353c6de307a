"""The blobs role: original files, named by their content and never changed.

A blob's key is `<organization>/<first two digits of its SHA-256>/<SHA-256>`. Equal files of one organization
are one blob; two organizations never share one. A blob appears whole or not at all, so whoever finds a key
finds all of its bytes; what is read in whole is compared with the key.

    put      store bytes, a file or a stream            get      all bytes, checked
    put_many store several at less cost
    read     a stream of all, checked, or of a range    find     size and age, or None
    delete   remove, unless it was put again since      listing  by key, from a key on
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, OctavoError

Source = bytes | Path | AsyncIterable[bytes]

_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/(?P<two>[0-9a-f]{2})/(?P<hex>[0-9a-f]{64})")


class Blob(msgspec.Struct, frozen=True):
    """A stored blob: its key, its length and when it was last put."""

    key: str
    size_bytes: int
    put_at: datetime

    @property
    def sha256(self) -> bytes:
        """The digest its key tells."""
        return digest_of(self.key)


class Blobs(Protocol):
    """A blob store; every call may raise `Unavailable` or `StorageFault`."""

    async def put(self, organization: UUID, source: Source) -> Blob:
        """Store a blob durably; the same bytes may be put again, which renews its age and mends damage."""
        ...

    async def put_many(self, organization: UUID, sources: Sequence[bytes | Path]) -> list[Blob | OctavoError]:
        """Store several durably, at less cost than one by one; each has a blob or an error of its own."""
        ...

    async def get(self, key: str) -> bytes:
        """All bytes; raises `NotFound`, or `StorageFault` when they are not those that were put."""
        ...

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes from `start` up to, and without, `end`, in bounded memory.

        Without a range the last piece comes only after the checksum was found right; a range is not checked.
        """
        ...

    async def find(self, key: str) -> Blob | None:
        """Size and age of a blob, or None."""
        ...

    async def delete(self, key: str, *, unless_put_since: datetime | None = None) -> bool:
        """Remove a blob; False when there is none, or when it was put at or after `unless_put_since`."""
        ...

    def listing(self, organization: UUID | None = None, *, after: str = "") -> AsyncIterator[Blob]:
        """Blobs behind the key `after`, ordered by key: of one organization, or of all."""
        ...


def blob_key(organization: UUID, sha256: bytes) -> str:
    """The key of the blob with this digest."""
    digits = sha256.hex()
    return f"{organization}/{digits[:2]}/{digits}"


def digest_of(key: str) -> bytes:
    """The SHA-256 that a key tells.

    Raises:
        InvalidInput: not a blob's key; a path to somewhere else never is.
    """
    found = _KEY.fullmatch(key)
    if found is None or not found["hex"].startswith(found["two"]):
        raise InvalidInput(f"{key[:200]!r} is not the key of a blob", remedy="use the `blob` of a content")
    return bytes.fromhex(found["hex"])
