"""Pages of documents, and the cursors that continue them.

A cursor names the last document of a page by what the pages are ordered by and its id (keyset paging), so pages
neither skip nor repeat a document because others came, went or have the same sort value. It is opaque text of a
versioned form, tied to the question it came from, and holds nothing but that document's sort value and id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from uuid import UUID

import msgspec

from octavo.errors import InvalidFilter
from octavo.values.document import Document

_FORMAT = "c1"
MAX_CURSOR_LENGTH = 8_192


class Page(msgspec.Struct, frozen=True):
    """Some documents in order; `cursor` continues behind the last one, and is None when there are no more."""

    documents: list[Document]
    cursor: str | None


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Behind which document a page begins.

    Attributes:
        question: fingerprint of filter and order.
        key: the document's sort value, as text.
        id: the document.
    """

    question: str
    key: str
    id: UUID

    def __str__(self) -> str:
        packed = base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=")
        return f"{_FORMAT}-{packed.decode()}"


def fingerprint(*parts: str) -> str:
    """Twelve letters that tell one question from another."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:12]


def parse_cursor(text: str, question: str) -> Cursor:
    """Read the cursor of a page.

    Args:
        text: what the page before returned.
        question: fingerprint of the filter and order now asked.

    Raises:
        InvalidFilter: not a cursor, or one of another filter or order.
    """
    cursor = _read(text)
    if cursor is None:
        raise InvalidFilter(f"{text[:60]!r} is not a cursor", remedy="use the text the page before returned")
    if cursor.question != question:
        raise InvalidFilter(
            f"the cursor {text[:20]!r}… belongs to another filter or order",
            remedy="repeat the question the cursor came from, or begin without one",
        )
    return cursor


def _read(text: str) -> Cursor | None:
    form, _, packed = text.partition("-")
    if form != _FORMAT or len(text) > MAX_CURSOR_LENGTH:
        return None
    try:
        unpacked = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        return msgspec.json.decode(unpacked, type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None
