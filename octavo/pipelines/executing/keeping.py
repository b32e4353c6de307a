"""Where an attempt keeps the steps that have ended: the record, or a dictionary in a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from octavo.pipelines.queueing.queue import Claimed
from octavo.values.account import Progress
from octavo.values.run import StepDone


class Keeping(Protocol):
    """Keeps finished steps of runs under way."""

    async def finished(self, run: UUID) -> dict[str, tuple[StepDone, bytes]]:
        """The steps that ended in earlier attempts, with their outputs."""
        ...

    async def keep(self, run: Claimed, step: StepDone, output: bytes) -> bool:
        """Keep a finished step, so that no attempt repeats it; False when the lease is gone."""
        ...

    async def tell(self, run: Claimed, progress: Mapping[str, Progress]) -> None:
        """Write down how far steps are."""
        ...
