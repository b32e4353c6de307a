"""How far a dump or a restore is, seen from the server while PostgreSQL's programs run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from octavo.errors import OctavoError
from octavo.operations.progress import Progress
from octavo.operations.snapshot import copied_bytes
from octavo.postgres.pool import Pool

_LOOK_SECONDS = 0.5


class Meter:
    """Bytes done of bytes to do; what is told never goes back."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = max(total, 1)
        self._done = -1
        self.reach(0)

    def reach(self, done: int) -> None:
        """So many bytes are done now."""
        done = min(done, self._total)
        if done > self._done:
            self._done = done
            self._progress(done, self._total)

    def add(self, more: int) -> None:
        """So many more bytes are done."""
        self.reach(self._done + more)

    def finish(self) -> None:
        """Everything is done."""
        self.reach(self._total)


async def watch_copies(pool: Pool, size: Mapping[str, int], meter: Meter, *, after: int = 0) -> None:
    """Tell the meter what COPY has moved, until cancelled; a table whose COPY has ended counts in full.

    Args:
        size: bytes of each table.
        after: bytes that were done before the first of them.
    """
    seen: dict[str, int] = {}
    while True:
        try:
            now = await copied_bytes(pool)
        except OctavoError:  # the work itself will tell what is wrong
            now = {}
        seen |= {name: size[name] for name in seen}
        seen |= {name: min(moved, size[name]) for name, moved in now.items() if name in size}
        meter.reach(after + sum(seen.values()))
        await asyncio.sleep(_LOOK_SECONDS)
