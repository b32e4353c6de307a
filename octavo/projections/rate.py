"""How much is done a second, of late."""

from __future__ import annotations

import time
from collections import deque

WINDOW_SECONDS = 10.0


class Rate:
    """Counts what is done, and tells how much a second it was in the last ten seconds."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._done: deque[tuple[float, int]] = deque()

    def add(self, number: int) -> None:
        """So many were done just now."""
        self._forget()
        self._done.append((time.monotonic(), number))

    @property
    def per_second(self) -> float:
        """How many a second."""
        self._forget()
        seconds = min(max(time.monotonic() - self._begun, 1.0), WINDOW_SECONDS)
        return sum(number for _, number in self._done) / seconds

    def _forget(self) -> None:
        since = time.monotonic() - WINDOW_SECONDS
        while self._done and self._done[0][0] < since:
            self._done.popleft()
