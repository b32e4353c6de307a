"""Durable subscriptions: a named place in the log that survives its consumer.

Delivery is at least once and in the order of the log. The place is saved when the consumer asks for what comes
after a batch, since it has then dealt with the batch, or when it acknowledges an event. One consumer at a time
has a name; a second one waits, and goes on when the first ends or dies. A consumer that was away too long (its
event loop stood still, the server could not be reached) loses the name, waits for it, and goes on from the saved
place: the last events come again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from itertools import count
from typing import Literal

import msgspec

from octavo.errors import InvalidInput, NotFound, Unavailable
from octavo.feed.reader import EVERYTHING, LONGEST_FAULT_SECONDS, Feed, Filter, Follower
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.lease import SECONDS, Lease
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.values.event import Event
from octavo.values.position import START, Position

_sql = load("octavo.feed", "subscriptions.sql")
log = logging.getLogger("octavo.feed")

Place = Position | Literal["now", "start"]

# How often a consumer that waits for the name asks for it.
RETRY_SECONDS = 1.0
# Events behind a subscription that are counted; more are told as this number.
COUNTED = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class Progress(msgspec.Struct, frozen=True):
    """How far a subscription has come.

    Attributes:
        position: everything at or before it was dealt with.
        updated_at: when the position was saved last.
        is_consumed: whether a consumer has the name now.
        behind_events: events in the log after the position, of all types; counted up to 10,000.
        behind_seconds: age of the oldest of them; 0 when there is none.
    """

    name: str
    position: Position
    updated_at: datetime
    is_consumed: bool
    behind_events: int
    behind_seconds: float


class Subscription:
    """Consumes the events of one name: `async for event in subscription`. Made by `Subscriptions.subscribe`.

    Leaving the loop gives the name up; the event whose turn was not over is delivered again.
    """

    def __init__(
        self,
        bind: Callable[[], Awaitable[Feed]],
        name: str,
        filter: Filter = EVERYTHING,
        *,
        after: Place | None = None,
        manual: bool = False,
        lease_seconds: float = SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.name = _checked(name)
        self._bind = bind
        self._filter = filter
        self._after = after
        self._manual = manual
        self._lease_seconds = lease_seconds
        self._retry_seconds = retry_seconds
        self._turn: _Turn | None = None

    async def acknowledge(self, event: Event) -> bool:
        """Save that this event, and every one before it, was dealt with.

        Returns:
            False when the name was lost meanwhile: nothing was saved, and another consumer gets the event too.

        Raises:
            InvalidInput: nobody iterates over this subscription now.
        """
        if self._turn is None:
            raise InvalidInput(
                f"the subscription {self.name!r} is not consumed here", remedy="acknowledge inside its loop"
            )
        return await self._turn.save(event.position)

    async def __aiter__(self) -> AsyncIterator[Event]:
        feed = await self._bind()
        await _create(feed, self.name, self._after)
        lease = Lease(feed.pool, _lease_name(self.name), feed.organization, seconds=self._lease_seconds)
        try:
            while await self._wait_for_turn(feed, lease):
                async with lease.kept():
                    turn = self._turn = _Turn(feed, self.name, self._filter, lease, self._manual)
                    try:
                        while (events := await turn.next()) is not None:
                            for event in events:
                                if not lease.is_held:
                                    break
                                yield event
                                turn.dealt_with = event.position
                    finally:
                        await turn.end()
        finally:
            self._turn = None

    async def _wait_for_turn(self, feed: Feed, lease: Lease) -> bool:
        """Wait until the name is ours; False when the database is closed."""
        for attempt in count(1):
            if feed.wakeup.is_closed:
                return False
            pause = self._retry_seconds
            try:
                if await lease.take():
                    return True
            except Unavailable as error:
                log.warning("the subscription %s cannot go on now: %s", self.name, error)
                pause = backoff_seconds(attempt, first=pause, most=LONGEST_FAULT_SECONDS)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")


class _Turn:
    """The time from getting the name to losing it or giving it up."""

    def __init__(self, feed: Feed, name: str, filter: Filter, lease: Lease, manual: bool) -> None:
        self.dealt_with: Position | None = None
        self._feed = feed
        self._name = name
        self._filter = filter
        self._lease = lease
        self._manual = manual
        self._follower: Follower | None = None
        self._saved = START
        self._saved_at = 0.0

    async def next(self) -> list[Event] | None:
        """Save that the last batch was dealt with, and wait for the next; None when the turn is over."""
        try:
            follower = self._follower or await self._begin()
            if not (self._lease.is_held and await self._save_if_due(follower.cursor)):
                return None
        except Unavailable as error:
            self._lose(error)
            return None
        batch = await follower.poll()
        return None if batch is None else batch.events

    async def save(self, position: Position) -> bool:
        """Save the place, if the name is still ours; a place behind the saved one changes nothing."""
        if self._follower is None:
            return False
        if position > self._saved:
            feed, lease, begun = self._feed, self._lease, time.monotonic()
            row = await feed.pool.fetchrow(
                _sql.save if feed.organization else _sql.save_for_all,
                feed.organization,
                self._name,
                *_columns(position),
                lease.name,
                lease.holder,
                lease.fence,
                lease.seconds,
            )
            lease.renewed(None if row is None else begun)
            if row is not None:
                self._saved, self._saved_at = position, begun
        return self._lease.is_held

    async def end(self) -> None:
        """Save what was dealt with of a batch that was left; the server knows whether the name is still ours."""
        if self.dealt_with is not None and not self._manual:
            try:
                await self.save(self.dealt_with)
            except Unavailable as error:
                self._lose(error)

    async def _begin(self) -> Follower:
        feed = self._feed
        row = await feed.pool.fetchrow(
            _sql.find if feed.organization else _sql.find_for_all, feed.organization, self._name
        )
        if row is None:
            raise _missing(self._name)
        self._saved = Position(feed.shard, row["epoch"], row["position_xid"], row["position_id"])
        self._follower = Follower(feed, self._saved, self._filter)
        return self._follower

    async def _save_if_due(self, cursor: Position) -> bool:
        """Save after every batch with events; where nothing matched, only now and then. False: the name is lost."""
        due = self.dealt_with is not None or time.monotonic() - self._saved_at > self._lease.seconds / 3
        if self._manual or not due:
            return True
        saved = await self.save(cursor)
        self.dealt_with = None
        return saved

    def _lose(self, error: Unavailable) -> None:
        log.warning("the subscription %s could not save its place: %s", self._name, error)
        self._lease.renewed(None)


class Subscriptions:
    """The subscriptions to a feed: to the log of one organization, or to that of all.

    Args:
        feed: what is read, and through whose pool places are saved.
        lease_seconds: a consumer that died is replaced after so long.
        retry_seconds: how often a waiting consumer looks whether it may begin.
    """

    def __init__(
        self, feed: Feed, *, lease_seconds: float = SECONDS, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._feed = feed
        self._lease_seconds = lease_seconds
        self._retry_seconds = retry_seconds

    def subscribe(
        self,
        name: str,
        *,
        after: Place | None = None,
        types: Collection[str] | None = None,
        manual: bool = False,
    ) -> Subscription:
        """Consume the events of a durable subscription, which is made when there is none of this name.

        Args:
            name: letters, digits, `_ . : -`, at most 100.
            after: where a new subscription begins: "start" (also None) of the log, "now", or a position. One
                that is there already goes on from its place; `reset` moves it.
            types: only events of these types.
            manual: only `acknowledge` saves the place; by default asking for the next batch does it too.

        Raises:
            InvalidInput; while iterating: NotFound when the subscription is deleted.
        """

        async def bind() -> Feed:
            return self._feed

        return Subscription(
            bind,
            name,
            Filter.of(types),
            after=after,
            manual=manual,
            lease_seconds=self._lease_seconds,
            retry_seconds=self._retry_seconds,
        )

    async def list(self) -> list[Progress]:
        """Every subscription by name, with how far it is behind."""
        feed = self._feed
        if feed.organization is None:
            rows = await feed.pool.fetch(_sql.list_for_all, COUNTED)
        else:
            rows = await feed.pool.fetch(_sql.list, feed.organization, COUNTED)
        return [_progress(row, feed.shard) for row in rows]

    async def reset(self, name: str, to: Place) -> None:
        """Move a subscription to "start", "now" or a position; its consumer goes on from there.

        Raises:
            NotFound; InvalidInput: not a place.
        """
        feed = self._feed
        row = await feed.pool.fetchrow(
            _sql.reset if feed.organization else _sql.reset_for_all,
            feed.organization,
            name,
            *_columns(await _position(feed, to)),
            _lease_name(name),
        )
        if row is None:
            raise _missing(name)

    async def delete(self, name: str) -> None:
        """Forget a subscription and its place; its consumer ends with `NotFound`. Raises `NotFound`."""
        feed = self._feed
        row = await feed.pool.fetchrow(
            _sql.delete if feed.organization else _sql.delete_for_all,
            feed.organization,
            name,
            _lease_name(name),
        )
        if row is None:
            raise _missing(name)


async def _create(feed: Feed, name: str, after: Place | None) -> None:
    found = _sql.find if feed.organization else _sql.find_for_all
    if await feed.pool.fetchrow(found, feed.organization, name) is None:
        await feed.pool.execute(
            _sql.create if feed.organization else _sql.create_for_all,
            feed.organization,
            name,
            *_columns(await _position(feed, after or "start")),
        )


async def _position(feed: Feed, place: Place) -> Position:
    match place:
        case Position():
            return place
        case "start":
            return START
        case "now":
            return await feed.position()
    raise InvalidInput(f"{place!r} is no place in the log", remedy='give "start", "now" or a position')


def _columns(position: Position) -> tuple[int, int, int]:
    return position.epoch, position.xid, position.id


def _progress(row: Row, shard: int) -> Progress:
    return Progress(
        name=row["name"],
        position=Position(shard, row["epoch"], row["position_xid"], row["position_id"]),
        updated_at=row["updated_at"],
        is_consumed=row["is_consumed"],
        behind_events=row["events"],
        behind_seconds=row["seconds"],
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:100]!r} is not the name of a subscription",
            remedy="use letters, digits, _ . : -, at most 100, a letter or digit first",
        )
    return name


def _lease_name(name: str) -> str:
    return f"subscription:{name}"


def _missing(name: str) -> NotFound:
    return NotFound(f"there is no subscription {name!r}", remedy="subscribe, which makes it")
