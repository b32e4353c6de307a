"""Moving a role to another engine, and back, while it is read and written.

    add      the engine comes into the catalogue as `building`; whoever runs projections fills it and follows the log
    fill     all documents, then what happened meanwhile
    verify   it is compared with the record and, where it differs, repaired; not equal, not promoted
    switch   one commit of the catalogue; the engine that served is `kept`, and follows the log for a while
    retire   when that while is over, nobody fills the old engine any more, and it is emptied

Every step may be repeated: after a kill the same call goes on where it was. Before the switch nothing has changed for
any reader; after it, a process that has not noticed reads the old engine, which is kept up to date.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from octavo.errors import Conflict, InvalidInput
from octavo.postgres.lease import Lease
from octavo.projections import catalogue
from octavo.projections.catalogue import KEEP_SECONDS, Entry
from octavo.projections.role import empty, opened
from octavo.projections.roster import Roster
from octavo.projections.tended import Tended, tended
from octavo.projections.verify import Progress, Verification, silent

RETIRE_SECONDS = 30.0
_PAUSE_SECONDS = 0.05


class Promotion(msgspec.Struct, frozen=True):
    """A role was moved.

    Attributes:
        before, url: the engine that served, and the one that does.
        verification: what showed that the new one is equal, just before it served.
    """

    role: str
    before: str
    url: str
    verification: Verification

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {"role": self.role, "before": self.before, "url": self.url, **self.verification.as_dict()}


async def promote(
    roster: Roster,
    role: str,
    url: str,
    *,
    keep_seconds: float | None = KEEP_SECONDS,
    accept_parked: bool = False,
    timeout_seconds: float | None = None,
    progress: Progress = silent,
) -> Promotion:
    """Let another engine serve a role; the module says how.

    Args:
        keep_seconds: how long the engine that served is kept up to date; None: until it is retired.
        accept_parked: also when the new engine cannot take documents that the old one holds.
        timeout_seconds: for filling it and for each wait afterwards; None: as long as it moves.

    Raises:
        InvalidInput, InvalidSetting, MissingExtra: it serves already, is where another engine is, or names none.
        Unavailable: the engine does not answer. PositionTimeout: it was not filled in time.
        Conflict: another one is being filled, or it is not equal to the record after repairs.
    """
    known = roster.role(role)
    url = known.address(url)
    await roster.look()
    url = roster.spelt(role, url)
    if url == roster.place(role).url:
        raise InvalidInput(
            f"{role} is served by {url} already",
            remedy="see `octavo engines list`; `octavo engines rebuild` makes it anew",
        )
    return await move(
        roster,
        role,
        url,
        keep_seconds=keep_seconds,
        accept_parked=accept_parked,
        timeout_seconds=timeout_seconds,
        progress=progress,
    )


async def move(
    roster: Roster,
    role: str,
    url: str,
    *,
    keep_seconds: float | None,
    accept_parked: bool = False,
    is_anew: bool = False,
    timeout_seconds: float | None = None,
    progress: Progress = silent,
) -> Promotion:
    """What `promote` does, for a URL as the catalogue keeps it.

    Args:
        is_anew: the engine that serves is made anew by it: what it holds otherwise is what is mended.
    """
    known = roster.role(role)
    before = roster.place(role)
    _demand_own_place(roster, role, url)
    async with opened(known.build(url)) as asked:
        await asked.position()  # one that does not answer comes into no catalogue
    await catalogue.add(roster.record.system, role, url)
    await roster.look()
    tending = tended(roster, roster.place(role, url), timeout_seconds=timeout_seconds, progress=progress)
    await tending.catch_up()
    verification = await _shown_equal(tending)
    await tending.take_over(before, verification, accept_parked=accept_parked, is_anew=is_anew)
    # Who reads one engine and then the other must not go back in time: all that the old one can have by now.
    await tending.catch_up()
    await catalogue.switch(roster.record.system, role, url, keep_seconds)
    roster.wakeup.committed()
    await roster.look()
    return Promotion(role, before.url, url, verification)


async def demote(roster: Roster, role: str, **options: Any) -> Promotion:
    """Go back to the engine that served before; the arguments are those of `promote`.

    Raises:
        InvalidInput: none is kept. And what `promote` raises.
    """
    roster.role(role)
    await roster.look()
    kept = [one for one in roster.entries if one.role == role and one.state == "kept"]
    if not kept:
        raise InvalidInput(f"no engine that served {role} is kept", remedy="promote one by its URL")
    return await move(roster, role, max(kept, key=_since).url, **{"keep_seconds": KEEP_SECONDS, **options})


async def retire(roster: Roster, role: str, url: str, *, forget: bool = False) -> None:
    """Take an engine that does not serve out of the catalogue, and empty it.

    Args:
        forget: leave what is in it, as when it does not answer any more; it gets no erasure from then on.

    Raises:
        Conflict: it serves, or somebody keeps filling it. InvalidInput: there is no such engine.
        Unavailable: it cannot be emptied now; it is tried again by upkeep.
    """
    known = roster.role(role)
    await roster.look()
    url = roster.spelt(role, known.address(url))
    await catalogue.retire(roster.record.system, role, url)
    await roster.look()
    if not forget:
        await _empty(roster, role, url)
    await catalogue.remove(roster.record.system, role, url)
    await roster.look()


async def retire_overdue(roster: Roster, *, dry_run: bool = False) -> tuple[int, int]:
    """Retire what was kept for long enough; returns how many were due, and how many are gone."""
    due = [one for one in await catalogue.overdue(roster.record.system) if one[0] in roster.roles]
    if not dry_run:
        for role, url in due:
            await retire(roster, role, url)
    return len(due), len(due)


def _demand_own_place(roster: Roster, role: str, url: str) -> None:
    """Refuse the place of another engine, spoken to otherwise: emptying one of the two would empty both."""
    lease = roster.roles[role].lease
    for entry in roster.entries:
        if entry.role == role and entry.url != url and lease(entry.url) == lease(url):
            raise InvalidInput(
                f"{url} is in the same place as {entry.url}",
                remedy="give it a prefix of its own: what a place was made with cannot be changed there",
            )


async def _shown_equal(tending: Tended) -> Verification:
    verification = await tending.verify()
    if not verification.is_equal:
        verification = (await tending.repair()).verification
    if verification.is_equal:
        return verification
    total = verification.total
    raise Conflict(
        f"{tending.place.url} is not equal to the record: {total.missing} missing, {total.stale} stale,"
        f" {total.ghosts} ghosts of {total.documents} documents",
        remedy="nothing was switched; see whether others write to this engine, then promote it again",
    )


async def _empty(roster: Roster, role: str, url: str) -> None:
    """Empty an engine when nobody fills it any more: who did has seen the catalogue, or is dead and lost its lease."""
    known = roster.roles[role]
    lease = Lease(roster.record.system, known.lease(url))
    deadline = time.monotonic() + RETIRE_SECONDS
    while not await lease.take():
        if time.monotonic() > deadline:
            raise Conflict(
                f"{url} is still being filled", remedy="retire it again; see `octavo engines list`"
            )
        await asyncio.sleep(_PAUSE_SECONDS)
    async with lease.kept():
        # A process that is about to take the lease looks at the catalogue meanwhile, and does not.
        await asyncio.sleep(2 * roster.look_seconds)
        async with opened(known.build(url)) as engine:
            await empty(engine)


def _since(entry: Entry) -> float:
    return entry.changed_at.timestamp()
