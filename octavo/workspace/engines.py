"""The engines of a database: which there are, whether they are equal to the record, and moving a role to another."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from octavo.projections import promote, rebuild
from octavo.projections.catalogue import KEEP_SECONDS, State
from octavo.projections.promote import Promotion
from octavo.projections.rebuild import KEEP_SECONDS as REBUILT_KEEP_SECONDS
from octavo.projections.rebuild import Rebuilt
from octavo.projections.roster import Place, Roster
from octavo.projections.runner import Status
from octavo.projections.tended import Tended, tended
from octavo.projections.tending import Repaired, Retried
from octavo.projections.verify import Progress, Verification, silent
from octavo.roles.analytics import Parked as ParkedEvent
from octavo.roles.state import Parked

VERIFY_SECONDS = 600.0


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An engine of a role, and how it is.

    Attributes:
        state: live: it serves; building: it is filled to serve next; kept: it served, and is kept up to date;
            retired: it is being emptied.
        kept_until: when a kept one is retired by itself; None: not by itself.
        equal_at, equal_position, equal_documents: when it was last found equal to the record, up to where in
            the log, and how many documents that were.
        setting: another engine that the setting names; None when there is none.
        status: where it stands; None in a process that may not serve all organizations, and of a retired one.
    """

    role: str
    url: str
    state: State
    added_at: datetime
    kept_until: datetime | None
    equal_at: datetime | None
    equal_position: str | None
    equal_documents: int | None
    setting: str | None
    status: Status | None

    def as_dict(self) -> dict[str, Any]:
        """The engine as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        if self.status is not None:
            told["status"]["position"] = str(self.status.position)
        return told


class Engines:
    """The engines of a database. All calls but `list` need the role that serves all organizations.

    None of them fails or delays a read: an engine that serves is never emptied, but for `repair` of analytics in
    ClickHouse, which forgets the organizations that it folds anew.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def list(self) -> builtins.list[EngineStatus]:
        """Every engine of every role, first those that serve."""
        await self._roster.look()
        return [
            EngineStatus(
                role=one.role,
                url=one.url,
                state=one.state,
                added_at=one.added_at,
                kept_until=one.kept_until,
                equal_at=one.equal_at,
                equal_position=one.equal_position,
                equal_documents=one.equal_documents,
                setting=self._roster.differs(one.role) if one.state == "live" else None,
                status=await self._status(one.role, one.url),
            )
            for one in self._roster.entries
        ]

    async def verify(
        self,
        role: str,
        url: str | None = None,
        *,
        timeout_seconds: float = VERIFY_SECONDS,
        progress: Progress = silent,
    ) -> Verification:
        """Compare an engine with the record, in both directions and at one position, beside writers.

        Exact: every document that is told of differs, and none that differs is left out; documents the engine
        cannot take are counted apart, as parked.

        Of analytics, events are compared by organization and day of recording, and rollups with their facts; in the
        answer documents are events, and `days` has what differs.

        Args:
            role: search, vectors or analytics.
            url: which engine of the role; None: the one that serves.
            timeout_seconds: for what writers change meanwhile to reach the engine.
            progress: told what is done, how far it is, and of how much.

        Raises:
            InvalidInput: no such role or engine. PositionTimeout: the engine lags too far behind.
            Unavailable: it does not answer.
        """
        return await self._tending(role, url, timeout_seconds, progress).verify()

    async def repair(
        self,
        role: str,
        url: str | None = None,
        *,
        timeout_seconds: float = VERIFY_SECONDS,
        progress: Progress = silent,
    ) -> Repaired:
        """Tell an engine of every document that differs, remove what it should not hold, and verify.

        Of analytics, what differs is mended in one commit after the other; in ClickHouse, which has no commits, the
        organizations that differ are forgotten and their events folded again.

        The arguments and errors are those of `verify`.
        """
        return await self._tending(role, url, timeout_seconds, progress).repair()

    async def rebuild(
        self,
        role: str,
        url: str | None = None,
        *,
        keep_seconds: float | None = REBUILT_KEEP_SECONDS,
        timeout_seconds: float | None = None,
        progress: Progress = silent,
    ) -> Rebuilt:
        """Make an engine anew while it serves: no read fails, or finds less than before.

        An engine that has room for another one beside it (in the same folder, cluster, server or database) is filled
        beside, shown equal, and switched to; its URL has a number behind it then, as `tantivy:/index#2`. The keyword
        search and the analytics of the record itself are made anew where they are, each part in one commit. May be
        repeated after a kill at any point: it goes on where it was.

        Args:
            url: which engine of the role; None: the one that serves. Another one is made anew where it is.
            keep_seconds: how long the engine before is kept up to date, if it was built beside; None: until it is
                retired.
            timeout_seconds: for filling it; None: as long as it moves.

        Raises:
            InvalidInput: no such role or engine. Unavailable: it does not answer. PositionTimeout: it was not filled
            in time. Conflict: another one is being filled, or the new one is not equal to the record after repairs.
        """
        return await rebuild.rebuild(
            self._roster,
            role,
            url,
            keep_seconds=keep_seconds,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    async def promote(
        self,
        role: str,
        url: str,
        *,
        keep_seconds: float | None = KEEP_SECONDS,
        accept_parked: bool = False,
        timeout_seconds: float | None = None,
        progress: Progress = silent,
    ) -> Promotion:
        """Let another engine serve a role, while it is read and written: fill it, verify it, switch to it.

        May be repeated after a kill at any point: it goes on where it was. Other processes follow within about
        a second; until then they read the old engine, which is kept up to date.

        Args:
            url: as the role's setting would name it.
            keep_seconds: how long the engine that served is kept up to date, so that `demote` takes a moment;
                None: until it is retired.
            accept_parked: also when the new engine cannot take documents that the old one holds.
            timeout_seconds: for filling it; None: as long as it moves.

        Raises:
            InvalidInput, InvalidSetting, MissingExtra: it serves already, or names no engine.
            Unavailable: it does not answer. PositionTimeout: it was not filled in time.
            Conflict: another one is being filled, or it is not equal to the record even after repairs.
        """
        return await promote.promote(
            self._roster,
            role,
            url,
            keep_seconds=keep_seconds,
            accept_parked=accept_parked,
            timeout_seconds=timeout_seconds,
            progress=progress,
        )

    async def demote(
        self,
        role: str,
        *,
        keep_seconds: float | None = KEEP_SECONDS,
        timeout_seconds: float | None = None,
        progress: Progress = silent,
    ) -> Promotion:
        """Go back to the engine that served before; arguments and errors are those of `promote`.

        Raises:
            InvalidInput: none is kept.
        """
        return await promote.demote(
            self._roster, role, keep_seconds=keep_seconds, timeout_seconds=timeout_seconds, progress=progress
        )

    async def retire(self, role: str, url: str, *, forget: bool = False) -> None:
        """Take an engine that does not serve out of the catalogue and empty it; also one that is being filled.

        Args:
            forget: leave what is in it, as when it does not answer any more. It gets no erasure from then on.

        Raises:
            Conflict: it serves, or somebody goes on filling it. InvalidInput: there is no such engine.
            Unavailable: it cannot be emptied now; upkeep tries it again.
        """
        await promote.retire(self._roster, role, url, forget=forget)

    async def parked(self, role: str, url: str | None = None) -> Sequence[Parked | ParkedEvent]:
        """Documents, or events, an engine cannot take, 1,000 at most, with the reason; others are not held up."""
        await self._roster.look()
        return await self._roster.place(role, url).engine.parked()

    async def retry(self, role: str, url: str | None = None) -> Retried:
        """Tell an engine once more of what it could not take; it is also done by itself, now and then."""
        return await self._tending(role, url, VERIFY_SECONDS, silent).retry()

    def _tending(self, role: str, url: str | None, timeout_seconds: float, progress: Progress) -> Tended:
        place = self._roster.place(role, url)
        return tended(self._roster, place, timeout_seconds=timeout_seconds, progress=progress)

    async def _status(self, role: str, url: str) -> Status | None:
        place: Place | None = self._roster.found(role, url)
        if place is None or place.runner is None:
            return None
        return await place.runner.status()
