"""The queue as a worker uses it: look, claim, end, give back. Every call is one statement for many runs.

What a worker writes is written under the fence it got with the run: a number that grows each time a worker takes
it. Whose lease is gone writes nothing.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from octavo.pipelines.queueing.held import Held
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store.scope import Committed, Scope, unheard
from octavo.values.account import NOTHING, Metrics, Progress
from octavo.values.actor import Actor, Origin
from octavo.values.json import encode, encode_known
from octavo.values.run import State, StepDone

_sql = load("octavo.pipelines.queueing", "queue.sql")
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
        priority: at which it waited there; one that a limit had held back goes before the others of its own.
        sequence: of its last event.
        lanes: the limits that it counts for: see `octavo.pipelines.queueing.held`.
        trigger: what started it when its document changed; None: somebody did.
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
    trigger: str | None = None
    lanes: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """What its changes are recorded with: whoever started it, caused by its own stream."""
        stream = f"run-{self.id}"
        return Origin(self.actor, self.session, self.correlation or stream, f"{stream}:{self.sequence}")


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A ticket that a claim took from the queue: of a run that it began, or of one that a limit holds back."""

    organization_id: UUID
    priority: int
    ticket: int
    queued_at: datetime
    run: Claimed | None


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
    """How a run ends: completed with an output, or cancelled; `results` is what it gives of its document, a list."""

    run: Claimed
    state: State
    output: bytes | None = None
    steps: list[StepDone] = []
    results: bytes | None = None


class Returned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a run is given back: `queued` as if nothing had been, `delayed` for its next attempt, or `dead`."""

    run: Claimed
    state: State
    error: bytes | None = None
    seconds: float = 0.0
    counted: bool = True


class _Details(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str | None = None
    items: int | None = None
    items_failed: int = 0
    metrics: Metrics = NOTHING


class Queue:
    """The queue of all organizations.

    Args:
        system: connections of a member of octavo_system.
        committed: told when what waited for others went to the queue.
    """

    def __init__(self, system: Pool, committed: Committed = unheard) -> None:
        self._system = system
        self._held = Held(system, committed)

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
        return [one.run for one in await self.take(worker, wishes) if one.run is not None]

    async def take(self, worker: UUID, wishes: Sequence[Wish]) -> list[Taken]:
        """As `claim`, with the tickets of runs that a limit holds back: they have left the queue, too."""
        rows = await self._system.fetch(
            _sql.claim,
            worker,
            [wish.organization_id for wish in wishes],
            [wish.priority for wish in wishes],
            [wish.low for wish in wishes],
            [wish.runs for wish in wishes],
            sum(wish.runs for wish in wishes),
        )
        return [_taken(row) for row in rows]

    async def finish(self, ended: Sequence[Ended]) -> set[UUID]:
        """End runs; returns those whose lease was still that one. The others are left as they are."""
        columns = (
            [one.run.organization_id for one in ended],
            [one.run.id for one in ended],
            [one.run.fence for one in ended],
            [one.state for one in ended],
            [one.output for one in ended],
            [None] * len(ended),
            [encode_known(one.steps) for one in ended],
            len(ended),
        )
        results = [one.results for one in ended]
        if any(results):
            rows = await self._system.fetch(_sql.finish_runs_with_results, *columns, results)
        else:
            rows = await self._system.fetch(_sql.finish_runs, *columns)
        counted = {row["id"] for row in rows}
        awaited = {row["id"] for row in rows if row["is_awaited"]}
        await self.follow([one.run for one in ended if one.run.id in counted], awaited)
        return counted

    async def follow(self, runs: Sequence[Claimed], awaited: Collection[UUID] = ()) -> None:
        """Let those go on that waited for the room of runs which are not under way any more, or for their ends.

        Args:
            awaited: those that have ended and that others wait for.
        """
        freed = Counter((run.organization_id, lane) for run in runs for lane in run.lanes)
        ended = [(run.organization_id, run.id) for run in runs if run.id in awaited]
        if freed or ended:
            await self._held.follow(freed, ended)

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
        counted = {row["id"] for row in rows}
        await self.follow([one.run for one in returned if one.run.id in counted])
        return counted

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


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A finished step, and its output, as its run keeps it."""

    run: Claimed
    step: StepDone
    output: bytes


async def keep_steps(scope: Scope, kept: Sequence[Kept]) -> list[bool]:
    """Keep finished steps of an organization's runs; False for those whose lease is gone."""
    rows = await scope.runner.fetch(
        _sql.keep_steps,
        scope.organization,
        [one.run.id for one in kept],
        [one.run.fence for one in kept],
        [one.step.name for one in kept],
        [one.step.attempt for one in kept],
        [one.output for one in kept],
        [one.step.started_at for one in kept],
        [one.step.ended_at for one in kept],
        [_details(one.step) for one in kept],
    )
    found = {(row["run_id"], row["name"]) for row in rows}
    return [(one.run.id, one.step.name) in found for one in kept]


class Steps:
    """What a run under way writes of its own organization: finished steps, and its end beside other changes.

    Attributes:
        is_awaited: whether others wait for the run that was ended.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.is_awaited = False

    async def finished(self, run: UUID) -> dict[str, tuple[StepDone, bytes]]:
        """The steps that ended in earlier attempts, with their outputs."""
        rows = await self._scope.runner.fetch(_sql.finished_steps, self._scope.organization, run)
        return {
            row["name"]: (
                step_done(row),
                row["output"],
            )
            for row in rows
        }

    async def keep(self, run: Claimed, step: StepDone, output: bytes) -> bool:
        """Keep a finished step, so that no attempt repeats it; False when the lease is gone."""
        return (await keep_steps(self._scope, [Kept(run, step, output)]))[0]

    async def tell(self, run: Claimed, progress: Mapping[str, Progress]) -> None:
        """Write down how far steps are, for whoever looks; nothing when the lease is gone."""
        told = encode({step: [one.done, one.total, one.note] for step, one in progress.items()})
        await self._scope.runner.execute(
            _sql.tell_progress, self._scope.organization, run.id, run.fence, told
        )

    async def finish(self, ended: Ended) -> bool:
        """End a run in the scope's transaction; False when the lease is gone."""
        columns = (
            self._scope.organization,
            ended.run.id,
            ended.run.fence,
            ended.state,
            ended.output,
            None,
            encode_known(ended.steps),
        )
        runner = self._scope.runner
        if ended.results is None:
            row = await runner.fetchrow(_sql.finish_run, *columns)
        else:
            row = await runner.fetchrow(_sql.finish_run_with_results, *columns, ended.results)
        self.is_awaited = row is not None and bool(row["is_awaited"])
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


def step_done(row: Row) -> StepDone:
    """A finished step from a row of one; its component is told by the plan."""
    details = msgspec.json.decode(row["details"], type=_Details)
    return StepDone(
        name=row["name"],
        attempt=row["attempt"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        **msgspec.structs.asdict(details),
    )


def _details(step: StepDone) -> bytes:
    return encode_known(_Details(step.model, step.items, step.items_failed, step.metrics))


def _taken(row: Row) -> Taken:
    return Taken(
        row["organization_id"],
        row["priority"],
        row["claimed"],
        row["queued_at"],
        None if row["id"] is None else _claimed(row),
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
        trigger=row["trigger"],
        lanes=tuple(row["lanes"] or ()),
    )
