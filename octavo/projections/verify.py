"""Does an engine hold what the record says? In both directions, at one position, beside writers.

Both sides tell a digest of each bucket of each organization: one scan each, at the same time. An engine in the record's
own server first tells one of each organization, which costs much less, and of the buckets only where that differs. Only
buckets that differ are looked at document by document. While writers write, documents differ that the engine has not
come to yet: so a difference counts only if the document stood still since a position that the engine had reached before
it was asked. Of the others the engine is waited for, and they are looked at again, until each is settled.

    missing   the record has it, the engine does not
    stale     the engine has another version, or only a part of it
    ghost     the engine has it, the record does not: deleted, purged, or never there
    parked    the engine told that it cannot take it: known, and apart from the others
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec

from octavo.errors import PositionTimeout
from octavo.postgres.pool import Pool
from octavo.projections import comparing, heads
from octavo.projections.days import Difference as DayDifference
from octavo.projections.documents import Derive
from octavo.roles.state import (
    ComparableTogether,
    Digest,
    DocumentEngine,
    Removed,
    Summarized,
    bucket,
)
from octavo.values.position import Position

# Documents compared one by one at a time, which bounds the memory; differences that are listed.
COMPARED_AT_ONCE = 50_000
LISTED = 1_000
NOTHING = Digest(0, 0)

Kind = Literal["missing", "stale", "ghost"]
Judgement = Literal["fine", "differs", "under way"]
# Told what is being done, how far it is, and of how much.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


# Brings an engine to a position, or waits until another process has; raises PositionTimeout.
Reach = Callable[[Position], Awaitable[None]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A document that an engine holds otherwise than it should.

    Attributes:
        version: that should be held; None for none.
        held: that is held, 0 when only a part is; None for none.
    """

    organization: UUID
    id: UUID
    version: int | None
    held: int | None

    @property
    def kind(self) -> Kind:
        """missing, stale or ghost."""
        if self.version is None:
            return "ghost"
        return "missing" if self.held is None else "stale"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How an organization's documents, or all, are held."""

    documents: int
    missing: int = 0
    stale: int = 0
    ghosts: int = 0
    parked: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs; what is parked is known and does not count."""
        return not (self.missing or self.stale or self.ghosts)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of an engine with the record found.

    Attributes:
        position: everything up to here was compared; the engine stood here or beyond.
        total: over all organizations.
        organizations: those where something differs or is parked.
        differences: the first 1,000.
        seconds: how long it took.
        days: of an engine of facts, whose documents are events: the first 1,000 days that differ.
    """

    role: str
    url: str
    position: Position
    total: Count
    organizations: Mapping[UUID, Count]
    differences: Sequence[Difference]
    seconds: float
    days: Sequence[DayDifference] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the engine holds what the record says."""
        return self.total.is_equal

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "role": self.role,
            "url": self.url,
            "equal": self.is_equal,
            "position": str(self.position),
            **msgspec.structs.asdict(self.total),
            "organizations": {str(id): msgspec.structs.asdict(one) for id, one in self.organizations.items()},
            "differences": [
                {
                    "organization": str(one.organization),
                    "id": str(one.id),
                    "kind": one.kind,
                    "version": one.version,
                    "held": one.held,
                }
                for one in self.differences
            ],
            "days": msgspec.to_builtins(self.days),
            "seconds": self.seconds,
        }


class Comparison:
    """One comparison of an engine with the record.

    Args:
        system: reads the heads of all organizations.
        shard: of the positions.
        engine: what is compared.
        derive: what the engine is told of documents: some it need not hold.
        reach: brings the engine to a position.
        deadline: by the monotonic clock; until then every difference is settled, or it fails.
        progress: told of buckets.
    """

    def __init__(
        self,
        system: Pool,
        shard: int,
        engine: DocumentEngine[Any],
        derive: Derive[Any],
        reach: Reach,
        *,
        deadline: float,
        progress: Progress = silent,
    ) -> None:
        self.documents: dict[UUID, int] = {}
        self.parked: dict[UUID, int] = {}
        self._system = system
        self._shard = shard
        self._engine = engine
        self._derive = derive
        self._reach = reach
        self._deadline = deadline
        self._progress = progress

    async def begin(self) -> Position:
        """Bring the engine to the end of the log as it is now; what is compared is everything up to there."""
        end = await comparing.last_event(self._system, self._shard)
        if end is not None:
            await self._reach(end)
        return (await self._engine.position()).position

    async def differences(self) -> AsyncIterator[Sequence[Difference]]:
        """All that differs, in pieces; `documents` and `parked` are known at the end.

        Raises:
            PositionTimeout: the engine did not come to a position in time.
        """
        self._progress("comparing digests", 0, 1)
        pieces = await self._suspected()
        self._progress("comparing digests", 1, 1)
        for place, (organization, buckets) in enumerate(pieces):
            self._progress("comparing documents", place, len(pieces))
            if found := await self._settled(organization, buckets):
                yield found
        self._progress("comparing documents", len(pieces), len(pieces))

    async def _suspected(self) -> list[tuple[UUID, list[int]]]:
        """Buckets that differ, in pieces."""
        if not isinstance(self._engine, Summarized):
            held, wanted = await asyncio.gather(self._engine.digests(), comparing.digests(self._system))
            for (organization, _), one in wanted.items():
                self.documents[organization] = self.documents.get(organization, 0) + one.documents
            return _pieces(wanted, held)
        summed, known = await asyncio.gather(self._engine.summaries(), comparing.summaries(self._system))
        self.documents.update({organization: one.documents for organization, one in known.items()})
        differing = [
            one for one in known.keys() | summed.keys() if known.get(one, NOTHING) != summed.get(one, NOTHING)
        ]
        if not differing:
            return []
        held, wanted = await asyncio.gather(
            self._engine.digests_of(differing), comparing.digests(self._system, differing)
        )
        return _pieces(wanted, held)

    async def _settled(self, organization: UUID, buckets: Sequence[int]) -> Sequence[Difference]:
        """What differs in some buckets, whatever was under way when they were looked at."""
        look = await self._look(organization, buckets)
        wanted = await comparing.bucketed(self._system, organization, buckets)
        both = look.held.keys() | wanted.keys()
        suspects = {id: wanted.get(id) for id in both if look.held.get(id) != wanted.get(id)}
        real: list[Difference] = []
        while suspects:
            now = await comparing.standing(self._system, self._shard, organization, list(suspects))
            found = {id: _judge(id, was_wanted, look, now[id]) for id, was_wanted in suspects.items()}
            real += [
                Difference(organization=organization, id=id, version=now[id].version, held=look.held.get(id))
                for id, judgement in found.items()
                if judgement == "differs"
            ]
            suspects = {id: now[id].version for id, judgement in found.items() if judgement == "under way"}
            if suspects:
                await self._wait(max(position for id in suspects if (position := now[id].position)))
                look = await self._look(organization, sorted({bucket(id) for id in suspects}))
        return await self._excused(organization, real)

    async def _look(self, organization: UUID, buckets: Sequence[int]) -> _Look:
        """What the engine holds, and where it stood before it was asked."""
        reached = (await self._engine.position()).position
        if isinstance(self._engine, ComparableTogether):
            return _Look(reached, await self._engine.held_in(organization, buckets))
        held: dict[UUID, int] = {}
        for number in buckets:
            held |= await self._engine.held(organization, number)
        return _Look(reached, held)

    async def _excused(self, organization: UUID, real: Sequence[Difference]) -> Sequence[Difference]:
        """Without the documents that the engine told it cannot take, or need not hold."""
        absent = [one for one in real if one.kind == "missing"]
        if not absent:
            return real
        parked = {(one.id, one.version) for one in await self._engine.parked(organization)}
        refused = {one.id for one in absent if (one.id, one.version) in parked}
        if refused:
            self.parked[organization] = self.parked.get(organization, 0) + len(refused)
        not_held = refused | await self._not_held([one for one in absent if one.id not in refused])
        return [one for one in real if one.kind != "missing" or one.id not in not_held]

    async def _not_held(self, absent: Sequence[Difference]) -> set[UUID]:
        """Documents that hold nothing for this engine, such as no text."""
        nothing: set[UUID] = set()
        keys: Sequence[heads.Key] = [(one.organization, one.id) for one in absent]
        while keys:
            found = await heads.read(self._system, keys)
            live = {row["id"] for row in found.rows if row["is_live"]}
            changes = await self._derive(found.rows)
            nothing |= {one.id for one in changes if isinstance(one, Removed) and one.id in live}
            keys = found.left
        return nothing

    async def _wait(self, position: Position) -> None:
        if time.monotonic() > self._deadline:
            raise PositionTimeout(
                f"the engine has not reached {position} in time to be compared there",
                remedy="give it more time, or compare while fewer writers write",
                position=str(position),
            )
        await self._reach(position)


class _Look(msgspec.Struct, frozen=True):
    """What an engine holds, and a position it had reached by then."""

    reached: Position
    held: Mapping[UUID, int]


def _judge(id: UUID, was_wanted: int | None, look: _Look, now: comparing.Standing) -> Judgement:
    """Of a document that seemed to differ: the record was read after the engine."""
    held = look.held.get(id)
    if held == now.version:
        return "fine"
    if now.position is None or now.position <= look.reached:
        return "differs"
    # It changed again. The engine has what was missed before, or has still to come to it.
    has_moved_on = held is not None and was_wanted is not None and held >= was_wanted
    return "fine" if has_moved_on else "under way"


async def verify(comparison: Comparison, role: str, url: str) -> Verification:
    """Compare, and count what differs."""
    begun = time.monotonic()
    position = await comparison.begin()
    counts: dict[UUID, dict[str, int]] = {}
    listed: list[Difference] = []
    async for found in comparison.differences():
        for one in found:
            of = counts.setdefault(one.organization, {})
            name = "ghosts" if one.kind == "ghost" else one.kind
            of[name] = of.get(name, 0) + 1
        listed += found[: LISTED - len(listed)]
    for organization, parked in comparison.parked.items():
        counts.setdefault(organization, {})["parked"] = parked
    names = ("missing", "stale", "ghosts", "parked")
    return Verification(
        role=role,
        url=url,
        position=position,
        total=Count(
            documents=sum(comparison.documents.values()),
            **{name: sum(of.get(name, 0) for of in counts.values()) for name in names},
        ),
        organizations={
            id: Count(documents=comparison.documents.get(id, 0), **of) for id, of in counts.items()
        },
        differences=listed,
        seconds=time.monotonic() - begun,
    )


def _pieces(
    wanted: Mapping[tuple[UUID, int], Digest], held: Mapping[tuple[UUID, int], Digest]
) -> list[tuple[UUID, list[int]]]:
    """Buckets that differ, of one organization and so many together as may be compared at once."""
    pieces: list[tuple[UUID, list[int]]] = []
    size = 0
    for organization, number in sorted(wanted.keys() | held.keys()):
        one, other = wanted.get((organization, number), NOTHING), held.get((organization, number), NOTHING)
        if one == other:
            continue
        documents = one.documents + other.documents
        if not pieces or pieces[-1][0] != organization or size + documents > COMPARED_AT_ONCE:
            pieces.append((organization, []))
            size = 0
        pieces[-1][1].append(number)
        size += documents
    return pieces
