"""Cursors of search pages: opaque, and good for the query they came from only."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection
from typing import TypeVar
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter
from octavo.roles.search import Place

_FORMAT, _SHOWN_FORMAT = "s1", "h1"


# A page is told by what was shown before it, at most so much.
MAX_SEEN = 1_000
_SEEN_BYTES = 8


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    format: str
    query: str
    place: Place


class _Shown(msgspec.Struct, frozen=True, array_like=True):
    format: str
    query: str
    ids: bytes


CursorT = TypeVar("CursorT", _Cursor, _Shown)


def fingerprint(*parts: object) -> str:
    """Twelve letters that tell a query from any other."""
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:12]


def write(place: Place, query: str) -> str:
    """The cursor that continues behind a place."""
    return _written(_Cursor(_FORMAT, query, place))


def read(cursor: str, query: str) -> Place:
    """The place of a cursor; raises `InvalidFilter` when it is none, or of another query."""
    return _read(cursor, query, _Cursor, _FORMAT).place


def write_shown(ids: Collection[bytes], query: str) -> str:
    """The cursor of a list whose order may change meanwhile: it continues with what was not shown yet.

    Args:
        ids: marks of the documents shown so far.
    """
    return _written(_Shown(_SHOWN_FORMAT, query, b"".join(sorted(ids))))


def read_shown(cursor: str | None, query: str) -> frozenset[bytes]:
    """The marks in such a cursor, none for the first page; raises `InvalidFilter` as `read` does."""
    if cursor is None:
        return frozenset()
    ids = _read(cursor, query, _Shown, _SHOWN_FORMAT).ids
    return frozenset(ids[at : at + _SEEN_BYTES] for at in range(0, len(ids), _SEEN_BYTES))


def mark_of(document: UUID) -> bytes:
    """What tells a document from others on the pages of one search: the part of its id that is random."""
    return document.bytes[-_SEEN_BYTES:]


def _written(cursor: _Cursor | _Shown) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _read(cursor: str, query: str, kind: type[CursorT], format: str) -> CursorT:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = msgspec.msgpack.decode(data, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidFilter(
            f"{cursor[:40]!r} is not a cursor of a search", remedy="use the cursor of the page before"
        ) from error
    if (found.format, found.query) != (format, query):
        raise InvalidFilter(
            "the cursor belongs to another query",
            remedy="repeat the query it came from, with the same filter, order and types",
        )
    return found
