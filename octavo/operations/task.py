"""A task of maintenance, and what it did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from octavo.operations.progress import Progress, silent


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What one task did, or with `dry_run` would do.

    Attributes:
        task: expiry, events, queries, answers, figures, batches, bodies, blobs, partitions or gate.
        examined: rows or files looked at.
        changed: rows or files removed, or partitions made.
        after: where to go on, as the task's `after=`; None when it came to the end.
        waits: why it stopped before, if it did, or what it waits for.
    """

    task: str
    dry_run: bool
    examined: int
    changed: int
    after: str | None = None
    waits: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return msgspec.structs.asdict(self)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a task to do: from where it stopped before, up to so many rows or files; or only to look."""

    limit: int
    after: str | None = None
    dry_run: bool = False
    progress: Progress = silent


class Task(msgspec.Struct, frozen=True):
    """Something that is done again and again, about every so many seconds."""

    name: str
    every_seconds: float
    run: Callable[[Bounds], Awaitable[Done]]
