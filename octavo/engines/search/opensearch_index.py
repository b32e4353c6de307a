"""The index behind an alias: its fields, where the engine stands, and who may move it.

Everything lies in one index, the standing too: who deletes the index deletes the standing, and another generation
begins. The alias is the engine's address; emptying the engine makes another index and turns the alias over to it in
one step, which takes the old one away.

Whoever fills the engine first claims it: the claim changes the document that holds the standing, so that of two only
the last one can move it. Effects come before the standing moves, and are visible by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid4

from octavo.engines.search.life import Life
from octavo.engines.search.opensearch_address import Address
from octavo.engines.search.opensearch_client import Cluster, NotThere, Taken, first_cause
from octavo.engines.search.opensearch_fields import STANDING, definition
from octavo.errors import Conflict, StorageFault, Unavailable
from octavo.roles.state import NO_DOCUMENT, Cursor
from octavo.values.position import Position

_ATTEMPTS = 5
ERASING_SECONDS = 600.0


class _Place(msgspec.Struct, frozen=True):
    """The cursor as it is stored. `claim` tells a claim from the one before."""

    generation: UUID
    shard: int
    epoch: int
    xid: int
    id: int
    scanned: tuple[UUID, UUID] | None
    claim: UUID


class Stand(msgspec.Struct, frozen=True):
    """Where the engine stands, in which index, and which state of its document says so."""

    index: str
    cursor: Cursor
    seq_no: int
    primary_term: int

    @property
    def unchanged(self) -> dict[str, int]:
        """Demands that nobody has changed it."""
        return {"if_seq_no": self.seq_no, "if_primary_term": self.primary_term}


class Languages(msgspec.Struct, frozen=True):
    """Text search configurations of an organization's documents, "" for none; and which state says so."""

    configurations: frozenset[str] = frozenset()
    unchanged: Mapping[str, int] = {}


class Look(msgspec.Struct, frozen=True):
    """Where the engine stands, and the languages of some organizations, read at once."""

    standing: Stand
    languages: Mapping[UUID, Languages]


class OpenSearchIndex:
    """The index of one life of a record.

    Args:
        cluster: speaks to it.
        address: what its indexes are made with.
        life: whose it is.
        shard: of the positions the cursor tells.
    """

    def __init__(self, cluster: Cluster, address: Address, life: Life, *, shard: int) -> None:
        self.cluster = cluster
        self.alias = f"{address.prefix}-{life.name}"
        self._record = f"{address.prefix}-{life.record}"
        self._tuning = address.tuning
        self._shard = shard

    async def standing(self) -> Stand:
        """Where the engine stands; a new index is made if there is none."""
        return (await self.look()).standing

    async def look(self, *organizations: UUID) -> Look:
        """Where the engine stands, and the languages of organizations; a new index is made if there is none."""
        for _ in range(_ATTEMPTS):
            if (found := await self._look(organizations)) is not None:
                return found
            await self._begin()
        raise StorageFault(
            f"the index {self.alias}-first is there, and the alias {self.alias} is not",
            remedy="delete the index: it is filled again from the record",
        )

    async def claim(self, before: Cursor) -> Stand:
        """Take the engine over, to fill it from where it stands.

        Raises:
            Conflict: it does not stand there, or another process claimed it at the same time.
        """
        standing = await self.standing()
        if standing.cursor != before:
            raise Conflict(
                f"the search engine does not stand at {before.position} of generation {before.generation} "
                "any more",
                remedy="read its position again: another process fills it",
            )
        return await self._put(standing, before)

    async def demand(self, claimed: Stand) -> None:
        """Raise `Conflict` if another process has claimed the engine since."""
        if await self.standing() != claimed:
            raise taken_over()

    async def move(self, claimed: Stand, after: Cursor) -> None:
        """Move the cursor; raises `Conflict` if another process has claimed the engine since."""
        await self._put(claimed, after)

    async def refresh(self, index: str) -> None:
        """Let searches see all that was written.

        Raises:
            Unavailable: a part of the index cannot.
        """
        answer = await self._asked(f"/{index}/_refresh")
        if failures := answer["_shards"].get("failures"):
            raise self.cluster.refused(503, first_cause(failures))

    async def reset(self) -> Cursor:
        """Another index, empty, in the place of this one."""
        old = await self.standing()
        await self._forget(keep=(old.index,), beginning=f"{self.alias}-")
        cursor = self._first_cursor()
        index = f"{self.alias}-{cursor.generation.hex[:12]}"
        await self._make(index)
        await self._write_standing(index, cursor, "create")
        turned = [{"remove_index": {"index": old.index}}, {"add": {"index": index, "alias": self.alias}}]
        try:
            await self.cluster.ask("POST", "/_aliases", {"actions": turned})
        except NotThere as error:
            raise taken_over() from error
        return cursor

    async def drop(self) -> None:
        """Take every index of the record away, also those of its former lives."""
        await self._forget(keep=(), beginning=f"{self._record}-")

    async def search(self, index: str, organization: UUID | None, body: Mapping[str, Any]) -> Any:
        """The answer to a search, from all parts of the index or not at all.

        Args:
            organization: only the part where it is; None for all.
        """
        part = None if organization is None else organization.hex
        answer = await self._asked(
            f"/{index}/_search",
            body,
            allow_partial_search_results=False,
            routing=part,
            preference=part,
        )
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise self.cluster.refused(503, first_cause(answer["_shards"].get("failures", ())))
        return answer

    async def erase(self, index: str, organization: UUID, query: Mapping[str, Any]) -> bool:
        """Delete what matches; False when there was nothing."""
        answer = await self._asked(
            f"/{index}/_delete_by_query",
            {"query": query},
            timeout_seconds=ERASING_SECONDS,
            routing=organization.hex,
            conflicts="proceed",
            refresh=True,
        )
        return bool(answer["total"] or answer["failures"])

    async def _asked(self, path: str, body: Mapping[str, Any] | None = None, **parameters: Any) -> Any:
        try:
            return await self.cluster.ask("POST", path, body, **parameters)
        except NotThere as error:
            raise Unavailable(
                f"the search index {path.split('/')[1]} was taken away while it was asked",
                remedy="try again: another one takes its place",
            ) from error

    async def _look(self, organizations: Sequence[UUID]) -> Look | None:
        keys = [STANDING, *(one.hex for one in organizations)]
        # By key a document is read as it was written last, whether searches see it or not.
        wanted = [{"_index": self.alias, "_id": key, "routing": key} for key in keys]
        standing, *others = (await self.cluster.ask("POST", "/_mget", {"docs": wanted}))["docs"]
        if not standing.get("found"):
            return None
        languages = (_languages(found) for found in others)
        return Look(_standing(standing), dict(zip(organizations, languages, strict=True)))

    async def write(self, index: str, lines: bytes) -> list[dict[str, Any]]:
        """What became of each of several writes, which never make an index that is gone.

        Args:
            lines: actions and documents as the bulk interface takes them.

        Raises:
            NotThere: the index is gone. TooLarge: send less at once.
        """
        answer = await self.cluster.ask("POST", f"/{_writes(index)}/_bulk", lines, require_alias=True)
        items = [next(iter(item.values())) for item in answer["items"]]
        if any(item.get("error", {}).get("type") == "index_not_found_exception" for item in items):
            raise NotThere(index)
        return items

    async def _put(self, standing: Stand, cursor: Cursor) -> Stand:
        done = await self._write_standing(standing.index, cursor, "index", **standing.unchanged)
        if done is None:
            raise taken_over()
        return Stand(standing.index, cursor, done["_seq_no"], done["_primary_term"])

    async def _write_standing(
        self, index: str, cursor: Cursor, action: str, **demands: int
    ) -> dict[str, Any] | None:
        """Write where the engine stands; None if somebody else has, or the index is gone."""
        told = {action: {"_id": STANDING, "routing": STANDING, **demands}}
        lines = b"\n".join([msgspec.json.encode(told), msgspec.json.encode(_stored(cursor)), b""])
        try:
            [done] = await self.write(index, lines)
        except NotThere:
            return None
        if done["status"] == 409:
            return None
        if error := done.get("error"):
            raise self.cluster.refused(done["status"], error["type"], error["reason"])
        return done

    async def _begin(self) -> None:
        """Make the first index and its standing, unless another process just does."""
        index = f"{self.alias}-first"
        try:
            await self._make(index, self.alias)
        except Taken:
            pass
        else:
            await self._forget(keep=(), beginning=f"{self._record}-", but=f"{self.alias}-")
        await self._write_standing(index, self._first_cursor(), "create")

    async def _make(self, index: str, *aliases: str) -> None:
        named: dict[str, Any] = {name: {} for name in (_writes(index), *aliases)}
        await self.cluster.ask("PUT", f"/{index}", {**definition(self._tuning), "aliases": named})

    async def _forget(self, *, keep: tuple[str, ...], beginning: str, but: str | None = None) -> None:
        """Delete indexes whose names begin so, some apart: what a former life or an interrupted step left."""
        try:
            found = await self.cluster.ask("GET", f"/{beginning}*/_alias")
        except NotThere:
            return
        for index in found:
            if index not in keep and index.startswith(beginning) and not (but and index.startswith(but)):
                await self._delete(index)

    async def _delete(self, index: str) -> None:
        try:
            await self.cluster.ask("DELETE", f"/{index}")
        except NotThere:
            return

    def _first_cursor(self) -> Cursor:
        return Cursor(uuid4(), Position(self._shard, 0, 0, 0), NO_DOCUMENT)


def _standing(found: Mapping[str, Any]) -> Stand:
    place = msgspec.convert(found["_source"][STANDING], _Place)
    position = Position(place.shard, place.epoch, place.xid, place.id)
    cursor = Cursor(place.generation, position, place.scanned)
    return Stand(found["_index"], cursor, found["_seq_no"], found["_primary_term"])


def _languages(found: Mapping[str, Any]) -> Languages:
    if not found.get("found"):
        return Languages()
    return Languages(frozenset(found["_source"]["languages"]["configurations"]), unchanged(found))


def unchanged(found: Mapping[str, Any]) -> dict[str, int]:
    """Demands that a document is as it was found; of one that was not there, none."""
    if not found.get("found"):
        return {}
    return {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}


def _stored(cursor: Cursor) -> dict[str, Any]:
    at = cursor.position
    place = _Place(cursor.generation, at.shard, at.epoch, at.xid, at.id, cursor.scanned, uuid4())
    return {"kind": STANDING, STANDING: msgspec.to_builtins(place)}


def _writes(index: str) -> str:
    """The alias an index is written through: writes that demand an alias never make an index."""
    return f"{index}-writes"


def taken_over() -> Conflict:
    """The error when another process fills the engine."""
    return Conflict(
        "the search engine was taken over by another process",
        remedy="read its position again: what was applied meanwhile is applied once more",
    )
