"""Making an engine anew, while it is read and written.

Where there is room for another engine of the same URL (another folder inside the folder, another prefix, another
database, other shelves), the new one is filled beside the one that serves, shown equal, and switched to as `promote`
does; the one before is kept for a while. Where there is none, everything is told anew in its place, and what is right
stays until the same is written again.
"""

from __future__ import annotations

from octavo.errors import Conflict
from octavo.projections.promote import move
from octavo.projections.role import Role, opened
from octavo.projections.roster import Place, Roster
from octavo.projections.tended import tended
from octavo.projections.tending import Repaired
from octavo.projections.verify import Progress, silent
from octavo.roles.state import NO_DOCUMENT, Cursor
from octavo.values.numbered import FIRST, MOST, numbered, parted

# How long the engine before is kept up to date: pages of a search that were begun there end there.
KEEP_SECONDS = 3_600.0


class Rebuilt(Repaired, frozen=True):
    """What a rebuild did: documents told anew, or events, and how engine and record compare since.

    Attributes:
        before: the engine that served, and is kept; None when it was made anew in its place.
    """

    before: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The result as plain data."""
        return {**super().as_dict(), "before": self.before}


async def rebuild(
    roster: Roster,
    role: str,
    url: str | None = None,
    *,
    keep_seconds: float | None = KEEP_SECONDS,
    timeout_seconds: float | None = None,
    progress: Progress = silent,
) -> Rebuilt:
    """Make an engine anew; the module says how.

    Args:
        url: which engine of the role; None: the one that serves. Another one is made anew in its place.
        keep_seconds: how long the engine before is kept up to date, when there is one; None: until it is retired.
        timeout_seconds: for filling it, and for each wait; None: as long as it moves.

    Raises:
        InvalidInput: no such role or engine. Unavailable: it does not answer. PositionTimeout: not filled in time.
        Conflict: another engine is being filled, or the new one is not equal to the record after repairs.
    """
    known = roster.role(role)
    await roster.look()
    place = roster.place(role, url)
    if place is not roster.place(role) or not known.has_room(place.url):
        tending = tended(roster, place, timeout_seconds=timeout_seconds, progress=progress)
        done = await tending.rebuild()
        return Rebuilt(done.documents, done.verification)
    moved = await move(
        roster,
        role,
        _under_way(roster, place) or await _free(roster, known, place),
        keep_seconds=keep_seconds,
        is_anew=True,
        timeout_seconds=timeout_seconds,
        progress=progress,
    )
    return Rebuilt(moved.verification.total.documents, moved.verification, moved.before)


def _under_way(roster: Roster, place: Place) -> str | None:
    """The engine that a rebuild was filling when it was broken off."""
    base, _ = parted(place.url)
    found = (one.url for one in roster.entries if one.role == place.role.name and one.state == "building")
    return next((url for url in found if parted(url)[0] == base), None)


async def _free(roster: Roster, known: Role, place: Place) -> str:
    """A place beside an engine that nobody uses, and in which nothing is: it might be another database's."""
    base, _ = parted(place.url)
    used = {one.url for one in roster.entries if one.role == known.name}
    for number in range(FIRST, MOST + 1):
        url = numbered(base, number)
        if url in used:
            continue
        async with opened(known.build(url)) as engine:
            if _is_untouched(await engine.position()):
                return url
    raise Conflict(
        f"there is no room beside {place.url}: {MOST} places are taken",
        remedy="empty what is left in them, or promote another place",
    )


def _is_untouched(cursor: Cursor) -> bool:
    return cursor.position.epoch == 0 and cursor.scanned in (None, NO_DOCUMENT)
