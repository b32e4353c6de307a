"""How far long work is."""

from __future__ import annotations

from collections.abc import Callable

# Told how much is done of how much, in bytes or in documents as the call says; never in parallel.
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Tell nobody."""
