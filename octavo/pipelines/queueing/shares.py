"""Which runs a worker takes next: pure decisions on what was seen of the queue.

Between organizations, weighted fair share: each has a clock that goes on by 1/weight with each of its runs, and the
one whose clock is behind comes first (stride scheduling, Waldspurger 1995). One that comes back begins at the least
clock of those that wait, so it neither catches up on its pause nor pays for it. Inside an organization the highest
priority comes first, and what waits rises by one priority a minute, so nothing waits for ever.

For each organization and priority it is known up to which ticket all are gone: there the index is entered, behind
what vacuum cannot remove yet. Tickets are drawn before they are committed, so some appear late; up to which ticket
none can any more is told by the transactions that are over (see `Horizon`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from uuid import UUID

import msgspec

from octavo.pipelines.queueing.queue import Claimed, Look, Taken, Waiting, Wish

AGEING_SECONDS = 60.0
# A claim that is rolled back puts its tickets where workers have passed: each goes back now and then, farther than
# any transaction lasts.
SWEEP_SECONDS = 60.0
Pair = tuple[UUID, int]


class _Line(msgspec.Struct):
    """What waits of one organization at one priority."""

    low: int
    tickets: int
    since: float


class Horizon:
    """Up to which ticket none can appear any more.

    A ticket is drawn by a transaction that has its xid already. So whatever was drawn before a snapshot was taken
    belongs to a transaction below the end of that snapshot, and once all below that are over, nothing is to come.
    """

    def __init__(self) -> None:
        self.final = 0
        self._drawn: int | None = None
        self._pending: deque[tuple[int, int]] = deque(maxlen=1_000)

    def note(self, drawn: int, gate: int, end: int) -> None:
        """Take note of a look: what the look before it saw drawn, this one's snapshot came after."""
        if self._drawn is not None:
            self._pending.append((self._drawn, end))
        self._drawn = drawn
        while self._pending and self._pending[0][1] <= gate:
            self.final = max(self.final, self._pending.popleft()[0])


class Shares:
    """What one worker knows of the queue."""

    def __init__(self) -> None:
        self.horizon = Horizon()
        self.seen = 0
        self._lines: dict[Pair, _Line] = {}
        self._clocks: dict[UUID, float] = {}
        self._shares: dict[UUID, float] = {}
        self._late: int | None = None
        self._trail = (0, 0)
        self._swept_at: float | None = None

    @property
    def tickets(self) -> int:
        """How many runs wait, as far as is known; others may have taken some."""
        return sum(line.tickets for line in self._lines.values())

    def late_from(self, now: float) -> int:
        """The ticket to look for late ones from, at a moment of any steady clock, in seconds."""
        if self._late is not None:
            return self._late
        if self._swept_at is None:
            self._swept_at = now
        if now - self._swept_at < SWEEP_SECONDS:
            return self.horizon.final
        self._swept_at = now
        back, self._trail = self._trail[0], (self._trail[1], self.horizon.final)
        return back

    def learn(self, look: Look) -> None:
        """Take note of what was seen."""
        self.seen = max(self.seen, look.last)
        self._late = look.late_last
        self.horizon.note(look.drawn, look.gate, look.next)
        for waiting in look.waiting:
            self._learn(waiting)

    def choose(self, slots: int, now: float) -> list[Wish]:
        """What to claim for so many free slots; `now` in seconds of the server's clock."""
        lines: dict[UUID, list[tuple[float, Pair]]] = {}
        for pair, line in self._lines.items():
            lines.setdefault(pair[0], []).append((pair[1] + (now - line.since) / AGEING_SECONDS, pair))
        for one in lines.values():
            one.sort(reverse=True)
        behind = [(self._clocks[organization], organization) for organization in lines]
        heapify(behind)
        wanted: dict[Pair, int] = {}
        while behind and slots:
            clock, organization = behind[0]
            pair = lines[organization][0][1]
            wanted[pair] = wanted.get(pair, 0) + 1
            slots -= 1
            if wanted[pair] == self._lines[pair].tickets:
                lines[organization].pop(0)
            if lines[organization]:
                heapreplace(behind, (clock + 1 / self._shares[organization], organization))
            else:
                heappop(behind)
        return [Wish(*pair, self._lines[pair].low, runs) for pair, runs in wanted.items()]

    def took(self, wishes: Sequence[Wish], taken: Sequence[Claimed | Taken]) -> None:
        """Take note of what a claim gave: clocks go on, and a line that gave less than it might is at its end.

        A ticket whose run a limit holds back is gone from its line, but costs its organization nothing.
        """
        got: dict[Pair, list[Claimed | Taken]] = {}
        for one in taken:
            got.setdefault((one.organization_id, one.priority), []).append(one)
        for wish in wishes:
            pair = (wish.organization_id, wish.priority)
            tickets = got.get(pair, [])
            begun = sum(isinstance(one, Claimed) or one.run is not None for one in tickets)
            self._clocks[wish.organization_id] += begun / self._shares[wish.organization_id]
            line = self._lines[pair]
            line.tickets -= len(tickets)
            if len(tickets) < wish.runs or line.tickets <= 0:
                del self._lines[pair]
            else:
                line.low = tickets[-1].ticket
                line.since = tickets[-1].queued_at.timestamp()
        self._forget_idle()

    def _learn(self, waiting: Waiting) -> None:
        pair = (waiting.organization_id, waiting.priority)
        self._shares[waiting.organization_id] = max(waiting.share, 0.001)
        if waiting.organization_id not in self._clocks:
            self._clocks[waiting.organization_id] = min(self._clocks.values(), default=0.0)
        line = self._lines.get(pair)
        if line is None:
            self._lines[pair] = _Line(waiting.first - 1, max(waiting.fresh, 1), waiting.since)
            return
        line.tickets += waiting.fresh
        line.low = min(line.low, waiting.first - 1)
        line.since = min(line.since, waiting.since)

    def _forget_idle(self) -> None:
        """An organization that waits for nothing has no clock: it gets one when it comes back."""
        waiting = {organization for organization, _ in self._lines}
        for organization in self._clocks.keys() - waiting:
            del self._clocks[organization]
            del self._shares[organization]
