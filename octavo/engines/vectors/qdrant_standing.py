"""Where an engine in Qdrant stands: its cursor, and which loads count.

Qdrant has no transactions, so a load is announced before its points are written and settled after them, each time
by an upsert that happens only if the standing is the one that was read. Whoever is late loses, and knows it.

A load that was never settled may still write: its requests may wait in the server's queue long after the client
gave them up. Once a later load has done its work again, it counts no more, and no reader sees what it wrote.
"""

from __future__ import annotations

import time
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid4

from octavo.roles.state import NO_DOCUMENT, Cursor
from octavo.values.position import Position

# Loads that count no more, remembered at most; each has been swept many times before it is forgotten.
MOST_VOID = 64


class Announced(msgspec.Struct, frozen=True, array_like=True):
    """A load that was announced, and the cursor it was to end at."""

    load: int
    after: Cursor


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the collection says of itself.

    Attributes:
        owner: who wrote this, a new id each time.
        load: the highest number given to a load.
        floor: points of loads with lower numbers are of an earlier generation.
        unsettled: loads whose work is not known to be done, and that nobody has done again yet.
        void: loads that count no more.
    """

    cursor: Cursor
    owner: UUID
    load: int
    floor: int
    unsettled: tuple[Announced, ...] = ()
    void: tuple[int, ...] = ()


def first(shard: int) -> Standing:
    """The standing of a new collection. Numbers begin with the time: no earlier collection's are higher."""
    begun = time.time_ns() // 1_000_000
    cursor = Cursor(uuid4(), Position(shard, 0, 0, 0), NO_DOCUMENT)
    return Standing(cursor=cursor, owner=uuid4(), load=begun, floor=begun)


def emptied(now: Standing) -> Standing:
    """The standing of a new generation; late points of the one before are below its floor."""
    cursor = Cursor(uuid4(), Position(now.cursor.position.shard, 0, 0, 0), NO_DOCUMENT)
    return Standing(cursor=cursor, owner=uuid4(), load=now.load + 1, floor=now.load + 1)


def announced(now: Standing, after: Cursor) -> Standing:
    """A load begins. One that stays where it is will not be done again by another, so it is never void."""
    load = now.load + 1
    moves = _order(now.cursor) < _order(after)
    unsettled = (*now.unsettled, Announced(load, after)) if moves else now.unsettled
    return msgspec.structs.replace(now, owner=uuid4(), load=load, unsettled=unsettled)


def settled(now: Standing, after: Cursor) -> Standing:
    """The load of this standing is done: what earlier ones were to do up to there is done with it."""
    done = [one.load for one in now.unsettled if _order(one.after) <= _order(after)]
    left = tuple(one for one in now.unsettled if one.load not in done)
    void = (*now.void, *(load for load in done if load != now.load))
    return msgspec.structs.replace(now, cursor=after, owner=uuid4(), unsettled=left, void=void[-MOST_VOID:])


def _order(cursor: Cursor) -> tuple[bool, tuple[UUID, UUID], Position]:
    """In the order in which an engine of one generation moves: the scan, then the log."""
    return cursor.scanned is None, cursor.scanned or NO_DOCUMENT, cursor.position
