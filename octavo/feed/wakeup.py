"""Waking the log's readers: in memory those of this process, by an empty NOTIFY those of the others.

A NOTIFY inside the writing transaction would put all commits in one row, so none is there. After a commit the
process wakes its own readers and marks a flag; one notifier a process sends a hint if none is under way, and one
more when it comes back and commits came meanwhile. A hint that is lost costs a poll.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from octavo.errors import OctavoError
from octavo.postgres.background import Background
from octavo.postgres.listen import Listener
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load

_sql = load("octavo.feed", "feed.sql")
log = logging.getLogger("octavo.feed")

CHANNEL = "octavo"
# Two hints are at least so far apart: a hint costs the server a commit, and nobody reads faster than that.
GAP_SECONDS = 0.01
LAST_HINT_SECONDS = 1.0
_LONG = 3600.0
_RUNS = "runs"


class Hints:
    """How many hints there were, and those who wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._next: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits."""
        return self._next is not None

    def give(self) -> None:
        """One more."""
        self.count += 1
        self.wake()

    def wake(self) -> None:
        """End all waits."""
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def wait(self, seconds: float, *, since: int) -> bool:
        """Wait for a hint after number `since`, at most so many seconds; returns whether there was one."""
        if self.count == since:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await asyncio.shield(self._next)
        return self.count != since


class Wakeup:
    """Hints that the log has grown, for the readers of this process and of all others.

    Args:
        pool: sends the hints to other processes; None wakes this process only.
        listen: what the driver's `connect` takes, past any pooler; None hears no other process, so its
            commits are noticed when a reader looks by itself, within a second.
    """

    def __init__(self, pool: Pool | None = None, listen: Mapping[str, Any] | None = None) -> None:
        self._pool = pool
        self._me = secrets.token_hex(8)
        self._listener = None if listen is None else Listener(listen, CHANNEL, self._heard)
        self._notifier = Background(
            "notifier", self._notify, first_wait_seconds=_LONG, longest_wait_seconds=_LONG, immediately=False
        )
        self._unsent = self._unsent_runs = False
        self._changes, self._runs = Hints(), Hints()
        self._closed = False

    @property
    def count(self) -> int:
        """How many hints there were: given to `wait`, it tells which ones are known."""
        return self._changes.count

    @property
    def runs(self) -> int:
        """How many hints told of runs that were queued: given to `wait_for_runs`."""
        return self._runs.count

    @property
    def is_closed(self) -> bool:
        """Whether the database was closed: readers end."""
        return self._closed

    @property
    def is_awaited(self) -> bool:
        """Whether a reader of this process waits for a hint now."""
        return self._changes.is_awaited

    def committed(self, *, runs: bool = False) -> None:
        """Say that this process committed a change; costs next to nothing and never fails.

        Args:
            runs: whether runs were queued, so that workers look at once.
        """
        self.hint(runs=runs)
        self._unsent_runs |= runs
        if self._pool is not None and not self._unsent:
            self._unsent = True
            if not self._closed:
                self._notifier.wake()
                self._notifier.start()

    def hint(self, *, runs: bool = False) -> None:
        """Wake the readers of this process, and its workers when runs were queued."""
        self._changes.give()
        if runs:
            self._runs.give()

    async def wait(self, seconds: float, *, since: int) -> bool:
        """Wait for a hint after number `since`, at most so many seconds; returns whether there was one."""
        if self._listener is not None:
            self._listener.start()
        return await self._changes.wait(0 if self._closed else seconds, since=since)

    async def wait_for_runs(self, seconds: float, *, since: int) -> bool:
        """As `wait`, for hints that told of runs."""
        return await self._runs.wait(0 if self._closed else seconds, since=since)

    async def listening(self) -> None:
        """Wait until hints of other processes arrive; returns at once when none can be heard."""
        if self._listener is not None:
            self._listener.start()
            await self._listener.listening()

    async def close(self) -> None:
        """Wake the readers for the last time, send the last hint, stop; safe to call twice."""
        self._closed = True
        self._changes.wake()
        self._runs.wake()
        await self._notifier.stop()
        if self._unsent:
            with suppress(OctavoError, TimeoutError):
                async with asyncio.timeout(LAST_HINT_SECONDS):
                    await self._send()
        if self._listener is not None:
            await self._listener.close()

    def _heard(self, told: str | None) -> None:
        if told is None:
            # The connection is there again: anything may have been missed.
            self.hint(runs=True)
            return
        sender, _, what = told.partition(" ")
        if sender != self._me:
            self.hint(runs=what == _RUNS)

    async def _notify(self) -> bool:
        if self._unsent:
            await self._send()
            await asyncio.sleep(GAP_SECONDS)
        return False

    async def _send(self) -> None:
        # The flag falls first: what commits while the hint is under way needs another one.
        runs = self._unsent_runs
        self._unsent = self._unsent_runs = False
        assert self._pool is not None
        try:
            await self._pool.fetchrow(_sql.notify, f"{self._me} {_RUNS}" if runs else self._me)
        except OctavoError:
            self._unsent, self._unsent_runs = True, self._unsent_runs or runs
            raise
