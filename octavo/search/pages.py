"""Cursors of search pages: opaque, and good for the query they came from only."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from octavo.errors import InvalidFilter
from octavo.roles.search import Place

_FORMAT = "s1"


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    format: str
    query: str
    place: Place


def fingerprint(*parts: object) -> str:
    """Twelve letters that tell a query from any other."""
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:12]


def write(place: Place, query: str) -> str:
    """The cursor that continues behind a place."""
    return (
        base64.urlsafe_b64encode(msgspec.msgpack.encode(_Cursor(_FORMAT, query, place))).decode().rstrip("=")
    )


def read(cursor: str, query: str) -> Place:
    """The place of a cursor; raises `InvalidFilter` when it is none, or of another query."""
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = msgspec.msgpack.decode(data, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidFilter(
            f"{cursor[:40]!r} is not a cursor of a search", remedy="use the cursor of the page before"
        ) from error
    if (found.format, found.query) != (_FORMAT, query):
        raise InvalidFilter(
            "the cursor belongs to another query",
            remedy="repeat the query it came from, with the same filter, order and types",
        )
    return found.place
