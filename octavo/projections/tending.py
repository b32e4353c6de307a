"""What is done to one engine of documents while it may serve: filled, verified, repaired, rebuilt, retried.

None of it empties an engine that serves, so no read fails or finds less because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from octavo.errors import Conflict, StorageFault, Unavailable
from octavo.postgres.pool import Pool
from octavo.projections import catalogue, comparing, heads
from octavo.projections.documents import DocumentProjection
from octavo.projections.reaching import Reaching
from octavo.projections.roster import Place, Roster
from octavo.projections.verify import Comparison, Progress, Verification, silent, verify
from octavo.roles.analytics import Parked as ParkedEvent
from octavo.roles.state import NO_DOCUMENT, DocumentEngine, Parked
from octavo.values.position import Position

ROUNDS = 3


class Repaired(msgspec.Struct, frozen=True):
    """What a repair did: documents told to the engine anew, and how engine and record compare since."""

    documents: int
    verification: Verification

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {"repaired": self.documents, **self.verification.as_dict()}


class Retried(msgspec.Struct, frozen=True):
    """What came of parked documents: so many the engine takes now, and those it still cannot take."""

    taken: int
    parked: Sequence[Parked | ParkedEvent]


class Tending:
    """Works on one engine of the catalogue, beside whoever reads it and whoever keeps it up to date.

    Args:
        timeout_seconds: how long the engine may take to come to a position; None: as long as it moves.
        progress: told of documents and buckets.

    Raises:
        InvalidSetting: this process may not serve all organizations.
    """

    def __init__(
        self,
        roster: Roster,
        place: Place,
        *,
        timeout_seconds: float | None = None,
        progress: Progress = silent,
    ) -> None:
        self.place = place
        self._roster = roster
        self._system: Pool = roster.record.system
        self._shard = roster.record.shard
        self._progress = progress
        self._reaching = Reaching(roster, place, timeout_seconds, self._tell_of_the_scan)

    async def catch_up(self) -> None:
        """Fill the engine if it is empty, and bring it to the end of the log as it is now."""
        await self._reaching.catch_up()

    async def take_over(
        self, before: Place, verification: Verification, *, accept_parked: bool, is_anew: bool
    ) -> None:
        """See that nothing is lost when this engine serves instead of another one.

        Raises:
            Conflict: it cannot take documents that the other one holds.
        """
        parked = verification.total.parked
        if accept_parked or not parked:
            return
        try:
            held = len(await _documents_in(before).parked())
        except (Unavailable, StorageFault):
            if is_anew:  # it answers nobody: whatever is held now is more
                return
            raise
        if parked > held:
            raise Conflict(
                f"{self.place.url} cannot take {parked} documents, {parked - held} more than the engine that serves",
                remedy="`octavo engines parked` lists them; promote with accept_parked to leave them out",
            )

    async def verify(self) -> Verification:
        """Compare the engine with the record; one found equal is noted as such in the catalogue."""
        found = await verify(self._comparison(), self.place.role.name, self.place.url)
        if found.is_equal:
            await catalogue.note_equal(
                self._system, self.place.role.name, self.place.url, found.position, found.total.documents
            )
        return found

    async def repair(self) -> Repaired:
        """Tell the engine of every document that differs, then verify; again if writers came in between."""
        repaired = rounds = 0
        while True:
            repaired, rounds = repaired + await self._mend(), rounds + 1
            verification = await self.verify()
            if verification.is_equal or rounds == ROUNDS:
                return Repaired(repaired, verification)

    async def rebuild(self) -> Repaired:
        """Tell the engine of every document anew, then remove what the record does not know.

        In its place: what is right stays until the same is written again, in one commit of the engine. One that was
        broken off goes on where it was.
        """
        await self.catch_up()
        after = await self._rebuilt_to()
        told, total = await comparing.scanned(self._system, after)
        while keys := await comparing.live_keys(self._system, after, heads.DOCUMENTS_AT_ONCE):
            await self._projection.refresh(keys)
            told, after = told + len(keys), keys[-1]
            await self._note_rebuilt(after)
            self._progress("telling of every document", told, max(told, total))
        repaired = await self.repair()
        await self._note_rebuilt(None)
        return Repaired(told + repaired.documents, repaired.verification)

    async def retry(self) -> Retried:
        """Tell the engine once more of what it could not take."""
        before = await self._projection.parked()
        parked = await self._projection.refresh([(one.organization, one.id) for one in before])
        return Retried(len(before) - len(parked), parked)

    async def _rebuilt_to(self) -> heads.Key:
        noted = await catalogue.rebuilt(self._system, self.place.role.name, self.place.url)
        if noted is None:
            return NO_DOCUMENT
        organization, id = noted.split(" ")
        return UUID(organization), UUID(id)

    async def _note_rebuilt(self, key: heads.Key | None) -> None:
        noted = None if key is None else f"{key[0]} {key[1]}"
        await catalogue.note_rebuilt(self._system, self.place.role.name, self.place.url, noted)

    async def _mend(self) -> int:
        """Tell the engine of what differs; returns how many documents."""
        comparison, told = self._comparison(), 0
        await comparison.begin()
        async for found in comparison.differences():
            await self._projection.refresh([(one.organization, one.id) for one in found])
            told += len(found)
        return told

    def _comparison(self) -> Comparison:
        return Comparison(
            self._system,
            self._shard,
            _documents_in(self.place),
            self._projection.derive,
            self._reaching.reach,
            deadline=self._reaching.deadline,
            progress=self._progress,
        )

    async def _tell_of_the_scan(self, _to: Position) -> None:
        scanned = (await self.place.engine.position()).scanned
        self._progress("filling", *await comparing.scanned(self._system, scanned))

    @property
    def _projection(self) -> DocumentProjection[Any]:
        return cast("DocumentProjection[Any]", self.place.projection)


def _documents_in(place: Place) -> DocumentEngine[Any]:
    return cast("DocumentEngine[Any]", place.engine)
