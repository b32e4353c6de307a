"""What is done to one engine of the catalogue, whatever it holds."""

from __future__ import annotations

from typing import Protocol

from octavo.projections.folds import FoldProjection
from octavo.projections.roster import Place, Roster
from octavo.projections.tending import Repaired, Retried, Tending
from octavo.projections.tending_facts import FactTending
from octavo.projections.verify import Progress, Verification, silent


class Tended(Protocol):
    """An engine beside whoever reads it and whoever keeps it up to date."""

    @property
    def place(self) -> Place:
        """Which engine."""
        ...

    async def catch_up(self) -> None:
        """Fill it if it is empty, and bring it to the end of the log as it is now."""
        ...

    async def verify(self) -> Verification:
        """Compare it with the record."""
        ...

    async def repair(self) -> Repaired:
        """Mend what differs, and verify."""
        ...

    async def rebuild(self) -> Repaired:
        """Fill it anew, and verify."""
        ...

    async def retry(self) -> Retried:
        """Try once more what it could not take."""
        ...

    async def take_over(
        self, before: Place, verification: Verification, *, accept_parked: bool, is_anew: bool
    ) -> None:
        """See that nothing is lost when it serves instead of another one, or as that one anew; raises `Conflict`."""
        ...


def tended(
    roster: Roster,
    place: Place,
    *,
    timeout_seconds: float | None = None,
    progress: Progress = silent,
) -> Tended:
    """The work on an engine, by what fills it.

    Args:
        timeout_seconds: how long the engine may take to come to a position; None: as long as it moves.
        progress: told what is done, how far it is, and of how much.

    Raises:
        InvalidSetting: this process may not serve all organizations.
    """
    kind = FactTending if isinstance(place.projection, FoldProjection) else Tending
    return kind(roster, place, timeout_seconds=timeout_seconds, progress=progress)
