"""What an ingest did, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from octavo.ingest.extracted import Failed


class Progress(msgspec.Struct, frozen=True):
    """Where an ingest stands: files found so far, files done, bytes read; `walked` when no more will be found."""

    found: int
    done: int
    bytes: int
    walked: bool


Watch = Callable[[Progress], None]


class Summary(msgspec.Struct, kw_only=True):
    """The sums of an ingest.

    Attributes:
        files: files, members of archives and URLs found; each is one of created, updated, equal, unchanged and
            failed. An archive that was opened is no file of its own.
        created, updated: files that became a new document, or the next version of one.
        equal: files that were read again and say the same.
        unchanged: files that were not read, because size and time are those of the last run.
        failures: files that could not be read, each with a code and one line.
        deleted: documents of files that have vanished (with `sync`).
        documents: documents written, attachments of mails included.
        bytes: bytes of the files that were read.
        seconds: how long it took.
    """

    files: int = 0
    created: int = 0
    updated: int = 0
    equal: int = 0
    unchanged: int = 0
    deleted: int = 0
    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    failures: list[Failed] = msgspec.field(default_factory=list)

    @property
    def done(self) -> int:
        """Files that are through."""
        return self.created + self.updated + self.equal + self.unchanged + len(self.failures)

    def as_dict(self) -> dict[str, Any]:
        """The sums as plain data."""
        data: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(self, failures=[]))
        data["failures"] = [
            {"path": failure.source, "code": failure.code, "message": failure.message}
            for failure in self.failures
        ]
        return data
