"""The queue as a worker uses it: look, claim, end, give back. Every call is one statement for many runs.

What a worker writes is written under the fence it got with the run: a number that grows each time a worker takes
it. Whose lease is gone writes nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.json import encode
from octavo.values.run import State, StepDone

_sql = load("octavo.pipelines", "queue.sql")
WORKER_LOST = "worker_lost"
# A worker says that it lives so often, and is taken for dead after so long without a word.
BEAT_SECONDS = 2.0
GONE_SECONDS = 30.0
SEEN, LATE = 10_000, 1_000


class Claimed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run that a worker has, with its fence.

    Attributes:
        ticket: the number it had in the queue; 0 for a run that never was there.
        queued_at: since when it was there.
        sequence: of its last event.
    """

    organization_id: UUID
    id: UUID
    pipeline: str
    pipeline_id: UUID
    pipeline_version: int
    document_id: UUID | None
    document_version: int | None
    priority: int
    raw_input: bytes
    fence: int
    attempt: int
    max_attempts: int
    actor: Actor
    session: str | None
    correlation: str | None
    sequence: int
    ticket: int
    queued_at: datetime

    @property
    def origin(self) -> Origin:
        """What its changes are recorded with: whoever started it, caused by its own stream."""
        stream = f"run-{self.id}"
        return Origin(self.actor, self.session, self.correlation or stream, f"{stream}:{self.sequence}")


class Wish(msgspec.Struct, frozen=True, gc=False):
    """What a worker wants of one organization and priority: so many runs behind a ticket."""

    organization_id: UUID
    priority: int
    low: int
    runs: int


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """What was seen of one organization and priority.

    Attributes:
        fresh: tickets that were not seen before.
        first: the lowest ticket seen now.
        since: when the oldest of them came, in seconds of the server's clock.
        share: the organization's weight.
    """

    organization_id: UUID
    priority: int
    fresh: int
    first: int
    since: float
    share: float


class Look(msgspec.Struct, frozen=True):
    """What a look at the queue gave.

    Attributes:
        drawn: the last ticket that was drawn by then.
        gate, next: transactions below `gate` are over, those from `next` on had not begun.
        last: the highest ticket seen; 0 for none.
        is_full: there may be more behind it.
        late_last: where to go on looking for late ones; None: that was all of them.
        moment: seconds of the server's clock.
    """

    drawn: int
    gate: int
    next: int
    last: int
    is_full: bool
    late_last: int | None
    moment: float
    waiting: list[Waiting]


class Ended(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a run ends: completed with an output, or cancelled."""

    run: Claimed
    state: State
    output: bytes | None = None
    steps: list[StepDone] = []


class Returned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a run is given back: `queued` as if nothing had been, `delayed` for its next attempt, or `dead`."""

    run: Claimed
    state: State
    error: bytes | None = None
    seconds: float = 0.0
    counted: bool = True


class Queue:
    """The queue of all organizations.

    Args:
        system: connections of a member of octavo_system.
    """

    def __init__(self, system: Pool) -> None:
        self._system = system

    async def look(self, behind: int, late_from: int, limit: int = SEEN, late_limit: int = LATE) -> Look:
        """What came behind a ticket, and what came late below it, each so many tickets at most."""
        rows = await self._system.fetch(_sql.look, behind, limit, late_from, late_limit)
        first = rows[0]
        return Look(
            drawn=first["drawn"],
            gate=first["gate"],
            next=first["next"],
            last=first["last"] or 0,
            is_full=first["tickets"] >= limit,
            late_last=first["late_last"],
            moment=first["moment"].timestamp(),
            waiting=[
                Waiting(
                    row["organization_id"],
                    row["priority"],
                    row["fresh"],
                    row["first"],
                    row["since"].timestamp(),
                    row["share"],
                )
                for row in rows
                if row["organization_id"] is not None
            ],
        )

    async def claim(self, worker: UUID, wishes: Sequence[Wish]) -> list[Claimed]:
        """Take runs for a worker, at most as many as wished; what another worker is about to take is passed over."""
        rows = await self._system.fetch(
            _sql.claim,
            worker,
            [wish.organization_id for wish in wishes],
            [wish.priority for wish in wishes],
            [wish.low for wish in wishes],
            [wish.runs for wish in wishes],
        )
        return [_claimed(row) for row in rows]

    async def finish(self, ended: Sequence[Ended]) -> set[UUID]:
        """End runs; returns those whose lease was still that one. The others are left as they are."""
        rows = await self._system.fetch(
            _sql.finish_runs,
            [one.run.organization_id for one in ended],
            [one.run.id for one in ended],
            [one.run.fence for one in ended],
            [one.state for one in ended],
            [one.output for one in ended],
            [None] * len(ended),
            [encode(msgspec.to_builtins(one.steps)) for one in ended],
        )
        return {row["id"] for row in rows}

    async def give_back(self, returned: Sequence[Returned]) -> set[UUID]:
        """Give runs back; returns those whose lease was still that one."""
        rows = await self._system.fetch(
            _sql.return_runs,
            [one.run.organization_id for one in returned],
            [one.run.id for one in returned],
            [one.run.fence for one in returned],
            [one.state for one in returned],
            [one.error for one in returned],
            [one.seconds for one in returned],
            [one.counted for one in returned],
        )
        return {row["id"] for row in rows}

    async def beat(
        self, worker: UUID, runs: Sequence[Claimed], *, draining: bool
    ) -> tuple[set[UUID], set[UUID]]:
        """Say that a worker lives; returns which of its runs it has lost, and which it shall give up."""
        rows = await self._system.fetch(
            _sql.beat,
            worker,
            socket.gethostname()[:255],
            os.getpid(),
            len(runs),
            draining,
            [run.organization_id for run in runs],
            [run.id for run in runs],
        )
        lost = {row["id"] for row in rows if row["is_lost"]}
        return lost, {row["id"] for row in rows} - lost

    async def give_back_strays(self, worker: UUID, runs: Sequence[Claimed]) -> int:
        """Give back what a worker has without knowing it; returns how many."""
        return len(await self._system.fetch(_sql.give_back_strays, worker, [run.id for run in runs]))

    async def leave(self, worker: UUID) -> None:
        """Say that a worker ends; it has no run any more."""
        await self._system.execute(_sql.leave, worker)

    async def queue_due(self, limit: int = 1_000) -> int:
        """Queue the delayed whose time has come; returns how many."""
        return len(await self._system.fetch(_sql.queue_due, limit))

    async def rescue(self, gone_seconds: float = GONE_SECONDS, limit: int = 500) -> int:
        """Give back the runs of workers without a sign of life; returns how many."""
        error = encode({"code": WORKER_LOST, "message": "its worker gave no sign of life any more"})
        return len(await self._system.fetch(_sql.rescue, gone_seconds, limit, error))

    async def forget_workers(self, gone_seconds: float) -> None:
        """Forget workers that are gone and have no run any more."""
        await self._system.execute(_sql.forget_workers, gone_seconds)

    async def workers(self, gone_seconds: float = GONE_SECONDS) -> list[Row]:
        """The workers that live."""
        return list(await self._system.fetch(_sql.workers, gone_seconds))


class Steps:
    """What a run under way writes of its own organization: finished steps, and its end beside other changes."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def finished(self, run: UUID) -> dict[str, tuple[StepDone, bytes]]:
        """The steps that ended in earlier attempts, with their outputs."""
        rows = await self._scope.runner.fetch(_sql.finished_steps, self._scope.organization, run)
        return {
            row["name"]: (
                StepDone(
                    name=row["name"],
                    attempt=row["attempt"],
                    started_at=row["started_at"],
                    ended_at=row["ended_at"],
                ),
                row["output"],
            )
            for row in rows
        }

    async def keep(self, run: Claimed, step: StepDone, output: bytes) -> bool:
        """Keep a finished step, so that no attempt repeats it; False when the lease is gone."""
        row = await self._scope.runner.fetchrow(
            _sql.keep_step,
            self._scope.organization,
            run.id,
            run.fence,
            step.name,
            step.attempt,
            output,
            step.started_at,
            step.ended_at,
        )
        return row is not None

    async def finish(self, ended: Ended) -> bool:
        """End a run in the scope's transaction; False when the lease is gone."""
        row = await self._scope.runner.fetchrow(
            _sql.finish_run,
            self._scope.organization,
            ended.run.id,
            ended.run.fence,
            ended.state,
            ended.output,
            None,
            encode(msgspec.to_builtins(ended.steps)),
        )
        return row is not None

    async def give_back(self, returned: Returned) -> bool:
        """Give a run back; False when the lease is gone."""
        row = await self._scope.runner.fetchrow(
            _sql.return_run,
            self._scope.organization,
            returned.run.id,
            returned.run.fence,
            returned.state,
            returned.error,
            returned.seconds,
            returned.counted,
        )
        return row is not None

    async def renew(self, run: UUID, worker: UUID, seconds: float) -> bool:
        """Put off the expiry of the lease of a run inside its caller's process; False when it is gone."""
        row = await self._scope.runner.fetchrow(
            _sql.renew_run, self._scope.organization, run, worker, seconds
        )
        return row is not None

    async def try_again(self, run: Claimed, error: bytes, seconds: float) -> Claimed | None:
        """Begin the next attempt of a run inside its caller's process; None when the lease is gone."""
        row = await self._scope.runner.fetchrow(
            _sql.try_again, self._scope.organization, run.id, run.fence, error, seconds
        )
        if row is None:
            return None
        return msgspec.structs.replace(
            run, fence=row["fence"], attempt=run.attempt + 1, sequence=run.sequence + 1
        )


def _claimed(row: Row) -> Claimed:
    return Claimed(
        organization_id=row["organization_id"],
        id=row["id"],
        pipeline=row["pipeline"],
        pipeline_id=row["pipeline_id"],
        pipeline_version=row["pipeline_version"],
        document_id=row["document_id"],
        document_version=row["document_version"],
        priority=row["priority"],
        raw_input=row["input"],
        fence=row["fence"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        actor=Actor(row["actor"], row["actor_kind"]),
        session=row["session_id"],
        correlation=row["correlation_id"],
        sequence=row["event_sequence"],
        ticket=row["claimed"],
        queued_at=row["queued_at"],
    )
