"""Changes on their way into an OpenSearch index: in requests of bounded size, with every item's answer looked at.

A document comes with its version, and the index refuses an older one behind a newer: so a process that was overtaken
changes nothing any more. Who holds the claim settles what the index refused, by the state that it then has: a
document that was purged and made anew begins at version 1 again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.opensearch_client import TooLarge
from octavo.engines.search.opensearch_documents import ORGANIZATION, key, of_document, of_parked
from octavo.engines.search.opensearch_index import Languages, OpenSearchIndex, Stand, taken_over, unchanged
from octavo.engines.search.prepared import Prepared
from octavo.errors import OctavoError
from octavo.roles.search import Change
from octavo.roles.state import Parked, Removed

_MOST_ITEMS = 1_000
_KNOWN = 1_000

_CONFLICT, _BUSY, _TOO_LARGE = 409, 429, 413
_PASSING = (401, 403, 404, _BUSY)
_FAILING = 500

_encode = msgspec.json.encode


class Item(msgspec.Struct, frozen=True):
    """A document on its way: what it is in the index as bytes, None for one to be removed."""

    organization: UUID
    id: UUID
    version: int
    source: bytes | None

    @property
    def key(self) -> str:
        """Its key in the index."""
        return key(self.organization, self.id)


Action = Callable[[Item], Mapping[str, Any]]


class Writes:
    """Writes to an index while it is claimed.

    Args:
        index: where to.
        claimed: by whom.
        bulk_bytes: of one request, about.
    """

    def __init__(self, index: OpenSearchIndex, claimed: Stand, *, bulk_bytes: int) -> None:
        self._index = index
        self._claimed = claimed
        self._bulk_bytes = bulk_bytes

    async def apply(self, changes: Sequence[Change | Prepared]) -> list[Parked]:
        """Write changes; returns the documents that are parked then.

        Raises:
            Unavailable, AccessDenied: the cluster refuses work for now; some of it may be done.
            Conflict: another process has claimed the engine.
        """
        await self._know_languages([one for one in changes if isinstance(one, Prepared)])
        parked = [one for one in changes if isinstance(one, Parked)]
        items = await asyncio.to_thread(lambda: [_item(change) for change in changes])
        left_out = await self._write(items)
        if left_out:
            await self._write([_item(one) for one in left_out])
        return parked + left_out

    async def _write(self, items: Sequence[Item]) -> list[Parked]:
        """Write items; returns those the index cannot take, as they are to be parked."""
        removed = [item for item in items if item.source is None]
        behind, left_out = await self._send_versions([item for item in items if item.source is not None])
        if behind or removed:
            await self._settle([*behind, *removed])
        return left_out

    async def _send_versions(self, items: Sequence[Item]) -> tuple[list[Item], list[Parked]]:
        """Write documents with their versions: those the index has newer, and those it cannot take."""
        behind: list[Item] = []
        left_out: list[Parked] = []
        for chunk in _chunks(items, self._bulk_bytes):
            for item, told in zip(chunk, await self._send(chunk, _versioned), strict=True):
                if told["status"] == _CONFLICT:
                    behind.append(item)
                elif error := told.get("error"):
                    left_out.append(self._parked(item, told["status"], error))
        return behind, left_out

    async def _settle(self, items: Sequence[Item]) -> None:
        """Write and remove what depends on the state of the index, if nobody changes it meanwhile."""
        for start in range(0, len(items), _KNOWN):
            chunk = items[start : start + _KNOWN]
            states = await self._states(chunk)
            await self._index.demand(self._claimed)
            todo = [item for item in chunk if item.source is not None or states[item.key]]
            for part in _chunks(todo, self._bulk_bytes):
                for told in await self._send(part, partial(_settling, states)):
                    if told["status"] == _CONFLICT:
                        raise taken_over()
                    if told.get("error") and told["status"] != 404:
                        raise self._refused(told["status"], told["error"])

    async def _states(self, items: Sequence[Item]) -> dict[str, dict[str, int]]:
        """What demands that a document is as it is now; nothing of one that is not there."""
        wanted = [{"_id": item.key, "routing": item.organization.hex, "_source": False} for item in items]
        answer = await self._index.cluster.ask("POST", f"/{self._claimed.index}/_mget", {"docs": wanted})
        return {found["_id"]: unchanged(found) for found in answer["docs"]}

    async def _send(self, items: Sequence[Item], action: Action) -> list[dict[str, Any]]:
        """What became of each item; a request that is too large is divided."""
        lines = b"\n".join(_lines(items, action))
        try:
            return await self._index.write(self._claimed.index, lines)
        except TooLarge:
            if len(items) == 1:
                return [{"status": _TOO_LARGE, "error": {"type": "too_large"}}]
            half = len(items) // 2
            return [*await self._send(items[:half], action), *await self._send(items[half:], action)]

    def _parked(self, item: Item, status: int, error: Mapping[str, Any]) -> Parked:
        """A document that the cluster will never take; raises if it may take it later."""
        if status in _PASSING or status >= _FAILING:
            raise self._refused(status, error)
        return Parked(
            organization=item.organization,
            id=item.id,
            version=item.version,
            code="refused",
            message=f"the search engine cannot take it ({error['type']})",
        )

    def _refused(self, status: int, error: Mapping[str, Any]) -> OctavoError:
        return self._index.cluster.refused(status, error["type"], error.get("reason", ""))

    async def _know_languages(self, documents: Sequence[Prepared]) -> None:
        """Note which languages organizations have, before the first document of one comes."""
        spoken: dict[UUID, set[str]] = {}
        for one in documents:
            spoken.setdefault(one.document.organization, set()).add(one.document.configuration or "")
        look = await self._index.look(*spoken)
        if look.standing != self._claimed:
            raise taken_over()
        for organization, found in spoken.items():
            if not found <= look.languages[organization].configurations:
                await self._know(organization, found, look.languages[organization])

    async def _know(self, organization: UUID, spoken: set[str], known: Languages) -> None:
        source = {
            "kind": ORGANIZATION,
            "organization": organization.hex,
            "languages": {"configurations": sorted(known.configurations | spoken)},
        }
        about = {"_id": organization.hex, "routing": organization.hex, **known.unchanged}
        told = {"index" if known.unchanged else "create": about}
        lines = b"\n".join([_encode(told), _encode(source), b""])
        [done] = await self._index.write(self._claimed.index, lines)
        if done["status"] == _CONFLICT:
            raise taken_over()
        if error := done.get("error"):
            raise self._refused(done["status"], error)


def _item(change: Change | Prepared) -> Item:
    if isinstance(change, Prepared):
        document = change.document
        return Item(document.organization, document.id, document.version, _encode(of_document(change)))
    if isinstance(change, Parked):
        return Item(change.organization, change.id, change.version, _encode(of_parked(change)))
    assert isinstance(change, Removed)
    return Item(change.organization, change.id, 0, None)


def _chunks(items: Sequence[Item], most_bytes: int) -> Iterator[list[Item]]:
    """Items in requests of about so many bytes."""
    chunk: list[Item] = []
    size = 0
    for item in items:
        length = len(item.source or b"")
        if chunk and (size + length > most_bytes or len(chunk) == _MOST_ITEMS):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield chunk


def _lines(items: Sequence[Item], action: Action) -> Iterator[bytes]:
    for item in items:
        yield _encode(action(item))
        if item.source is not None:
            yield item.source
    yield b""


def _versioned(item: Item) -> dict[str, Any]:
    return {"index": {**_about(item), "version": item.version, "version_type": "external_gte"}}


def _settling(states: Mapping[str, Mapping[str, int]], item: Item) -> dict[str, Any]:
    state = states[item.key]
    if item.source is None:
        return {"delete": {**_about(item), **state}}
    return {"index" if state else "create": {**_about(item), **state}}


def _about(item: Item) -> dict[str, Any]:
    return {"_id": item.key, "routing": item.organization.hex}
