"""All projections of a database: one runner each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from octavo.projections.runner import DRAIN_SECONDS, Runner, Status
from octavo.values.position import Position


class Runners(Mapping[str, Runner]):
    """The runners of a database by the names of their projections; they start, stop and drain together.

    Args:
        runners: each with the name its projection has.
    """

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self._runners = dict(runners)

    def __getitem__(self, name: str) -> Runner:
        return self._runners[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runners)

    def __len__(self) -> int:
        return len(self._runners)

    def start(self) -> None:
        """Follow the log in the background; does nothing for those that do."""
        for runner in self._runners.values():
            runner.start()

    async def stop(self) -> None:
        """Let the current steps end and give the leases up; does nothing for those that do not run."""
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()))

    async def drain(self, to: Position, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Bring every projection to a position, or wait until another process has.

        Raises:
            PositionTimeout: one is not there in time.
        """
        for runner in self._runners.values():
            await runner.drain(to, timeout_seconds)

    async def status(self) -> list[Status]:
        """How each projection is."""
        return list(await asyncio.gather(*(runner.status() for runner in self._runners.values())))
