"""Limits of runs: what an organization has set, and how far it is."""

from __future__ import annotations

from typing import Any

import msgspec

# Runs that one may wait for.
MAX_AFTER = 1_000
# And of one call: runs that are started, times those that each waits for.
MAX_WAITS = 100_000


class RunLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs an organization may have.

    Attributes:
        run_share: its weight among the organizations whose runs wait; 1 is usual.
        max_running: runs under way at most; None: no limit. 0: none is begun.
        runs_per_day: runs started a day (UTC) at most; None: no limit.
        running: runs under way now.
        held: runs that a limit holds back now.
        started_today: runs started since midnight UTC; 0 without `runs_per_day`, since nothing is counted then.
        allowed_models: the models that its pipelines may use; None: all.
        max_batch_size: documents that a batch may have at most; None: no limit of its own.
    """

    organization: str
    run_share: float
    max_running: int | None
    runs_per_day: int | None
    running: int
    held: int
    started_today: int
    allowed_models: tuple[str, ...] | None = None
    max_batch_size: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The limits as plain data."""
        return msgspec.structs.asdict(self)
