"""How the steps of runs went."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class StepStats(msgspec.Struct, frozen=True, kw_only=True):
    """How the steps of one component, or of one model, went in runs that ended; durations are told within 1 %.

    Attributes:
        name: the component and its version, as `summarize 2`, or the model, as `gpt-4@3`.
        completed, skipped: steps.
        failed: runs that failed at it for good; None by model, since a step that failed tells none.
        items, items_failed: elements of lists that it was called for.
        retries: calls beyond the first, inside of an attempt of a run.
        tokens_in, tokens_out, cost_usd, cpu_seconds: sums; see `octavo.values.account.Metrics`.
        memory_mb: the most.
        took_p50_seconds, took_p95_seconds: of those that completed; None without any.
    """

    name: str
    completed: int = 0
    skipped: int = 0
    failed: int | None = None
    items: int = 0
    items_failed: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)
    cpu_seconds: float = 0.0
    memory_mb: float | None = None
    took_p50_seconds: float | None = None
    took_p95_seconds: float | None = None

    @property
    def success_rate(self) -> float | None:
        """Completed of those that completed or failed for good."""
        decided = self.completed + (self.failed or 0)
        return self.completed / decided if decided and self.failed is not None else None

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        return {**msgspec.structs.asdict(self), "success_rate": self.success_rate}
