"""The log as one organization sees it: reading, following, durable subscriptions, and streams of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.feed.reader import Feed, Filter
from octavo.feed.subscriptions import Place, Progress, Subscription, Subscriptions
from octavo.feed.wakeup import Wakeup
from octavo.postgres.pool import Pool
from octavo.store import events
from octavo.store.transaction import transaction
from octavo.values.event import Event
from octavo.values.position import START, Position
from octavo.workspace.documents import Bind, known_id


class Events:
    """Events of one organization, in commit order; those of one stream in its sequence."""

    def __init__(self, bind: Bind, pool: Pool, wakeup: Wakeup) -> None:
        self._bind = bind
        self._pool = pool
        self._wakeup = wakeup

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
        expect: int | None = None,
        idempotency_key: str | None = None,
    ) -> Event:
        """Append an event of your own to a stream of your own.

        Args:
            stream: its name; it comes into being with its first event.
            type: lower-case words joined by dots, as `order.placed`.
            data: a JSON object. The log is kept: refer to personal data instead of copying it.
            expect: the sequence of the stream's last event, 0 for a new stream.
            idempotency_key: a repetition with the same key returns the first call's event.

        Raises:
            VersionConflict, InvalidInput, LimitExceeded, IdempotencyConflict.
        """
        scope = await self._bind()
        events.check_open_to_all(stream, type)
        fact = events.fact(type, data)
        if idempotency_key is None:
            return await events.append(scope, stream, fact, expect=expect)
        async with transaction(self._pool, scope) as inside:
            return await events.append_once(inside, stream, fact, idempotency_key, expect=expect)

    async def stream(
        self, name: str, *, after: int = 0, types: Collection[str] | None = None, limit: int = 100
    ) -> list[Event]:
        """Events of one stream behind the sequence `after`, in order; none when there is no such stream."""
        return await events.read(await self._bind(), name, after=after, types=types, limit=limit)

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
        return Feed(self._pool, self._wakeup, scope.organization, shard=scope.shard)

    async def _stream(
        self, name: str, after: Position, types: Collection[str] | None
    ) -> AsyncIterator[Event]:
        async for event in events.walk(await self._bind(), name, types=types):
            if event.position > after:
                yield event

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
