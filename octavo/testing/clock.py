"""A clock for tests of pipelines: `await db.pipelines.run("count", doc.id, clock=FakeClock())` waits for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that stands still until somebody sleeps.

    Attributes:
        slept: the seconds of every sleep, in order.
    """

    def __init__(self, now: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Go on by so much, at once."""
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)
