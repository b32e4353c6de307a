"""The states of a run as a plain model: workers that pause, clocks that jump, documents that change, in any order."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
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
from octavo.pipelines.queueing.queue import Claimed, Ended, Queue, Returned, Steps, Wish
from octavo.postgres.server import Server
from octavo.values.run import STATES, StepDone
from tests.databases import url_of

# Longer than any order takes, whatever else the machine does: only who is said to be gone is gone.
GONE = 86_400.0
ATTEMPTS = 3
TICKETS = """
SELECT run.id, run.state::text, run.attempt, run.fence, run.document_version,
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
    SELECT run_id FROM octavo.run_step WHERE organization_id = $1 UNION ALL
    SELECT run_id FROM octavo.run_dead WHERE organization_id = $1) AS ticket
WHERE NOT EXISTS (SELECT FROM octavo.run WHERE id = ticket.run_id)
"""
ENDED = "SELECT id, state::text, document_version FROM octavo.run_history WHERE organization_id = $1"
EVENTS = """
SELECT stream, array_agg(sequence ORDER BY position_xid, id) AS sequences,
    array_agg(type ORDER BY position_xid, id) AS types
FROM octavo.event WHERE organization_id = $1 AND stream LIKE 'run-%' GROUP BY stream
"""
OF_STATE = {"completed": "run.completed", "cancelled": "run.cancelled", "failed": "run.failed"}
A_DAY_GOES_BY = """
UPDATE octavo.run_delay SET due_at = due_at - interval '1 day 1 minute' WHERE organization_id = $1
"""


class Held:
    """A run as the model knows it: its state, its attempts, the claim that counts, and what it is about."""

    def __init__(
        self,
        id: uuid.UUID,
        *,
        key: str | None = None,
        document: uuid.UUID | None = None,
        version: int | None = None,
    ) -> None:
        self.id = id
        self.key = key
        self.document = document
        self.version = version
        self.state = "queued"
        self.attempt = 0
        self.was_begun = False
        self.claim: Claimed | None = None


class RunMachine(RuleBasedStateMachine):
    """Every rule does the same to the record and to the model; the invariants compare them."""

    runs = Bundle("runs")
    claims = Bundle("claims")
    documents = Bundle("documents")
    db: octavo.Octavo
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[uuid.UUID, Held] = {}
        self.versions: dict[uuid.UUID, int] = {}
        self.worker_of: dict[tuple[uuid.UUID, int], uuid.UUID] = {}
        name = f"m-{uuid.uuid4().hex}"
        self.organization = self.do(self.db.organizations.create(name)).id
        self.view = self.db.organization(name)
        self.queue = Queue(self.db.record.system)
        steps = {"steps": [{"component": "count"}], "retry": {"attempts": ATTEMPTS}}
        self.do(self.view.pipelines.put("p", steps))
        self.do(self.view.triggers.put("t", "p", type="note", debounce_seconds=600))

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

    @rule(key=st.sampled_from(["a", "b"]))
    def start_once(self, key: str) -> None:
        holders = [h for h in self.model.values() if h.key == key and h.state not in {*OF_STATE, "dead"}]
        run = self.do(self.view.pipelines.start("p", unique_key=key))
        assert [h.id for h in holders] == ([] if run.changed else [run.id])
        if run.changed:
            self.model[run.id] = Held(run.id, key=key)

    @rule(target=documents)
    def a_document_arrives(self) -> uuid.UUID:
        document: uuid.UUID = self.do(self.view.documents.put("note", {"n": 1})).id
        self.versions[document] = 1
        self.has_changed(document)
        return document

    @rule(document=documents)
    def a_document_changes(self, document: uuid.UUID) -> None:
        changed = self.do(self.view.documents.patch(document, {"$inc": {"n": 1}}))
        self.versions[document] = changed.version
        self.has_changed(document)

    def has_changed(self, document: uuid.UUID) -> None:
        """A run that nobody has begun is about the newest version now; without one there is a new one."""
        version = self.versions[document]
        waiting = [
            held
            for held in self.model.values()
            if held.document == document and held.state in {"queued", "delayed"} and not held.was_begun
        ]
        for held in waiting:
            held.version = version
        if not waiting:
            (run,) = [
                run
                for run in self.do(self.view.runs.list(document=document)).runs
                if run.id not in self.model
            ]
            held = Held(run.id, document=document, version=version)
            held.state = "delayed"
            self.model[run.id] = held

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
        assert (held.state, held.version) == ("queued", claimed[0].document_version)
        held.state, held.attempt, held.claim, held.was_begun = "running", held.attempt + 1, claimed[0], True
        self.worker_of[held.id, claimed[0].fence] = worker
        return claimed[0]

    @rule(claim=claims)
    def keep_a_step(self, claim: Claimed | None) -> None:
        if claim is None:
            return
        scope = self.do(self.view._bind())
        kept = self.do(Steps(scope).keep(claim, done_by(claim), b"{}"))
        assert kept == (self.model[claim.id].claim is claim)

    @rule(claim=claims)
    def complete(self, claim: Claimed | None) -> None:
        if claim is not None:
            end = Ended(run=claim, state="completed", output=b"{}", steps=[done_by(claim)])
            self.expect(claim, self.do(self.queue.finish([end])), "completed")

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
            given = Returned(run=claim, state="queued", counted=False)
            self.expect(claim, self.do(self.queue.give_back([given])), "queued")
            held.attempt -= counts

    @rule(claim=consumes(claims))
    def pause_a_worker_until_it_is_thought_dead(self, claim: Claimed | None) -> None:
        if claim is None:
            return
        worker = self.worker_of[claim.id, claim.fence]
        self.do(
            self.db.record.system.execute(
                "UPDATE octavo.run_worker SET seen_at = seen_at - interval '2 days' WHERE id = $1", worker
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
        self.do(self.db.record.system.execute(A_DAY_GOES_BY, self.organization))
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
        ended = self.do(self.rows(ENDED, self.organization))

        assert {row["id"]: (row["state"], row["attempt"], row["document_version"]) for row in rows} | {
            row["id"]: (row["state"], row["document_version"]) for row in ended
        } == {
            held.id: (held.state, held.version)
            if held.state in OF_STATE
            else (held.state, held.attempt, held.version)
            for held in self.model.values()
        }
        assert len(rows) + len(ended) == len(self.model)

    @invariant()
    def every_run_that_has_not_ended_has_one_ticket_and_it_fits_its_state(self) -> None:
        for row in self.do(self.rows(TICKETS, self.organization)):
            kinds = [kind for kind in ("queued", "delayed", "running", "dead") for _ in range(row[kind])]
            assert kinds == [row["state"]]
        assert self.do(self.rows(STRAY, self.organization)) == [{"strays": 0}]

    @invariant()
    def every_stream_is_gapless_and_ends_as_its_run_did(self) -> None:
        streams = {row["stream"]: row for row in self.do(self.rows(EVENTS, self.organization))}
        assert len(streams) == len(self.model)
        for held in self.model.values():
            row = streams[f"run-{held.id}"]
            assert row["sequences"] == list(range(1, len(row["sequences"]) + 1))
            ends = [kind for kind in row["types"] if kind in {"run.completed", "run.cancelled"}]
            assert ends == ([OF_STATE[held.state]] if held.state in {"completed", "cancelled"} else [])
            if held.state in OF_STATE:
                assert row["types"][-1] == OF_STATE[held.state]

    @invariant()
    def the_newest_version_of_every_document_has_its_run(self) -> None:
        about = {(held.document, held.version) for held in self.model.values()}
        assert set(self.versions.items()) <= about

    @invariant()
    def what_is_counted_is_what_there_is(self) -> None:
        expected = Counter(held.state for held in self.model.values())
        stats = self.do(self.view.pipelines.stats("p", since=datetime(2020, 1, 1, tzinfo=UTC)))
        assert [{state: getattr(one, state) for state in STATES} for one in stats] == (
            [{state: expected[state] for state in STATES}] if self.model else []
        )


def done_by(claim: Claimed) -> StepDone:
    """The step of an attempt, as its worker tells of it."""
    moment = datetime.now(UTC)
    return StepDone(name="count", attempt=claim.attempt, started_at=moment, ended_at=moment)


def explore(server: Server, database: str, *, examples: int, steps: int, number: int | None = None) -> None:
    """Try orders of rules, `examples` times at most `steps` of them; from the seed `number` if one is given."""
    with asyncio.Runner() as runner:
        opened = octavo.open(
            url_of(server, "octavo_app", database),
            record_system=url_of(server, "octavo_system", database),
            background=False,
        )
        db = runner.run(opened.__aenter__())
        machine = type("Machine", (RunMachine,), {"db": db, "runner": runner})
        limits = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(machine if number is None else seed(number)(machine), settings=limits)
        finally:
            runner.run(db.close())
