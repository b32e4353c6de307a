"""Schedules as their organization keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.pipelines.queueing import runs
from octavo.pipelines.starting.cron import Calendar, calendar
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.json import encode_object
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.run import MAX_INPUT_BYTES, MOST_URGENT
from octavo.values.schedule import CATCH_UPS, MAX_NEXT, MAX_SCHEDULES, CatchUp, Firing, Schedule

_sql = load("octavo.pipelines.starting", "schedules.sql")
_LATEST = datetime.max.replace(tzinfo=UTC)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule shall be, checked: see `Schedules.put`."""

    name: str
    pipeline: Reference
    calendar: Calendar
    timezone: str
    document: UUID | None
    input: bytes
    priority: int
    catch_up: CatchUp
    overlap: bool

    @classmethod
    def of(
        cls,
        name: str,
        pipeline: Reference,
        *,
        cron: str,
        timezone: str,
        document: UUID | None,
        input: Mapping[str, Any] | None,
        priority: int,
        catch_up: str,
        overlap: bool,
    ) -> Wanted:
        """Check what a caller gave; raises `InvalidInput` and `LimitExceeded`."""
        if not 1 <= len(name) <= 200 or "\x00" in name:
            raise InvalidInput(f"the name of a schedule has 1 to 200 characters, this one {len(name)}")
        if isinstance(priority, bool) or not 0 <= priority <= MOST_URGENT:
            raise InvalidInput(
                f"the priority {priority} is not 0 to 9", remedy="9 is the most urgent, 5 is usual"
            )
        known = [one for one in CATCH_UPS if one == catch_up]
        if not known:
            raise InvalidInput(f"catch_up is not {catch_up!r}", remedy=f"give {', '.join(CATCH_UPS)}")
        return cls(
            name=name,
            pipeline=pipeline,
            calendar=calendar(cron, timezone),
            timezone=timezone,
            document=document,
            input=encode_object(input or {}, what="input of a schedule", max_bytes=MAX_INPUT_BYTES),
            priority=priority,
            catch_up=known[0],
            overlap=overlap,
        )


async def put(scope: Scope, wanted: Wanted) -> Schedule:
    """Make a schedule, or change the one of this name; raises `NotFound` and `LimitExceeded`."""
    clock = await scope.runner.fetchrow(_sql.look_at_clock, scope.organization, wanted.name)
    assert clock is not None
    if clock["schedules"] >= MAX_SCHEDULES:
        raise LimitExceeded(
            f"the organization has {clock['schedules']} schedules",
            remedy=f"delete some: there may be {MAX_SCHEDULES}",
            limit=MAX_SCHEDULES,
            actual=clock["schedules"] + 1,
        )
    reference, actor = wanted.pipeline, scope.origin.actor
    row = await scope.runner.fetchrow(
        _sql.put_schedule,
        *(scope.organization, actor.id, actor.kind, uuid7(), wanted.name),
        *(reference.name, reference.tag, reference.version, wanted.document, wanted.input, wanted.priority),
        *(wanted.calendar.cron, wanted.timezone, wanted.catch_up, wanted.overlap),
        wanted.calendar.next_after(clock["moment"]),
        *(NAMESPACE, TYPE),
    )
    if row is None:
        raise await runs.not_found(scope, reference, [wanted.document])
    return _schedule(row)


async def get(scope: Scope, name: str) -> Schedule:
    """The schedule of this name; raises `NotFound`."""
    return _schedule(await _row(scope, name))


async def listing(scope: Scope, *, after: str, limit: int) -> list[Schedule]:
    """Schedules by name, those behind `after`."""
    rows = await scope.runner.fetch(
        _sql.list_schedules, scope.organization, after, min(limit, scope.limits.page)
    )
    return [_schedule(row) for row in rows]


async def pause(scope: Scope, name: str) -> Schedule:
    """Let it be due no more; raises `NotFound`."""
    return _found(await scope.runner.fetchrow(_sql.pause_schedule, scope.organization, name, None), name)


async def resume(scope: Scope, name: str) -> Schedule:
    """Let it be due again, from now on; raises `NotFound`."""
    row = await _row(scope, name)
    next_at = calendar(row["cron"], row["timezone"]).next_after(row["moment"])
    return _found(await scope.runner.fetchrow(_sql.pause_schedule, scope.organization, name, next_at), name)


async def delete(scope: Scope, name: str) -> None:
    """Delete a schedule with the list of its times; its runs stay. Raises `NotFound`."""
    if await scope.runner.fetchrow(_sql.delete_schedule, scope.organization, name) is None:
        raise _no_schedule(name)


async def next_times(scope: Scope, name: str, n: int) -> list[datetime]:
    """The next times it is due, as if it were not paused; raises `NotFound` and `LimitExceeded`."""
    if not 1 <= n <= MAX_NEXT:
        raise LimitExceeded(
            f"the next {n} times", remedy=f"ask for 1 to {MAX_NEXT}", limit=MAX_NEXT, actual=n
        )
    row = await _row(scope, name)
    return list(islice(calendar(row["cron"], row["timezone"]).after(row["moment"]), n))


async def firings(scope: Scope, name: str, *, before: datetime | None, limit: int) -> list[Firing]:
    """The times it was due, the latest first; raises `NotFound`."""
    row = await _row(scope, name)
    found = await scope.runner.fetch(
        _sql.list_firings,
        scope.organization,
        row["id"],
        before or _LATEST,
        min(limit, scope.limits.page),
    )
    return [Firing(**dict(one)) for one in found]


async def _row(scope: Scope, name: str) -> Row:
    row = await scope.runner.fetchrow(_sql.get_schedule, scope.organization, name)
    if row is None:
        raise _no_schedule(name)
    return row


def _found(row: Row | None, name: str) -> Schedule:
    if row is None:
        raise _no_schedule(name)
    return _schedule(row)


def _no_schedule(name: str) -> NotFound:
    return NotFound(f"there is no schedule {name!r}", remedy="see `octavo schedule list`")


def _schedule(row: Row) -> Schedule:
    return Schedule(
        id=row["id"],
        name=row["name"],
        pipeline=str(Reference(row["pipeline"], row["tag"], row["version"])),
        document_id=row["document_id"],
        raw_input=row["input"],
        priority=row["priority"],
        cron=row["cron"],
        timezone=row["timezone"],
        catch_up=row["catch_up"],
        overlap=row["overlap"],
        paused=row["paused"],
        next_at=row["next_at"],
        last_at=row["last_at"],
        problem=row["problem"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        actor=Actor(row["actor"], row["actor_kind"]),
    )
