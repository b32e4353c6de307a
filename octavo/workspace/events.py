"""The log as one organization sees it: reading, following, durable subscriptions, and streams of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.feed.reader import Feed, Filter
from octavo.feed.subscriptions import Place, Progress, Subscription, Subscriptions
from octavo.feed.wakeup import Wakeup
from octavo.postgres.pool import Pool
from octavo.store import events, retention, snapshots
from octavo.store.retention import Retention
from octavo.store.transaction import transaction
from octavo.values.aggregate import Loaded, State
from octavo.values.event import Event
from octavo.values.position import START, Position
from octavo.values.trace import Trace
from octavo.values.upcast import Upcasters
from octavo.workspace.documents import Bind
from octavo.workspace.given import known_id


class Events:
    """Events of one organization, in commit order; those of one stream in its sequence.

    Events of an old schema version are read as new ones, as the database's upcasters say.
    """

    def __init__(self, bind: Bind, pool: Pool, wakeup: Wakeup, upcasters: Upcasters | None = None) -> None:
        self._bind = bind
        self._pool = pool
        self._wakeup = wakeup
        self._upcasters = upcasters or Upcasters()

    async def read(
        self,
        *,
        after: Position = START,
        types: Collection[str] | None = None,
        document: UUID | str | None = None,
        stream: str | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Event]:
        """Events behind a position: those that are committed now, or with `follow` each new one as well.

        Args:
            after: the position of an event or of a write; by default the beginning of the log.
            types, document, stream: only these.

        Raises:
            InvalidInput: both a document and a stream, or a position of another shard.
            Conflict: a position this record has not reached, as after a restore.
        """
        if document is not None and stream is not None:
            raise InvalidInput("document and stream exclude each other", remedy="give one of them")
        wanted = stream if document is None else events.document_stream(known_id(document))
        if wanted is not None and not follow:
            async for event in self._stream(wanted, after, types):
                yield event
            return
        feed = await self._feed()
        if follow:
            async for event in feed.follow(after, types=types, stream=wanted):
                yield event
            return
        async for event in self._until_now(feed, after, types):
            yield event

    async def append(
        self,
        stream: str,
        type: str,
        data: Any,
        *,
        schema_version: int | None = None,
        expect: int | None = None,
        idempotency_key: str | None = None,
    ) -> Event:
        """Append an event of your own to a stream of your own.

        Args:
            stream: its name; it comes into being with its first event.
            type: lower-case words joined by dots, as `order.placed`.
            data: a JSON object. The log is kept: refer to personal data instead of copying it.
            schema_version: which shape of the type's data this is; None: the newest the upcasters know, else 1.
            expect: the sequence of the stream's last event, 0 for a new stream.
            idempotency_key: a repetition with the same key returns the first call's event.

        Raises:
            VersionConflict, InvalidInput, LimitExceeded, IdempotencyConflict.
        """
        scope = await self._bind()
        events.check_open_to_all(stream, type)
        fact = events.own_fact(type, data, schema_version, self._upcasters)
        if idempotency_key is None:
            return await events.append(scope, stream, fact, expect=expect)
        async with transaction(self._pool, scope) as inside:
            return (await events.append_once(inside, stream, [fact], idempotency_key, expect=expect))[0]

    async def append_many(
        self,
        stream: str,
        given: Sequence[Mapping[str, Any]],
        *,
        expect: int | None = None,
        idempotency_key: str | None = None,
    ) -> list[Event]:
        """Append up to 1,000 events of your own to one stream, all of them or none, in one statement.

        Args:
            given: mappings with `type` and `data`, and `schema_version` if wanted; 16 MiB of data at most.
            expect: the sequence of the stream's last event, 0 for a new stream.
            idempotency_key: a repetition with the same key returns the first call's events.

        Returns:
            The events in the order given, with consecutive sequences.

        Raises:
            VersionConflict, InvalidInput, LimitExceeded, IdempotencyConflict.
        """
        scope = await self._bind()
        facts = self._facts(stream, given)
        if idempotency_key is None:
            return await events.append_many(scope, stream, facts, expect=expect)
        async with transaction(self._pool, scope) as inside:
            return await events.append_once(inside, stream, facts, idempotency_key, expect=expect)

    async def stream(
        self, name: str, *, after: int = 0, types: Collection[str] | None = None, limit: int = 100
    ) -> list[Event]:
        """Events of one stream behind the sequence `after`, in order; none when there is no such stream."""
        found = await events.read(await self._bind(), name, after=after, types=types, limit=limit)
        return [self._upcasters.apply(event) for event in found]

    async def load(self, kind: type[State], stream: str) -> Loaded[State]:
        """The aggregate that a stream's events make: `account = await db.events.load(Account, "account-7")`.

        It begins with the newest snapshot that fits, if there is one, and applies the events behind it; without
        one it applies all of them, and comes to the same state. A stream that is not there gives the initial one.

        Args:
            kind: an `octavo.values.aggregate.Aggregate`: a class whose instances have `apply(event)`.

        Raises:
            InvalidInput: the class is no aggregate. NotFound: its first events were dropped by their retention.
        """
        return await snapshots.load(await self._bind(), kind, stream, self._upcasters)

    async def save(self, loaded: Loaded[State], given: Sequence[Mapping[str, Any]]) -> Loaded[State]:
        """Append events to a loaded aggregate's stream, unless it got others meanwhile; returns it with them.

        Args:
            given: as for `append_many`.

        Raises:
            VersionConflict: somebody else was first; load it again and decide anew.
            InvalidInput, LimitExceeded.
        """
        scope = await self._bind()
        return await snapshots.save(scope, loaded, self._facts(loaded.stream, given), self._upcasters)

    async def drop_snapshots(self, stream: str | None = None) -> int:
        """Drop the snapshots of a stream, or of all; nothing is lost, and `load` makes them anew when due."""
        return await snapshots.drop(await self._bind(), stream)

    async def trace(self, correlation: str, *, after: Position = START, limit: int = 1_000) -> Trace:
        """Everything that belongs to one correlation id, in commit order; its `tree()` tells what caused what.

        Args:
            after: the `after` of the page before.
            limit: events at most.
        """
        found = await events.trace(await self._bind(), correlation, after=after, limit=limit)
        return msgspec.structs.replace(found, events=[self._upcasters.apply(event) for event in found.events])

    async def retain(self, prefix: str, *, days: float | None) -> Retention | None:
        """Keep events of streams with this prefix for so many days; maintenance drops what is older.

        Meant for operational events, such as those of `ops-` streams; what happened to documents is always kept.

        Args:
            prefix: of the streams' names; the longest one that fits a stream counts.
            days: how long; None keeps them for good again.

        Returns:
            The retention, None when it was taken away.

        Raises:
            InvalidInput: no days, or a prefix that Octavo's own streams have.
        """
        return await retention.retain(await self._bind(), prefix, days)

    async def retentions(self) -> list[Retention]:
        """What is kept how long, by prefix."""
        return await retention.listing(await self._bind())

    def subscribe(
        self,
        name: str,
        *,
        after: Place | None = None,
        types: Collection[str] | None = None,
        manual: bool = False,
    ) -> Subscription:
        """Consume a durable subscription: `async for event in db.events.subscribe("billing")`.

        At least once, in commit order; goes on where it was left, also after kill -9. One consumer at a time
        has the name, a second one waits for it.

        Args:
            after: where a new subscription begins: "start" (also None), "now", or a position.
            types: only these.
            manual: only `subscription.acknowledge(event)` saves the place; by default asking for the next
                batch does it too.
        """
        return Subscription(self._feed, name, Filter.of(types), after=after, manual=manual)

    async def subscriptions(self) -> list[Progress]:
        """Every subscription by name, with how far it is behind."""
        return await Subscriptions(await self._feed()).list()

    async def reset_subscription(self, name: str, to: Place) -> None:
        """Move a subscription to "start", "now" or a position."""
        await Subscriptions(await self._feed()).reset(name, to)

    async def delete_subscription(self, name: str) -> None:
        """Forget a subscription and its place."""
        await Subscriptions(await self._feed()).delete(name)

    async def position(self) -> Position:
        """The end of the log: what is committed from now on comes after it."""
        return await (await self._feed()).position()

    async def _feed(self) -> Feed:
        scope = await self._bind()
        return Feed(
            self._pool, self._wakeup, scope.organization, shard=scope.shard, upcasters=self._upcasters
        )

    def _facts(self, stream: str, given: Sequence[Mapping[str, Any]]) -> list[events.Fact]:
        facts = events.facts(given, self._upcasters)
        for fact in facts:
            events.check_open_to_all(stream, fact.type)
        return facts

    async def _stream(
        self, name: str, after: Position, types: Collection[str] | None
    ) -> AsyncIterator[Event]:
        async for event in events.walk(await self._bind(), name, types=types):
            if event.position > after:
                yield self._upcasters.apply(event)

    async def _until_now(
        self, feed: Feed, after: Position, types: Collection[str] | None
    ) -> AsyncIterator[Event]:
        while True:
            batch = await feed.read(after, types=types)
            for event in batch.events:
                yield event
            if batch.is_last:
                return
            after = batch.cursor
