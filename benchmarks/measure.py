"""Contestants take turns, round by round, so that a machine that gets slower gets slower for all of them."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

Work = Callable[[int], Awaitable[None]]
OURS = "Octavo"
LIMIT = "limit"


@dataclass(frozen=True)
class Contestant:
    """Somebody who does the work: `work(n)` does it n times (or the n-th time, with `tasks`).

    What `before(n)` does is not measured.
    """

    name: str
    work: Work
    before: Work | None = None


@dataclass
class Result:
    """Operations a second of one contestant, a figure a round."""

    name: str
    per_second: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.per_second)


@dataclass(frozen=True)
class Row:
    """One line of the report: what was done, by whom, and what Octavo must reach."""

    title: str
    unit: str
    results: Sequence[Result]
    goal: float | None
    against: str = LIMIT
    remark: str = ""
    peer_goals: tuple[tuple[str, float], ...] = ()

    def of(self, name: str) -> Result:
        """The result of one contestant."""
        return next(result for result in self.results if result.name == name)

    def ratio(self, against: str) -> float:
        """Octavo's speed as a multiple of another's: the median of the rounds' own ratios."""
        ours, other = self.of(OURS).per_second, self.of(against).per_second
        return statistics.median(mine / theirs for mine, theirs in zip(ours, other, strict=True))


async def compete(
    title: str,
    contestants: Sequence[Contestant],
    *,
    operations: int,
    tasks: int = 1,
    rounds: int = 5,
    unit: str = "/s",
    goal: float | None = None,
    peer_goals: tuple[tuple[str, float], ...] = (),
    remark: str = "",
) -> Row:
    """Let contestants take turns; `operations` a round, spread over `tasks` concurrent callers."""
    results = [Result(contestant.name) for contestant in contestants]
    for contestant in contestants:
        await _once(contestant, max(operations // 10, tasks), tasks)
    for _ in range(rounds):
        for contestant, result in zip(contestants, results, strict=True):
            result.per_second.append(operations / await _once(contestant, operations, tasks))
    return Row(title, unit, results, goal, remark=remark, peer_goals=peer_goals)


async def _once(contestant: Contestant, operations: int, tasks: int) -> float:
    share = operations // tasks
    if contestant.before is not None:
        await contestant.before(operations)
    begun = time.perf_counter()
    await asyncio.gather(*(contestant.work(share) for _ in range(tasks)))
    return time.perf_counter() - begun
