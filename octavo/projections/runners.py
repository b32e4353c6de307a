"""All projections of a database: one runner an engine, which come and go while the database is open."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping

from octavo.projections.runner import DRAIN_SECONDS, Runner, Status
from octavo.values.position import Position


class Runners(Mapping[str, Runner]):
    """The runners of a database by their names; they start, stop and drain together.

    A role's engine that serves has the name of the role; others have their URL behind it.

    Args:
        runners: each with its name.
    """

    def __init__(self, runners: Mapping[str, Runner] | None = None) -> None:
        self._runners = dict(runners or {})
        self._follows = False
        self._roles: Collection[str] | None = None

    def __getitem__(self, name: str) -> Runner:
        return self._runners[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runners)

    def __len__(self) -> int:
        return len(self._runners)

    async def become(self, runners: Mapping[str, Runner]) -> None:
        """Have these from now on: new ones start if the others run, those that are gone stop."""
        gone = set(self._runners.values()) - set(runners.values())
        self._runners = dict(runners)
        for name, runner in self._runners.items():
            runner.name = name
        if self._follows:
            self.start(self._roles)
        await asyncio.gather(*(runner.stop() for runner in gone))

    def start(self, roles: Collection[str] | None = None) -> None:
        """Follow the log in the background, for some roles or for all; does nothing for those that do."""
        self._follows, self._roles = True, roles
        for name, runner in self._runners.items():
            if roles is None or name.partition(" ")[0] in roles:
                runner.start()

    async def stop(self) -> None:
        """Let the current steps end and give the leases up; does nothing for those that do not run."""
        self._follows = False
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))

    async def drain(self, to: Position, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Bring every projection to a position, or wait until another process has.

        Raises:
            PositionTimeout: one is not there in time.
        """
        for runner in list(self._runners.values()):
            await runner.drain(to, timeout_seconds)

    async def status(self) -> list[Status]:
        """How each projection is."""
        return list(await asyncio.gather(*(runner.status() for runner in self._runners.values())))
