"""What is done to one engine while it may serve: filled, verified, repaired, rebuilt, its parked documents retried.

None of it empties an engine that serves, so no read fails or finds less because of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from octavo.errors import PositionTimeout, Unavailable
from octavo.postgres.pool import Pool
from octavo.projections import catalogue, comparing, heads
from octavo.projections.documents import DocumentProjection
from octavo.projections.roster import Place, Roster
from octavo.projections.runner import Runner
from octavo.projections.verify import Comparison, Progress, Verification, silent, verify
from octavo.roles.state import NO_DOCUMENT, Parked
from octavo.values.position import Position

ROUNDS = 3
_SLICE_SECONDS = 1.0
# An engine that fails for so long while somebody waits for it will not be waited for any longer.
_FAULT_SECONDS = 30.0
_FOREVER = 10 * 365 * 86_400.0


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
    parked: Sequence[Parked]


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
        self._deadline = time.monotonic() + (_FOREVER if timeout_seconds is None else timeout_seconds)

    async def reach(self, position: Position) -> None:
        """Bring the engine to a position, or wait until another process has.

        Raises:
            PositionTimeout: it is not there in time. Unavailable: the engine fails again and again.
        """
        faulty_since: float | None = None
        while True:
            try:
                await self._runner.drain(position, min(_SLICE_SECONDS, max(self._left, 0.0)))
                return
            except PositionTimeout:
                if self._left <= 0:
                    raise
            status = await self._runner.status()
            if status.last_error is None:
                faulty_since = None
            else:
                faulty_since = faulty_since or time.monotonic()
                if time.monotonic() - faulty_since > _FAULT_SECONDS:
                    raise Unavailable(
                        f"{self.place.url} cannot be filled: {status.last_error}",
                        remedy="mend the engine, then do this again: it goes on where it was",
                    )
            await self._tell_of_the_scan()

    async def catch_up(self) -> None:
        """Fill the engine if it is empty, and bring it to the end of the log as it is now."""
        end = await comparing.last_event(self._system, self._shard)
        await self.reach(end or Position(self._shard, 0, 0, 0))

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
        """Tell the engine of every document anew, then remove what the record does not know."""
        await self.catch_up()
        told, after = 0, NO_DOCUMENT
        _, total = await comparing.scanned(self._system, None)
        while keys := await comparing.live_keys(self._system, after, heads.DOCUMENTS_AT_ONCE):
            await self._projection.refresh(keys)
            told, after = told + len(keys), keys[-1]
            self._progress("telling of every document", told, max(told, total))
        repaired = await self.repair()
        return Repaired(told + repaired.documents, repaired.verification)

    async def retry(self) -> Retried:
        """Tell the engine once more of what it could not take."""
        before = await self._projection.parked()
        parked = await self._projection.refresh([(one.organization, one.id) for one in before])
        return Retried(len(before) - len(parked), parked)

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
            self.place.engine,
            self._projection.derive,
            self.reach,
            deadline=self._deadline,
            progress=self._progress,
        )

    async def _tell_of_the_scan(self) -> None:
        scanned = (await self.place.engine.position()).scanned
        self._progress("filling", *await comparing.scanned(self._system, scanned))

    @property
    def _left(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def _runner(self) -> Runner:
        assert self.place.runner is not None
        return self.place.runner

    @property
    def _projection(self) -> DocumentProjection[Any]:
        assert self.place.projection is not None
        return self.place.projection
