"""Keeps projections at the end of the log: one process at a time leads, all others wait for it.

The leader has a lease; that two might lead for a moment does no harm, since an engine refuses a load that does
not begin where it stands. Commits of this process wake the leader at once, those of others by a notification,
and a look every second finds what neither told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from octavo.errors import PositionTimeout, Unavailable
from octavo.feed.wakeup import Wakeup
from octavo.postgres.background import Background
from octavo.postgres.lease import Lease
from octavo.projections.rate import Rate
from octavo.roles.state import Cursor
from octavo.values.position import START, Position

DRAIN_SECONDS = 60.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 1.0
_LOOK_SECONDS = 0.02
_LONG = 3600.0


class Projection(Protocol):
    """A view derived from the log, as the runner sees it."""

    @property
    def name(self) -> str:
        """Its name, which is its lease's too."""
        ...

    async def step(self) -> bool:
        """One bounded piece of work; False when it is at the end of the log."""
        ...

    async def position(self) -> Cursor:
        """Where its engine stands."""
        ...

    async def close(self) -> None:
        """End what the last step left under way."""
        ...


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a projection is.

    Attributes:
        position: every event up to here is in the engine.
        filling: the engine is being filled for the first time, or again.
        leads: this process keeps it up to date.
        last_error: why the last step failed, or why the engine does not say where it stands; None when all is well.
        parked: documents the engine cannot take, counted up to 1,000.
        documents_per_second: that this process gave the engine in the last ten seconds.
    """

    name: str
    position: Position
    filling: bool
    leads: bool
    last_error: str | None
    parked: int = 0
    documents_per_second: float = 0.0


@runtime_checkable
class Reporting(Protocol):
    """A projection that tells more of itself."""

    @property
    def rate(self) -> Rate:
        """How many documents it brought to the engine."""
        ...

    async def parked(self) -> Sequence[object]:
        """What the engine cannot take."""
        ...


class Runner:
    """Runs one projection, in the background or until a position is reached.

    Args:
        lease: what only the leader has.
        wakeup: hints that the log has grown.

    Attributes:
        name: the projection's, or the one it has among others.
    """

    def __init__(self, projection: Projection, lease: Lease, wakeup: Wakeup) -> None:
        self.name = projection.name
        self._projection = projection
        self._lease = lease
        self._wakeup = wakeup
        self._moves = Wakeup()
        self._asked_at = 0.0
        self._loop = Background(
            f"projection {projection.name}",
            self._step,
            first_wait_seconds=_FIRST_WAIT_SECONDS,
            longest_wait_seconds=_LONGEST_WAIT_SECONDS,
        )
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the log in the background; does nothing if it does."""
        self._loop.start()
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def stop(self) -> None:
        """Let the current step end and give the lease up; does nothing if it does not run."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        await self._loop.stop()
        await self._give_up()

    async def moved(self, seconds: float) -> None:
        """Wait until this process has moved the projection, at most so many seconds."""
        await self._moves.wait(seconds, since=self._moves.count)

    async def drain(self, to: Position, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Bring the projection to a position, or wait until another process has.

        Raises:
            PositionTimeout: it is not there in time.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            while not await self._is_at(to):
                if time.monotonic() > deadline:
                    raise PositionTimeout(
                        f"the projection {self.name} has not reached {to} in {timeout_seconds:g} s",
                        remedy="wait longer; `octavo status` tells who holds the log back",
                    )
                if self._loop.is_running or not await self._step():
                    await self.moved(_LOOK_SECONDS)
        finally:
            if not self._loop.is_running:
                await self._give_up()

    async def status(self) -> Status:
        """How the projection is; of an engine that does not answer, what is known without it."""
        try:
            return await self._status()
        except Unavailable as error:
            return Status(
                name=self.name,
                position=START,
                filling=False,
                leads=self._lease.is_held,
                last_error=str(error),
            )

    async def _status(self) -> Status:
        cursor = await self._projection.position()
        told = self._projection if isinstance(self._projection, Reporting) else None
        return Status(
            name=self.name,
            position=cursor.position,
            filling=cursor.scanned is not None,
            leads=self._lease.is_held,
            last_error=None if self._loop.last_error is None else str(self._loop.last_error),
            parked=len(await told.parked()) if told else 0,
            documents_per_second=told.rate.per_second if told else 0.0,
        )

    async def _step(self) -> bool:
        if not await self._leads():
            return False
        more = await self._projection.step()
        if more:
            self._moves.hint()
        return more

    async def _leads(self) -> bool:
        """Whether the lease is ours; asked again, of whoever has it, a few times in its life."""
        now = time.monotonic()
        if now - self._asked_at < self._lease.seconds / 6:
            return self._lease.is_held
        self._asked_at = now
        if self._lease.is_held:
            return await self._lease.renew()
        return await self._lease.take()

    async def _is_at(self, to: Position) -> bool:
        cursor = await self._projection.position()
        return cursor.scanned is None and cursor.position >= to

    async def _listen(self) -> None:
        while True:
            known = self._wakeup.count
            self._loop.wake()
            await self._wakeup.wait(_LONG, since=known)

    async def _give_up(self) -> None:
        await self._projection.close()
        if self._lease.is_held:
            await self._lease.release()
        self._asked_at = 0.0
