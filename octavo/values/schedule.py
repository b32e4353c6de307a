"""Schedules: runs that are started by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from octavo.values.actor import Actor
from octavo.values.json import decode

CatchUp = Literal["last", "all", "none"]
CATCH_UPS: tuple[CatchUp, ...] = ("last", "all", "none")
# Missed times that are caught up with at most, the latest ones.
MOST_MISSED = 100
# What is later than this was missed: nobody was there to start it.
LATE_SECONDS = 60.0
MAX_SCHEDULES = 10_000
PROBLEMS = {
    "pipeline_gone": "there is no such pipeline, tag or version any more, or it is not active",
    "document_gone": "the document is gone",
    "quota_exceeded": "the organization had started as many runs as a day gives it",
    "overlap": "the run before was still waiting or under way",
    "missed": "nobody was there to start it in time",
    "unknown_calendar": "the time zone is not known where the worker runs",
}
MAX_NEXT = 1_000


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When runs of a pipeline are started.

    Attributes:
        pipeline: what is started, as `summarize@production`: what it means is asked each time.
        cron: minute, hour, day of month, month, day of week.
        timezone: whose clock it is, as `Europe/Berlin`.
        catch_up: what becomes of times at which no worker was there: the `last` of them is made up for, `all` of them
            (100 at most, the latest), or `none`.
        overlap: False: none is started while the run before waits or is under way.
        next_at: when it is due next; None while it is paused.
        last_at: when it was due last.
        problem: why no run was started then, as a code: see `PROBLEMS`; None: one was.
    """

    id: UUID
    name: str
    pipeline: str
    document_id: UUID | None
    raw_input: bytes
    priority: int
    cron: str
    timezone: str
    catch_up: CatchUp
    overlap: bool
    paused: bool
    next_at: datetime | None
    last_at: datetime | None
    problem: str | None
    created_at: datetime
    updated_at: datetime
    actor: Actor

    @property
    def input(self) -> dict[str, Any]:
        """What its runs are started with."""
        given: dict[str, Any] = decode(self.raw_input)
        return given

    def as_dict(self) -> dict[str, Any]:
        """The schedule as plain data."""
        return {
            "id": str(self.id),
            "name": self.name,
            "pipeline": self.pipeline,
            "document_id": str(self.document_id) if self.document_id else None,
            "input": self.input,
            "priority": self.priority,
            "cron": self.cron,
            "timezone": self.timezone,
            "catch_up": self.catch_up,
            "overlap": self.overlap,
            "paused": self.paused,
            "next_at": self.next_at.isoformat() if self.next_at else None,
            "last_at": self.last_at.isoformat() if self.last_at else None,
            "problem": self.problem,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "actor": str(self.actor),
        }


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A time at which a schedule was due.

    Attributes:
        fired_at: when a worker saw to it.
        run_id: the run that was started; None: none was.
        problem: why none was, as a code: see `PROBLEMS`.
    """

    due_at: datetime
    fired_at: datetime
    run_id: UUID | None
    problem: str | None

    def as_dict(self) -> dict[str, Any]:
        """The firing as plain data."""
        return {
            "due_at": self.due_at.isoformat(),
            "fired_at": self.fired_at.isoformat(),
            "run_id": str(self.run_id) if self.run_id else None,
            "problem": self.problem,
        }
