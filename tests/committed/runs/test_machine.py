"""The states of a run held against a plain model: workers that pause, clocks that jump, calls in any order."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

import octavo
from octavo.errors import Conflict
from octavo.pipelines.queue import Claimed, Ended, Queue, Returned, Wish
from octavo.postgres.server import Server
from tests.databases import url_of

GONE = 30.0
ATTEMPTS = 3
TICKETS = """
SELECT run.id, run.state::text, run.attempt, run.fence,
    (SELECT count(*) FROM octavo.run_queue AS t WHERE t.run_id = run.id AND t.id = run.ticket) AS queued,
    (SELECT count(*) FROM octavo.run_delay AS t WHERE t.run_id = run.id) AS delayed,
    (SELECT count(*) FROM octavo.run_lease AS t WHERE t.run_id = run.id AND t.fence = run.fence) AS running,
    (SELECT count(*) FROM octavo.run_dead AS t WHERE t.run_id = run.id) AS dead
FROM octavo.run AS run WHERE run.organization_id = $1
"""
STRAY = """
SELECT count(*) AS strays FROM (
    SELECT run_id FROM octavo.run_queue WHERE organization_id = $1 UNION ALL
    SELECT run_id FROM octavo.run_delay WHERE organization_id = $1 UNION ALL
    SELECT run_id FROM octavo.run_lease WHERE organization_id = $1 UNION ALL
    SELECT run_id FROM octavo.run_dead WHERE organization_id = $1) AS ticket
WHERE NOT EXISTS (SELECT FROM octavo.run WHERE id = ticket.run_id)
"""
ENDED = "SELECT id, state::text FROM octavo.run_history WHERE organization_id = $1"
EVENTS = """
SELECT stream, array_agg(sequence ORDER BY position_xid, id) AS sequences,
    array_agg(type ORDER BY position_xid, id) AS types
FROM octavo.event WHERE organization_id = $1 AND stream LIKE 'run-%' GROUP BY stream
"""
OF_STATE = {"completed": "run.completed", "cancelled": "run.cancelled", "failed": "run.failed"}


class Held:
    """A run as the model knows it: its state, its attempts, and the claim that counts."""

    def __init__(self, id: uuid.UUID) -> None:
        self.id = id
        self.state = "queued"
        self.attempt = 0
        self.claim: Claimed | None = None


class RunMachine(RuleBasedStateMachine):
    """Every rule does the same to the record and to the model; the invariants compare them."""

    runs = Bundle("runs")
    claims = Bundle("claims")
    db: octavo.Octavo
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[uuid.UUID, Held] = {}
        self.silent: set[uuid.UUID] = set()
        name = f"m-{uuid.uuid4().hex}"
        self.organization = self.do(self.db.organizations.create(name)).id
        self.view = self.db.organization(name)
        self.queue = Queue(self.db.record.system)
        steps = {"steps": [{"component": "count"}], "retry": {"attempts": ATTEMPTS}}
        self.do(self.view.pipelines.put("p", steps))

    def do(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    async def rows(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.db.record.system.fetch(statement, *arguments)]

    @rule(target=runs)
    def start(self) -> Held:
        held = Held(self.do(self.view.pipelines.start("p")).id)
        self.model[held.id] = held
        return held

    @rule(target=runs)
    def start_later(self) -> Held:
        held = Held(self.do(self.view.pipelines.start("p", delay_seconds=86_400)).id)
        held.state = "delayed"
        self.model[held.id] = held
        return held

    @rule(target=claims)
    def claim(self) -> Claimed | None:
        worker = uuid.uuid4()
        self.do(self.queue.beat(worker, [], draining=False))
        claimed = self.do(self.queue.claim(worker, [Wish(self.organization, 5, 0, 1)]))
        waiting = [held for held in self.model.values() if held.state == "queued"]
        assert bool(claimed) == bool(waiting)
        if not claimed:
            return None
        held = self.model[claimed[0].id]
        assert held.state == "queued"
        held.state, held.attempt, held.claim = "running", held.attempt + 1, claimed[0]
        self.worker_of = {**getattr(self, "worker_of", {}), (held.id, claimed[0].fence): worker}
        return claimed[0]

    @rule(claim=claims)
    def complete(self, claim: Claimed | None) -> None:
        if claim is not None:
            done = self.do(self.queue.finish([Ended(run=claim, state="completed", output=b"{}")]))
            self.expect(claim, done, "completed")

    @rule(claim=claims)
    def fail(self, claim: Claimed | None) -> None:
        if claim is not None:
            state = "dead" if claim.attempt >= claim.max_attempts else "delayed"
            given = Returned(run=claim, state=state, error=b'{"code": "x"}', seconds=86_400)
            self.expect(claim, self.do(self.queue.give_back([given])), state)

    @rule(claim=claims)
    def drain(self, claim: Claimed | None) -> None:
        if claim is not None:
            held = self.model[claim.id]
            counts = held.claim is claim
            self.expect(
                claim,
                self.do(self.queue.give_back([Returned(run=claim, state="queued", counted=False)])),
                "queued",
            )
            held.attempt -= counts

    @rule(claim=consumes(claims))
    def pause_a_worker_until_it_is_thought_dead(self, claim: Claimed | None) -> None:
        if claim is None:
            return
        worker = self.worker_of[claim.id, claim.fence]
        self.do(
            self.db.record.system.execute(
                "UPDATE octavo.run_worker SET seen_at = seen_at - interval '1 hour' WHERE id = $1", worker
            )
        )
        rescued = self.do(self.queue.rescue(GONE))
        held = self.model[claim.id]
        assert rescued == (1 if held.claim is claim else 0)
        if held.claim is claim:
            held.state = "dead" if held.attempt >= ATTEMPTS else "queued"
            held.claim = None
        late = self.do(self.queue.finish([Ended(run=claim, state="completed", output=b"{}")]))
        assert late == set()

    @rule()
    def a_day_goes_by(self) -> None:
        self.do(
            self.db.record.system.execute(
                "UPDATE octavo.run_delay SET due_at = due_at - interval '1 day 1 minute' WHERE organization_id = $1",
                self.organization,
            )
        )
        self.do(self.queue.queue_due())
        for held in self.model.values():
            if held.state == "delayed":
                held.state = "queued"

    @rule(held=runs)
    def cancel(self, held: Held) -> None:
        if held.state in OF_STATE:
            with pytest.raises(Conflict):
                self.do(self.view.runs.cancel(held.id))
            return
        self.do(self.view.runs.cancel(held.id))
        if held.state != "running":
            held.state = "cancelled"

    @rule(held=runs)
    def retry(self, held: Held) -> None:
        if held.state != "dead":
            with pytest.raises(Conflict):
                self.do(self.view.runs.retry(held.id))
            return
        self.do(self.view.runs.retry(held.id))
        held.state, held.attempt = "queued", 0

    @rule()
    def give_the_dead_up(self) -> None:
        dead = [held for held in self.model.values() if held.state == "dead"]
        assert self.do(self.view.runs.purge_dead()) == len(dead)
        for held in dead:
            held.state = "failed"

    def expect(self, claim: Claimed, accepted: set[uuid.UUID], state: str) -> None:
        """What a worker says counts if its claim is the one that counts, and else it changes nothing."""
        held = self.model[claim.id]
        assert accepted == ({claim.id} if held.claim is claim else set())
        if held.claim is claim:
            held.state, held.claim = state, None

    @invariant()
    def every_run_is_where_the_model_has_it(self) -> None:
        rows = self.do(self.rows(TICKETS, self.organization))
        ended = {row["id"]: row["state"] for row in self.do(self.rows(ENDED, self.organization))}

        assert {row["id"]: (row["state"], row["attempt"]) for row in rows} | ended == {
            held.id: held.state if held.state in OF_STATE else (held.state, held.attempt)
            for held in self.model.values()
        }

    @invariant()
    def every_run_that_has_not_ended_has_one_ticket_and_it_fits_its_state(self) -> None:
        for row in self.do(self.rows(TICKETS, self.organization)):
            kinds = [kind for kind in ("queued", "delayed", "running", "dead") for _ in range(row[kind])]
            assert kinds == [row["state"]]
        assert self.do(self.rows(STRAY, self.organization)) == [{"strays": 0}]

    @invariant()
    def every_stream_is_gapless_and_ends_as_its_run_did(self) -> None:
        streams = {row["stream"]: row for row in self.do(self.rows(EVENTS, self.organization))}
        for held in self.model.values():
            row = streams[f"run-{held.id}"]
            assert row["sequences"] == list(range(1, len(row["sequences"]) + 1))
            if held.state in OF_STATE:
                assert row["types"][-1] == OF_STATE[held.state]
                assert [kind for kind in row["types"] if kind in {"run.completed", "run.cancelled"}] in (
                    [OF_STATE[held.state]],
                    [],
                )


def test_no_order_of_calls_pauses_and_jumps_loses_or_doubles_a_run(server: Server, database: str):
    """S4-101, S4-103: no stale claim is ever accepted, and every run has one ticket or one end."""
    with asyncio.Runner() as runner:
        opened = octavo.open(
            url_of(server, "octavo_app", database),
            record_system=url_of(server, "octavo_system", database),
            background=False,
        )
        db = runner.run(opened.__aenter__())
        machine = type("Machine", (RunMachine,), {"db": db, "runner": runner})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=12, stateful_step_count=25, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )  # fmt: skip
        finally:
            runner.run(db.close())
