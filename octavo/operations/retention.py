"""Drops events of an organization's own streams that are older than their retention wants; see `Events.retain`.

A stream loses its first events, in chunks; what happened to documents is always kept. An organization under legal
hold keeps everything. Readers of the log that are further behind than a retention miss what it dropped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.operations.task import Bounds, Done
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load

_sql = load("octavo.store", "retention.sql")

LIMIT = 100_000
_STREAMS = 500
_EVENTS = 1_000
Place = tuple[UUID, str, str]


async def drop_old_events(system: Pool, to: Bounds | None = None) -> Done:
    """Drop events that are older than the retention of their streams.

    Args:
        to: where an earlier run stopped, and streams looked at and events dropped at most, together; by default
            100,000 from the beginning. The rest is left to the next run.
    """
    to = to or Bounds(limit=LIMIT)
    place, examined, dropped = _place(to.after), 0, 0
    async for policy, stream in _streams(system, place):
        examined += 1
        if stream["due"]:
            left = max(to.limit - examined - dropped, 1)
            dropped += await _drop(system, policy, stream["name"], left, to.dry_run)
        to.progress(dropped, examined)
        if examined + dropped >= to.limit:
            # The stream itself may have more: the next run begins behind the one before it.
            stopped = _text(place or (policy["organization_id"], policy["prefix"], ""))
            return Done(task="events", dry_run=to.dry_run, examined=examined, changed=dropped, after=stopped)
        place = policy["organization_id"], policy["prefix"], stream["name"]
    return Done(task="events", dry_run=to.dry_run, examined=examined, changed=dropped)


async def _streams(system: Pool, begin: Place | None) -> AsyncIterator[tuple[Row, Row]]:
    """Streams behind a place, page by page, each with the retention that counts for it."""
    for policy in await system.fetch(_sql.policies):
        key = policy["organization_id"], policy["prefix"]
        if begin is not None and key < begin[:2]:
            continue
        name = begin[2] if begin is not None and key == begin[:2] else ""
        full = True
        while full:
            page = await system.fetch(_sql.page_of_streams, *key, name, policy["kept"], _STREAMS)
            for stream in page:
                yield policy, stream
                name = stream["name"]
            full = len(page) == _STREAMS


async def _drop(system: Pool, policy: Row, stream: str, most: int, dry_run: bool) -> int:
    """Drop the old events of a stream, at most so many; or count them."""
    arguments = policy["organization_id"], stream, policy["kept"]
    if dry_run:
        row = await system.fetchrow(_sql.count_old_events, *arguments, most)
        assert row is not None
        return int(row["events"])
    gone, full = 0, True
    while full and gone < most:
        size = min(_EVENTS, most - gone)
        tag = await system.execute(_sql.drop_events, *arguments, size)
        gone, full = gone + int(tag.split()[-1]), int(tag.split()[-1]) == size
    return gone


def _text(place: Place) -> str:
    organization, prefix, name = place
    return f"{organization}/{len(prefix)}/{prefix}{name}"


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    try:
        organization, length, rest = after.split("/", 2)
        return UUID(organization), rest[: int(length)], rest[int(length) :]
    except ValueError as error:
        raise InvalidInput(
            f"{after!r} is no place where a run stopped", remedy="use the `after` of its result"
        ) from error
