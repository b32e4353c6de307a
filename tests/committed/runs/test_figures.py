"""Figures are added up once, and an answer is the same whether that was done already or not."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import octavo
from octavo.errors import OctavoError
from octavo.pipelines.figures import FigureUpkeep, add_up
from octavo.pipelines.starting.batches import settle
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.testing.clock import FakeClock
from octavo.workspace import Workspace
from tests.committed.runs import past
from tests.committed.runs.past import NOW, Made
from tests.databases import administrator

statistics = load("octavo.pipelines", "statistics.sql")
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%run_figure_cursor AS stored%'
"""
TIMES: list[tuple[datetime, datetime | None]] = [
    (NOW - timedelta(days=4), None),
    (NOW - timedelta(days=1), None),
    (NOW - timedelta(days=2, minutes=17, seconds=13), NOW - timedelta(hours=2, seconds=1)),
    (NOW - timedelta(seconds=50), NOW - timedelta(seconds=1)),
    (
        NOW.replace(hour=10, minute=0, second=0, microsecond=0),
        NOW.replace(hour=13, minute=0, second=0, microsecond=0),
    ),
    (NOW, NOW),
]


@pytest.fixture
async def other(db: octavo.Octavo) -> Workspace:
    created = await db.organizations.create(f"other-{random.getrandbits(64):x}")
    return db.organization(created.name)


async def made(chance: random.Random, view: Workspace, db: octavo.Octavo, runs: int) -> list[Made]:
    """Runs of an organization by chance, put into the record in a few transactions."""
    known = await past.pipelines(view)
    row = await db.record.system.fetchrow(
        "SELECT organization_id FROM octavo.document WHERE id = $1", known["p", 1]
    )
    assert row is not None
    organization = row["organization_id"]
    invented = past.invent(chance, organization, known, runs)
    for place in range(0, runs, 100):
        await past.put(db.record.system, invented[place : place + 100])
    return invented


async def agree(view: Workspace, runs: list[Made]) -> None:
    """Questions have the answers that are counted from the runs."""
    for place, (since, until) in enumerate(TIMES):
        pipeline = (None, "p")[place % 2]
        asked: dict[str, Any] = {"since": since, "until": until}
        meant = past.within(runs, since, until, pipeline)
        for by in ("pipeline", "organization"):
            past.agree_on_runs(await view.pipelines.stats(pipeline, by=by, **asked), meant, by)  # type: ignore[call-overload]
        for by in ("component", "model"):
            past.agree_on_steps(await view.pipelines.stats(pipeline, by=by, **asked), meant, by)  # type: ignore[call-overload]


async def add_all(system: Pool) -> int:
    """Add up to the end; gives how many runs were added."""
    added = 0
    while True:
        done = await add_up(system)
        added += done.runs
        if not done.more:
            return added


@pytest.mark.parametrize("seed", range(2))
async def test_an_answer_is_what_is_counted_from_the_runs_however_many_are_added_up(
    seed: int, acme: Workspace, other: Workspace, db: octavo.Octavo
):
    """S4-035"""
    chance = random.Random(seed)
    runs = await made(chance, acme, db, 400)
    theirs = await made(chance, other, db, 100)

    await agree(acme, runs)
    await add_up(db.record.system, events=chance.randrange(50, 400))
    await agree(acme, runs)
    await add_all(db.record.system)
    await agree(acme, runs)
    await agree(other, theirs)
    later = past.invent(chance, runs[0]["organization"], {("p", 1): runs[0]["pipeline_id"]}, 50)
    await past.put(db.record.system, later)
    await agree(acme, runs + later)


async def test_several_that_add_up_at_once_add_every_run_once(acme: Workspace, db: octavo.Octavo):
    await add_all(db.record.system)
    runs = await made(random.Random(7), acme, db, 300)
    ended = sum(run["state"] in {"completed", "failed", "cancelled"} for run in runs)

    added = 0
    while added < ended:
        # Each reads the cursor before any has moved it; all but one change nothing.
        pieces = await asyncio.gather(*(add_up(db.record.system, events=60) for _ in range(4)))
        added += sum(piece.runs for piece in pieces)

    assert added == ended
    await agree(acme, runs)


async def waiting(system: Pool) -> int:
    """The process of the server that waits to move the cursor."""
    while (row := await system.fetchrow(WAITING)) is None:  # noqa: ASYNC110 - a server tells no event
        await asyncio.sleep(0.01)
    return int(row["pid"])


async def test_one_who_waited_for_another_adds_nothing(acme: Workspace, db: octavo.Octavo):
    system = db.record.system
    await add_all(system)
    runs = await made(random.Random(8), acme, db, 50)
    stands = await system.fetchrow(statistics.cursor)
    assert stands is not None

    async with system.transaction() as leader:
        first = await leader.fetchrow(
            statistics.add_up, stands["epoch"], stands["position_xid"], stands["position_id"], 10_000
        )
        second = asyncio.create_task(add_up(system))
        await waiting(system)
    assert first is not None
    assert first["runs"] > 0

    done = await second
    assert (done.runs, done.more) == (0, False)
    await agree(acme, runs)


async def test_one_who_is_killed_in_between_has_added_nothing(
    acme: Workspace, db: octavo.Octavo, database: str, server: Any
):
    system = db.record.system
    await add_all(system)
    runs = await made(random.Random(9), acme, db, 50)

    async with administrator(server, database) as admin, admin.transaction():
        await admin.execute("SELECT FROM octavo.run_figure_cursor FOR UPDATE")
        killed = asyncio.create_task(add_up(system))
        await admin.execute("SELECT pg_terminate_backend($1)", await waiting(system))
        with pytest.raises(OctavoError):
            await killed
    await agree(acme, runs)

    assert await add_all(system) > 0
    await agree(acme, runs)


async def test_what_ended_behind_a_transaction_that_is_still_open_is_counted_and_added_later(
    acme: Workspace, db: octavo.Octavo
):
    system = db.record.system
    await add_all(system)

    async with system.transaction() as writer:
        await writer.fetchrow("SELECT pg_current_xact_id()")
        runs = await made(random.Random(10), acme, db, 50)
        assert await add_all(system) == 0
        await agree(acme, runs)
    assert await add_all(system) > 0
    await agree(acme, runs)


async def test_a_run_that_died_and_was_retried_counts_once_it_has_ended(acme: Workspace, db: octavo.Octavo):
    """S4-035"""
    await acme.pipelines.put("q", {"steps": [{"component": "fail"}], "retry": {"attempts": 2}})
    dead = await acme.pipelines.run("q", clock=FakeClock())
    await add_all(db.record.system)
    (before,) = await acme.pipelines.stats("q")

    await acme.runs.retry(dead.id)
    await acme.runs.cancel(dead.id)
    await add_all(db.record.system)
    (after,) = await acme.pipelines.stats("q")

    assert (before.runs, before.dead, before.cancelled) == (1, 1, 0)
    assert (after.runs, after.dead, after.cancelled) == (1, 0, 1)


async def test_the_dead_that_are_purged_have_failed_at_their_step(acme: Workspace, db: octavo.Octavo):
    await acme.pipelines.put("q", {"steps": [{"component": "fail"}], "retry": {"attempts": 1}})
    await acme.pipelines.run("q", clock=FakeClock())
    await acme.runs.purge_dead(older_than=timedelta(0))
    (counted,) = await acme.pipelines.stats(by="component")

    await add_all(db.record.system)

    assert counted.failed == 1
    assert await acme.pipelines.stats(by="component") == [counted]


async def test_figures_stay_when_the_runs_of_an_old_batch_are_removed(acme: Workspace, db: octavo.Octavo):
    await acme.pipelines.put("double", [{"component": "double"}])
    documents = [(await acme.documents.put("note", {"number": n})).id for n in range(3)]
    batch = await acme.batches.start("double", documents)
    async with db.worker():
        await acme.batches.wait(batch.id, timeout_seconds=60)
    await add_all(db.record.system)
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    before = await acme.pipelines.stats("double", since=since)

    await settle(await acme._bind(), batch.id)
    await acme.batches.purge(older_than=timedelta(0))

    assert (await acme.batches.get(batch.id)).purged_at is not None
    assert before[0].completed == 3
    assert await acme.pipelines.stats("double", since=since) == before


async def test_whoever_leads_adds_up_and_then_waits_a_while(acme: Workspace, db: octavo.Octavo):
    await add_all(db.record.system)
    upkeep = FigureUpkeep(db.record.system, pause_seconds=3_600)
    await made(random.Random(11), acme, db, 20)

    assert await upkeep.step() is False
    await made(random.Random(12), acme, db, 20)
    assert await upkeep.step() is False

    # The second time it was too early.
    assert await add_all(db.record.system) > 0
