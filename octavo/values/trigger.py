"""Triggers: when a document of a type arrives or changes, run this pipeline."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.values.actor import Actor
from octavo.values.run import MOST_URGENT

Change = Literal["created", "updated"]
CHANGES: tuple[Change, ...] = get_args(Change)
MAX_DEBOUNCE_SECONDS = 86_400.0
MAX_DEPTH = 100
DEPTH = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_REASONS = {
    "depth": "runs caused each other deeper than it allows",
    "pipeline": "its pipeline, or that version of it, is not there or not active",
    "quota": "the organization had started as many runs that day as it may",
}


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What starts a pipeline's run when a document of a type arrives or changes.

    Attributes:
        namespace: whose documents it watches.
        pipeline: as it was given; what `summarize@production` means is asked at each change.
        on: `created`: a document arrives, newly made or restored; `updated`: it gets another version.
        where: a filter on what the document is after the change; an empty one holds for all.
        debounce_seconds: how long a document must be left alone before its run begins.
        recursive: whether what a run of the pipeline writes may start the pipeline again.
        max_depth: how many runs may cause each other, this one the last of them.
        stopped_at, stopped_reason, stopped_document_id: when it last started nothing although it should have; the
            events `trigger.stopped` in the streams of the documents tell of each time.
    """

    name: str
    namespace: str
    type: str
    pipeline: str
    on: tuple[Change, ...]
    where: dict[str, Any]
    priority: int
    debounce_seconds: float
    recursive: bool
    max_depth: int
    is_paused: bool
    created_at: datetime
    created_by: Actor
    updated_at: datetime
    stopped_at: datetime | None = None
    stopped_reason: Literal["depth", "pipeline", "quota"] | None = None
    stopped_document_id: UUID | None = None

    @property
    def warning(self) -> str | None:
        """Why it last started nothing, in words; None if it always did what it should."""
        if self.stopped_reason is None:
            return None
        return f"{_REASONS[self.stopped_reason]} (document {self.stopped_document_id})"

    def as_dict(self) -> dict[str, Any]:
        """The trigger as plain data."""
        return {
            **msgspec.to_builtins(msgspec.structs.asdict(self)),
            "created_by": str(self.created_by),
            "warning": self.warning,
        }


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What a look for documents without a run found.

    Attributes:
        examined: documents that were looked at.
        missing: those that no run of the pipeline's version tells of as they are now.
        started: runs that were started for them.
        next: the document to go on behind; None: that was all.
        batch: the batch they are in; None when they were started one by one, or none was missing.
    """

    examined: int
    missing: int
    started: int
    next: UUID | None
    batch: UUID | None = None

    def as_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


def check_name(name: str) -> str:
    """The name of a trigger; raises `InvalidInput`."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a name for a trigger", remedy="use letters, digits, _ . and -, at most 100"
        )
    return name


def check_changes(on: Collection[str] | str) -> tuple[Change, ...]:
    """The changes a trigger waits for; raises `InvalidInput` for none, or one there is not."""
    given = {on} if isinstance(on, str) else set(on)
    unknown = sorted(given - set(CHANGES))
    if unknown or not given:
        raise InvalidInput(
            f"a trigger cannot wait for {unknown[0]!r}" if unknown else "a trigger that waits for no change",
            remedy="on=… takes 'created', 'updated' or both",
        )
    return tuple(change for change in CHANGES if change in given)


def check_bounds(priority: int, debounce_seconds: float, max_depth: int) -> None:
    """Raise `InvalidInput` for a priority, a pause or a depth that no trigger can have."""
    if isinstance(priority, bool) or not 0 <= priority <= MOST_URGENT:
        raise InvalidInput(
            f"the priority {priority} is not 0 to 9", remedy="9 is the most urgent, 5 is usual"
        )
    if not 0 <= debounce_seconds <= MAX_DEBOUNCE_SECONDS:
        raise InvalidInput(
            f"a run cannot be put off by {debounce_seconds} seconds", remedy="give 0 to 86400, which is a day"
        )
    if isinstance(max_depth, bool) or not 1 <= max_depth <= MAX_DEPTH:
        raise InvalidInput(f"the depth {max_depth} is not 1 to {MAX_DEPTH}", remedy=f"{DEPTH} is usual")
