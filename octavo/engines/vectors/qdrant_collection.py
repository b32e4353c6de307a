"""One collection of Qdrant: the points of one model for one life of a record, with the engine's standing among them.

The standing is a point without a vector, so a collection that somebody drops or empties takes its cursor along
and is filled again from the start. Every change is waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from qdrant_client import AsyncQdrantClient, models

from octavo.engines.vectors import qdrant_making as making
from octavo.engines.vectors import qdrant_points as points
from octavo.engines.vectors import qdrant_standing as standings
from octavo.engines.vectors.qdrant_address import Address
from octavo.engines.vectors.qdrant_calls import Calls
from octavo.engines.vectors.qdrant_standing import Standing
from octavo.errors import Conflict, InvalidInput, NotFound, Unavailable
from octavo.roles.embedder import Model
from octavo.roles.state import Cursor

AT_ONCE = 1_000

_CURSOR_ID = 0
_NEVER = points.Scope((points.is_("kind", "never"),)).filter()

Answer = TypeVar("Answer")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of a collection."""

    name: str
    points: int
    deleted_threshold: float
    vacuum_min_vector_number: int
    default_segment_number: int
    wal_capacity_mb: int
    wal_segments_ahead: int
    indexes: Sequence[str]


class QdrantCollection:
    """A collection, made when it is first needed.

    Args:
        address: where, and how it is made.
        api_key: of the server; None when it asks for none.
        name: of the collection, see `qdrant_making.named`.
        model: whose vectors it holds.
        shard: of the positions the cursor tells.
    """

    def __init__(self, address: Address, api_key: str | None, *, name: str, model: Model, shard: int) -> None:
        self.name = name
        self.is_local = address.url is None
        self._tuning = address.tuning
        self._model = model
        self._shard = shard
        self._client = making.client(address, api_key)
        self._calls = Calls(
            address.url or str(address.folder),
            retries=address.tuning.retries,
            timeout_seconds=address.tuning.timeout,
        )
        self._made = False

    async def close(self) -> None:
        """Close the connections, or give the folder up."""
        await self._client.close()

    async def standing(self) -> Standing:
        """Where the engine stands; makes the collection if it is not there."""
        found = await self._there(
            lambda: self._client.retrieve(self.name, [_CURSOR_ID], with_payload=["standing"])
        )
        if not found:
            await self._begin()
            return await self.standing()
        return msgspec.json.decode((found[0].payload or {})["standing"], type=Standing)

    async def announce(self, before: Cursor, after: Cursor) -> Standing:
        """Begin a load.

        Raises:
            Conflict: the engine is not at `before`, or somebody else begins one at this moment.
        """
        now = await self.standing()
        if now.cursor != before:
            raise _not_there(before)
        begun = standings.announced(now, after)
        await self._replace(now, begun)
        return begun

    async def settle(self, load: Standing, after: Cursor) -> None:
        """End a load and move the cursor.

        Raises:
            Conflict: somebody else has begun one since; what this one wrote is written again by that one.
        """
        await self._replace(load, standings.settled(load, after))

    async def empty(self) -> Standing:
        """Begin a new generation and delete all points; nobody sees one of them from the first moment on."""
        now = await self.standing()
        begun = standings.emptied(now)
        await self._replace(now, begun)
        await self.change([_deletion(points.Scope().without(points.is_("kind", points.CURSOR)).filter())])
        return begun

    async def change(self, operations: Sequence[models.UpdateOperation]) -> None:
        """Make changes, in their order.

        Raises:
            InvalidInput: one of them is taken for wrong.
            Unavailable: not all of them are known to be done.
        """
        results = await self._there(
            lambda: self._client.batch_update_points(
                self.name, operations, wait=True, ordering=models.WriteOrdering.STRONG
            )
        )
        for result in results:
            if result.status != models.UpdateStatus.COMPLETED:
                raise Unavailable(
                    f"Qdrant has taken a change and not done it yet (status {result.status})",
                    remedy="it is made again; if this stays, its queue is longer than it can work off",
                )

    async def delete(self, filter: models.Filter) -> None:
        """Delete what a filter finds."""
        await self.change([_deletion(filter)])

    async def count(self, filter: models.Filter, *, exact: bool) -> int:
        """How many points a filter finds, or about how many."""
        found = await self._there(lambda: self._client.count(self.name, filter, exact=exact))
        return found.count

    async def near(
        self, vector: Sequence[float], filter: models.Filter, limit: int, *, least: float, exact: bool
    ) -> Sequence[models.ScoredPoint]:
        """The nearest points a filter finds, the nearest first."""
        found = await self._there(
            lambda: self._client.query_points(
                self.name,
                query=list(vector),
                using=points.VECTOR,
                query_filter=filter,
                search_params=None if self.is_local else making.search_parameters(self._tuning, exact=exact),
                limit=limit,
                score_threshold=least if least > -1.0 else None,
                with_payload=points.shown(),
            )
        )
        return found.points

    async def scan(
        self, filter: models.Filter, fields: Sequence[str], *, vectors: bool = False
    ) -> AsyncIterator[models.Record]:
        """All points that a filter finds, by their ids."""
        offset: Any = None
        while True:
            found, offset = await self._there(self._page(filter, fields, vectors, offset))
            for one in found:
                yield one
            if offset is None:
                return

    async def settings(self) -> Settings:
        """What the server says of the collection; a folder has no optimizer and no log, so it tells defaults."""
        info = await self._there(lambda: self._client.get_collection(self.name))
        optimizer, log = info.config.optimizer_config, info.config.wal_config
        return Settings(
            name=self.name,
            points=info.points_count or 0,
            deleted_threshold=optimizer.deleted_threshold or 0.0,
            vacuum_min_vector_number=optimizer.vacuum_min_vector_number or 0,
            default_segment_number=optimizer.default_segment_number,
            wal_capacity_mb=log.wal_capacity_mb if log else 0,
            wal_segments_ahead=log.wal_segments_ahead if log else 0,
            indexes=sorted(info.payload_schema),
        )

    async def forget_others(self, beginning: str) -> None:
        """Drop collections whose names begin so, but for this one: they are of earlier lives of the record."""
        known = await self._calls.make(self._client.get_collections)
        for other in known.collections:
            if other.name.startswith(beginning) and not other.name.startswith(making.life_of(self.name)):
                await self._calls.make(_dropping(self._client, other.name))

    def _page(
        self, filter: models.Filter, fields: Sequence[str], vectors: bool, offset: Any
    ) -> Callable[[], Awaitable[Any]]:
        return lambda: self._client.scroll(
            self.name,
            scroll_filter=filter,
            limit=AT_ONCE,
            offset=offset,
            with_payload=list(fields),
            with_vectors=[points.VECTOR] if vectors else False,
        )

    async def _there(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of a call to the collection, which is made if it is not there or not any more."""
        if not self._made:
            await self._make()
        try:
            return await self._calls.make(call)
        except NotFound:
            await self._make()
            return await self._calls.make(call)

    async def _replace(self, now: Standing, new: Standing) -> None:
        await self._write_standing(new, points.Scope((points.is_("owner", str(now.owner)),)).filter())
        if (await self.standing()).owner != new.owner:
            raise _not_there(now.cursor)

    async def _begin(self) -> None:
        """The first standing, unless another process has just written one."""
        await self._write_standing(standings.first(self._shard), _NEVER)

    async def _write_standing(self, standing: Standing, only_over: models.Filter) -> None:
        point = models.PointStruct(
            id=_CURSOR_ID,
            vector={},
            payload={
                "kind": points.CURSOR,
                "owner": str(standing.owner),
                "model": self._model.key,
                "standing": msgspec.json.encode(standing).decode(),
            },
        )
        await self.change(
            [models.UpsertOperation(upsert=models.PointsList(points=[point], update_filter=only_over))]
        )

    async def _make(self) -> None:
        """Make the collection and its indexes, as far as they are not there."""
        if not self.is_local:
            making.demand((await self._calls.make(self._client.info)).version)
        if not await self._calls.make(lambda: self._client.collection_exists(self.name)):
            await self._create()
        if not self.is_local:
            made = (await self._calls.make(lambda: self._client.get_collection(self.name))).payload_schema
            for field in points.INDEXES.keys() - made.keys():
                await self._calls.make(self._indexing(field, points.INDEXES[field]))
        self._made = True

    async def _create(self) -> None:
        try:
            await self._calls.make(lambda: making.create(self._client, self.name, self._model, self._tuning))
        except InvalidInput:
            # Another process may have been faster.
            if not await self._calls.make(lambda: self._client.collection_exists(self.name)):
                raise

    def _indexing(self, field: str, schema: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: self._client.create_payload_index(self.name, field, schema, wait=True)


def _deletion(filter: models.Filter) -> models.DeleteOperation:
    return models.DeleteOperation(delete=models.FilterSelector(filter=filter))


def _dropping(client: AsyncQdrantClient, name: str) -> Callable[[], Awaitable[bool]]:
    return lambda: client.delete_collection(name)


def _not_there(cursor: Cursor) -> Conflict:
    return Conflict(
        f"the vector engine does not stand at {cursor.position} of generation {cursor.generation} any more",
        remedy="read its position again: another process fills it",
    )
