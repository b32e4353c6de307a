"""The upkeep in the background: what is due is done by one process, recorded, shown, and stops when it is told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import octavo
from octavo.cli.main import app
from octavo.errors import Contention
from octavo.operations import maintenance, upkeep
from octavo.operations.task import Bounds, Done, Task
from octavo.operations.upkeep import Upkeep
from octavo.postgres.record import Record
from octavo.store import organizations
from tests.database.conftest import documents_for
from tests.databases import settings_of

PAST = datetime(2026, 1, 1, tzinfo=UTC)


class Work:
    """A task that notes what it was asked, and answers as it is told."""

    def __init__(self, name: str = "sweep", answer: Any = None) -> None:
        self.asked: list[Bounds] = []
        self.answer = answer
        self.done = asyncio.Event()
        self.task = Task(name, 3600.0, self.run)

    async def run(self, bounds: Bounds) -> Done:
        self.asked.append(bounds)
        self.done.set()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer or Done(task=self.task.name, dry_run=False, examined=7, changed=3)


async def make_due(record: Record, task: str = "sweep") -> None:
    await record.system.execute(
        "INSERT INTO octavo.upkeep (task, due_at) VALUES ($1, '-infinity')"
        " ON CONFLICT (task) DO UPDATE SET due_at = '-infinity'",
        task,
    )


async def waits_seconds(record: Record, task: str = "sweep") -> float:
    row = await record.system.fetchrow(
        "SELECT extract(EPOCH FROM due_at - clock_timestamp())::float8 AS seconds FROM octavo.upkeep WHERE task = $1",
        task,
    )
    assert row is not None
    return float(row["seconds"])


async def test_what_is_due_is_done_and_recorded(fresh_record: Record):
    work = Work()
    await make_due(fresh_record)

    await Upkeep(fresh_record.system, [work.task]).step()

    [last] = await upkeep.last_runs(fresh_record.system)
    assert (last.task, last.examined, last.changed, last.error) == ("sweep", 7, 3, None)
    assert last.ended_at is not None
    assert last.started_at is not None
    assert last.started_at <= last.ended_at < last.due_at
    assert 3600 * 0.89 < await waits_seconds(fresh_record) < 3600 * 1.11


async def test_what_is_not_due_is_left_alone(fresh_record: Record):
    work = Work()
    caretaker = Upkeep(fresh_record.system, [work.task])
    await make_due(fresh_record)

    await caretaker.step()
    await caretaker.step()

    assert len(work.asked) == 1


async def test_the_first_run_of_a_task_comes_some_time_in_its_first_round(fresh_record: Record):
    await Upkeep(fresh_record.system, [Work().task]).step()

    [last] = await upkeep.last_runs(fresh_record.system)
    assert last.ended_at is None
    assert -1 < await waits_seconds(fresh_record) <= 3600


async def test_of_many_processes_one_does_what_is_due(fresh_record: Record):
    works = [Work() for _ in range(6)]
    await make_due(fresh_record)

    await asyncio.gather(*(Upkeep(fresh_record.system, [work.task]).step() for work in works))

    assert sum(len(work.asked) for work in works) == 1


async def test_a_run_that_stopped_at_its_limit_goes_on_soon_where_it_stopped(fresh_record: Record):
    work = Work(answer=Done(task="sweep", dry_run=False, examined=9, changed=0, after="there"))
    caretaker = Upkeep(fresh_record.system, [work.task])
    await make_due(fresh_record)
    await caretaker.step()
    soon = await waits_seconds(fresh_record)
    await make_due(fresh_record)
    await caretaker.step()

    assert soon < 10
    assert [bounds.after for bounds in work.asked] == [None, "there"]
    assert all(bounds.limit <= 20_000 and not bounds.dry_run for bounds in work.asked)


async def test_a_task_that_fails_is_recorded_and_keeps_no_other_from_its_turn(fresh_record: Record):
    failing = Work("a_failing", Contention("the log is locked"))
    sound = Work("b_sound")
    for work in (failing, sound):
        await make_due(fresh_record, work.task.name)

    await Upkeep(fresh_record.system, [failing.task, sound.task]).step()

    first, second = await upkeep.last_runs(fresh_record.system)
    assert "the log is locked" in (first.error or "")
    assert second.changed == 3
    assert await waits_seconds(fresh_record, "a_failing") < 70


async def test_it_starts_and_stops_twice_or_never(fresh_record: Record):
    work = Work()
    caretaker = Upkeep(fresh_record.system, [work.task], look_seconds=0.01)
    await caretaker.stop()
    for _ in range(2):
        work.done.clear()
        await make_due(fresh_record)
        caretaker.start()
        caretaker.start()
        await asyncio.wait_for(work.done.wait(), 20)
        await caretaker.stop()
        await caretaker.stop()

    assert not caretaker.is_running
    assert len(work.asked) == 2


async def test_a_task_that_hangs_does_not_keep_a_database_from_closing(fresh_record: Record):
    hanging = Work()

    async def hang(bounds: Bounds) -> Done:
        hanging.done.set()
        await asyncio.Event().wait()
        raise AssertionError(bounds)

    caretaker = Upkeep(fresh_record.system, [Task("sweep", 3600.0, hang)], look_seconds=0.01)
    await make_due(fresh_record)
    caretaker.start()
    await asyncio.wait_for(hanging.done.wait(), 20)

    await caretaker.stop(grace_seconds=0.05)

    assert not caretaker.is_running


async def test_every_task_of_maintenance_runs_in_the_background(fresh_record: Record, tmp_path: Path):
    """S3-060, S3-065: examined and changed are told for each."""
    from octavo.engines.blobs.files import FileBlobs  # noqa: PLC0415 - what the database itself would bring

    docs = documents_for(fresh_record, await organizations.create(fresh_record.system, "acme"))
    await docs.put("session", {"n": 1}, expires_at=PAST)
    tasks = maintenance.tasks(fresh_record.system, FileBlobs(tmp_path))
    for task in tasks:
        await make_due(fresh_record, task.name)

    await Upkeep(fresh_record.system, tasks).step()

    runs = {last.task: last for last in await upkeep.last_runs(fresh_record.system)}
    assert set(runs) == {
        "partitions", "expiry", "events", "queries", "answers", "figures", "batches", "bodies", "gate", "blobs",
    }  # fmt: skip
    assert [last.task for last in runs.values() if last.error or last.ended_at is None] == []
    assert runs["expiry"].changed == 1


async def test_an_open_database_expires_documents_by_itself(server: Any, fresh_database: str, tmp_path: Path):
    """S2-042"""
    settings = settings_of(server, fresh_database, blobs=f"file:{tmp_path}")
    db = octavo.Octavo(settings)
    async with db:
        caretaker = db.upkeep
        assert caretaker.is_running
        document = await db.documents.put("session", {"n": 1}, expires_at=PAST)
        await make_due(db.record, "expiry")
        await caretaker.step()

        assert (await db.documents.get(document.id, deleted=True)).version == 2
    assert not caretaker.is_running


async def test_a_database_without_background_does_nothing_by_itself(
    server: Any, fresh_database: str, tmp_path: Path
):
    settings = settings_of(server, fresh_database, blobs=f"file:{tmp_path}")
    async with octavo.Octavo(settings, background=False) as db:
        assert not db.upkeep.is_running


async def test_maintenance_on_demand_is_recorded_and_a_dry_run_is_not(
    server: Any, fresh_database: str, tmp_path: Path
):
    settings = settings_of(server, fresh_database, blobs=f"file:{tmp_path}")
    async with octavo.Octavo(settings, background=False) as db:
        told = await db.maintain(dry_run=True)
        before = await upkeep.last_runs(db.record.system)
        done = await db.maintain()
        after = await upkeep.last_runs(db.record.system)

    assert [one.task for one in told] == [one.task for one in done]
    assert before == []
    assert {last.task for last in after} == {one.task for one in done}


async def test_a_transaction_that_holds_readers_back_is_told(
    fresh_record: Record, caplog: pytest.LogCaptureFixture
):
    async with fresh_record.app.transaction() as open_transaction:
        await open_transaction.execute("SELECT pg_current_xact_id()")
        done = await maintenance.watch_gate(fresh_record.system, older_than_seconds=0.0)

    assert (done.task, done.examined) == ("gate", 1)
    assert "octavo_app" in (done.waits or "")
    assert "readers of the log are held back by process" in caplog.text


def test_the_last_runs_are_shown(tmp_path: Path):
    data = ["--data", str(tmp_path / "data")]
    runner = CliRunner()
    try:
        done = runner.invoke(app, [*data, "maintain", "--json"])
        shown = runner.invoke(app, [*data, "status", "--json"])
        for_people = runner.invoke(app, [*data, "status"])
    finally:
        runner.invoke(app, [*data, "destroy", "--yes"])

    assert [one["task"] for one in json.loads(done.stdout)] == [
        "partitions", "expiry", "events", "queries", "answers", "figures", "batches", "bodies", "gate", "blobs",
        "engines",
    ]  # fmt: skip
    assert {one["task"] for one in json.loads(shown.stdout)["upkeep"]} >= {"expiry", "bodies"}
    assert "upkeep: expiry" in for_people.stdout
