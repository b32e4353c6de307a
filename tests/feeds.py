"""What the tests of the log share: scopes, feeds, and ways to take events without waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.store import events
from octavo.store.scope import Limits, Scope, unheard
from octavo.values.actor import Actor, Origin
from octavo.values.event import Event
from octavo.values.position import START, Position
from octavo.workspace import Documents

PATIENCE_SECONDS = 20.0


def scope_of(record: Record, organization: UUID, **changes: Any) -> Scope:
    """A scope on the record's pool, whose every call commits; nobody is woken."""
    fields = {
        "runner": record.app,
        "organization": organization,
        "namespace": "default",
        "origin": Origin(Actor("ann")),
        "limits": Limits(),
        "committed": unheard,
        **changes,
    }
    return Scope(**fields)


def documents_of(record: Record, organization: UUID, **changes: Any) -> Documents:
    """The documents of an organization."""
    scope = scope_of(record, organization, **changes)

    async def bind() -> Scope:
        return scope

    return Documents(bind, record.app)


def feed_of(record: Record, organization: UUID | None = None, wakeup: Wakeup | None = None) -> Feed:
    """The log of an organization, or of all; without a wakeup it is polled."""
    pool = record.system if organization is None else record.app
    return Feed(pool, wakeup or Wakeup(), organization)


async def append(scope: Scope, stream: str, type: str = "acme.happened", **data: Any) -> Event:
    """One event, appended in any case."""
    return await events.append(scope, stream, events.fact(type, data))


async def take(source: AsyncIterator[Event], number: int) -> list[Event]:
    """The next events of a source that does not end by itself; the source is closed."""
    taken: list[Event] = []
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(source):  # type: ignore[type-var]
        while len(taken) < number:
            taken.append(await anext(source))
    return taken


async def read_to_end(feed: Feed, after: Position = START, limit: int = 1000, **filter: Any) -> list[Event]:
    """Every event that is committed now, read batch by batch; waits for the gate, which autovacuum may hold too."""
    found: list[Event] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            batch = await feed.read(after, limit, **filter)
            found += batch.events
            after = batch.cursor
            if batch.is_last and not batch.is_held:
                return found
