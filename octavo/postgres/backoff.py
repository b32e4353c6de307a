"""How long to wait before the next try: longer each time, and never in step with others."""

from __future__ import annotations

import random

_random = random.SystemRandom()


def backoff_seconds(attempt: int, *, first: float, most: float) -> float:
    """Seconds to wait after try number `attempt`, counted from 1.

    The wait doubles from `first` to `most` seconds; between half of it and the whole is chosen by chance,
    so that many that failed together do not come back together.
    """
    whole = min(most, first * 2.0 ** min(attempt - 1, 60))
    return whole * _random.uniform(0.5, 1.0)
