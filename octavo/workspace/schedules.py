"""The schedules of one organization: runs that are started by the clock."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from octavo.pipelines.starting import schedules
from octavo.pipelines.starting.schedules import Wanted
from octavo.values.pipeline import parse_reference
from octavo.values.run import PRIORITY
from octavo.values.schedule import CatchUp, Firing, Schedule
from octavo.workspace.documents import Bind
from octavo.workspace.given import optional_id


class Schedules:
    """The schedules of one organization; they are due while a worker runs."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    async def put(
        self,
        name: str,
        pipeline: str,
        *,
        cron: str,
        timezone: str = "UTC",
        document: UUID | str | None = None,
        input: Mapping[str, Any] | None = None,
        priority: int = PRIORITY,
        catch_up: CatchUp = "last",
        overlap: bool = True,
    ) -> Schedule:
        """Make a schedule, or change the one of this name; one whose calendar stays is due when it was.

        Args:
            pipeline: `summarize`, `summarize@production` or `summarize@3`; what it means is asked each time it is due.
            cron: minute, hour, day of month, month, day of week, as `0 6 * * mon-fri`.
            timezone: whose clock it is, as `Europe/Berlin`. A time that the clock leaves out in spring is due right
                after the gap, one that comes twice in autumn the first time.
            document: what its runs are about, at the version it has then.
            input: a JSON object for their steps, at most 1 MiB.
            priority: of its runs, 0 to 9.
            catch_up: of times at which no worker was there, make up for the `last`, `all` (100 at most, the latest), or
                `none`: what is over a minute late is left out.
            overlap: False: start none while the run before waits or is under way.

        Raises:
            NotFound: no such pipeline, tag, version or document. InvalidInput, LimitExceeded.
        """
        wanted = Wanted.of(
            name,
            parse_reference(pipeline),
            cron=cron,
            timezone=timezone,
            document=optional_id(document),
            input=input,
            priority=priority,
            catch_up=catch_up,
            overlap=overlap,
        )
        return await schedules.put(await self._bind(), wanted)

    async def get(self, name: str) -> Schedule:
        """The schedule of this name; raises `NotFound`."""
        return await schedules.get(await self._bind(), name)

    async def list(self, *, after: str = "", limit: int = 100) -> list[Schedule]:
        """Schedules by name; `after` continues a listing."""
        return await schedules.listing(await self._bind(), after=after, limit=limit)

    async def pause(self, name: str) -> Schedule:
        """Let it be due no more, until it is resumed; raises `NotFound`."""
        return await schedules.pause(await self._bind(), name)

    async def resume(self, name: str) -> Schedule:
        """Let it be due again, from now on: what it left out meanwhile is not made up for. Raises `NotFound`."""
        return await schedules.resume(await self._bind(), name)

    async def delete(self, name: str) -> None:
        """Delete a schedule and the list of its times; the runs it has started stay. Raises `NotFound`."""
        await schedules.delete(await self._bind(), name)

    async def next(self, name: str, n: int = 1) -> builtins.list[datetime]:
        """The next `n` times it is due, at most 1,000, in UTC; of a paused one, as if it were not.

        Raises:
            NotFound, LimitExceeded.
        """
        return await schedules.next_times(await self._bind(), name, n)

    async def history(
        self, name: str, *, before: datetime | None = None, limit: int = 100
    ) -> builtins.list[Firing]:
        """The times it was due in the last 90 days, each with its run or why there is none; the latest first.

        Args:
            before: only times before.
            limit: times at most.

        Raises:
            NotFound.
        """
        return await schedules.firings(await self._bind(), name, before=before, limit=limit)
