"""What ingest finds, what it reads out of a file, and what it says about one it cannot read."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from octavo.text.counts import Counts

Kind = Literal["pdf", "word", "text", "markdown", "html", "email", "webpage", "other"]


class Found(msgspec.Struct, frozen=True):
    """A file that can be read. `modified_ns` is its modification time, nanoseconds since 1970.

    `charset` is what its server says its text is encoded in; None if nobody says.
    """

    path: Path
    bytes: int
    modified_ns: int
    charset: str | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a file is from that lies elsewhere while it is read: a member of an archive, or a page of the web.

    Attributes:
        name: what the record knows it by: `archive!/member` or the URL that was asked for.
        container: key of the outermost archive it is in, in the ledger of sources.
        url: the address the page came from in the end.
        etag, last_modified: as its server gave them.
    """

    name: str
    container: bytes | None = None
    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """A file, folder or URL that could not be read: a stable `code` of `octavo.errors` and one clear line."""

    path: Path
    code: str
    message: str
    place: Place | None = None

    @property
    def source(self) -> str:
        """What it is called in a report: its path, or the URL, which a path cannot hold."""
        return self.place.name if self.place else str(self.path)


class Unread(msgspec.Struct, frozen=True, tag=True):
    """Why an attachment was kept but not read."""

    code: str
    message: str


class Extracted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a file says.

    Attributes:
        title: of the document, at most 500 characters, never empty.
        text: paragraphs separated by blank lines, or the text as it stands for plain text and Markdown; no NUL
            and no lone surrogate; empty for kind `other`.
        author: as the file names it; None if it does not.
        language: BCP 47 tag, `und` if unclear.
        created, modified: as the file itself says, in UTC; None if it does not.
        media_type: of the content, whatever the file is named.
        encoding: of a text, as Python's codecs name it; None for binary formats.
        counts: words, characters and paragraphs of `text`.
        metadata: what else the format tells (pages, keywords, message id …), as JSON; `stripped` counts the
            characters that had to go, `named` is the file name's extension where the content is something else.
        attachments: of a mail, in their order.
    """

    title: str
    text: str
    author: str | None = None
    language: str
    created: datetime | None = None
    modified: datetime | None = None
    kind: Kind
    media_type: str
    encoding: str | None = None
    counts: Counts
    metadata: dict[str, Any] = {}
    attachments: list[Attachment] = []


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file inside a mail: its bytes, and what they say or why they were not read."""

    name: str
    media_type: str
    data: bytes
    sha256: bytes
    content: Extracted | Unread


class Read(msgspec.Struct, frozen=True):
    """A file that was read. `sha256` is of its original bytes; `bytes` and `modified_ns` are from when it was.

    `place` tells where it is from, if that is not the `path` it was read at.
    """

    path: Path
    sha256: bytes
    bytes: int
    modified_ns: int
    extracted: Extracted
    place: Place | None = None

    @property
    def source(self) -> str:
        """What the record knows it by, as the file system has it."""
        return self.place.name if self.place else os.fspath(self.path)


Outcome = Read | Failed
