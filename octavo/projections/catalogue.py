"""The catalogue: which engines each role has, for every process the same.

    building   is filled and follows the log, to take the place of the one that serves
    live       serves
    kept       served, and still follows the log for a while, so that going back takes a moment
    retired    is being emptied, and is gone then

The setting of a role gives its first engine; from then on the catalogue says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from octavo.errors import Conflict, InvalidInput
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.values.position import Position

_sql = load("octavo.projections", "catalogue.sql")

State = Literal["building", "live", "kept", "retired"]
KEEP_SECONDS = 24 * 3600.0
# A rebuild that was broken off longer ago begins anew.
RESUME_SECONDS = 24 * 3600.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An engine of a role.

    Attributes:
        url: as the setting of the role would name it, without a login.
        kept_until: when a kept engine is retired by itself; None: not by itself.
        equal_at, equal_position, equal_documents: when it was last found equal to the record, up to where in
            the log, and how many documents that were.
    """

    role: str
    url: str
    state: State
    added_at: datetime
    changed_at: datetime
    kept_until: datetime | None = None
    equal_at: datetime | None = None
    equal_position: str | None = None
    equal_documents: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Role and URL."""
        return self.role, self.url

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        return msgspec.structs.asdict(self)


async def entries(pool: Pool) -> Sequence[Entry]:
    """All engines, of each role the one that serves first; any role of the record may ask."""
    return [msgspec.convert(dict(row), Entry) for row in await pool.fetch(_sql.entries)]


async def begin(system: Pool, role: str, url: str) -> None:
    """Give a role its first engine; does nothing for one that has any."""
    await system.execute(_sql.begin, role, url)


async def add(system: Pool, role: str, url: str) -> State:
    """Add an engine that is to be filled, unless it is there; returns what it is now.

    Raises:
        Conflict: another one is being filled for this role, or this one is being emptied.
    """
    try:
        row = await system.fetchrow(_sql.add, role, url)
    except Conflict as error:
        raise Conflict(
            f"another engine is being filled for the role {role}",
            remedy="`octavo engines list` tells which: go on with it, or retire it",
        ) from error
    assert row is not None
    if row["state"] == "retired":
        raise Conflict(
            f"{url} is being emptied", remedy="try again when it is gone from `octavo engines list`"
        )
    state: State = row["state"]
    return state


async def switch(system: Pool, role: str, url: str, keep_seconds: float | None) -> None:
    """Let another engine serve, and keep the one that did; one commit.

    Raises:
        Conflict: it is not there to be switched to, since somebody else changed the catalogue.
    """
    async with system.transaction() as transaction:
        if await transaction.fetchrow(_sql.keep, role, url, keep_seconds) is None:
            raise Conflict(
                f"{url} cannot serve {role} now", remedy="see `octavo engines list`: somebody changed it"
            )
        await transaction.execute(_sql.serve, role, url)


async def note_equal(system: Pool, role: str, url: str, position: Position, documents: int) -> None:
    """Note that an engine was found equal to the record."""
    await system.execute(_sql.equal, role, url, str(position), documents)


async def rebuilt(system: Pool, role: str, url: str) -> str | None:
    """How far a rebuild of an engine had come that was broken off in the last day; None when none was."""
    row = await system.fetchrow(_sql.rebuilt, role, url, RESUME_SECONDS)
    return None if row is None else row["rebuilt_to"]


async def note_rebuilt(system: Pool, role: str, url: str, to: str | None) -> None:
    """Note how far an engine is rebuilt in its place; None: all of it."""
    await system.execute(_sql.note_rebuilt, role, url, to)


async def retire(system: Pool, role: str, url: str) -> None:
    """Begin to retire an engine: no process fills it from now on, in a second or two.

    Raises:
        Conflict: it serves. InvalidInput: there is no such engine.
    """
    if await system.fetchrow(_sql.retire, role, url) is not None:
        return
    if any(one.key == (role, url) for one in await entries(system)):
        raise Conflict(f"{url} serves {role}", remedy="promote another engine first")
    raise InvalidInput(f"{role} has no engine {url}", remedy="see `octavo engines list`")


async def remove(system: Pool, role: str, url: str) -> None:
    """Take a retired engine out of the catalogue."""
    await system.execute(_sql.remove, role, url)


async def overdue(system: Pool) -> Sequence[tuple[str, str]]:
    """Role and URL of engines that are to be retired by now."""
    return [(row["role"], row["url"]) for row in await system.fetch(_sql.overdue)]
