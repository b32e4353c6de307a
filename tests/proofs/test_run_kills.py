"""Workers and PostgreSQL killed and paused at random: every run ends once in effect, and the log says the same."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import octavo
from octavo.errors import OctavoError
from octavo.postgres import server as embedded

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

WORKER = """
import asyncio, sys
import octavo
from octavo.pipelines.worker import Worker

@octavo.component("flaky")
async def flaky(given: octavo.Given) -> dict:
    await asyncio.sleep(0.2 * (given.run_id.int % 5))
    if given.run_id.int % 7 == 0 and given.attempt == 1:
        raise RuntimeError("the first time")
    return {"n": given.document.body["n"] + 1}

async def main(data):
    async with octavo.open(data, background=False, components=[flaky]) as db:
        means = db.worker()._means
        async with Worker(means, slots=10, beat_seconds=0.2, gone_seconds=1.5):
            await asyncio.Event().wait()
asyncio.run(main(sys.argv[1]))
"""
RUNS, ORGANIZATIONS, WORKERS = 1_500, 3, 3
CHECKS = {
    "documents that were written not exactly once": """
        SELECT count(*) AS n FROM octavo.document WHERE type = 'note' AND version <> 2""",
    "runs without exactly one completion in the log": """
        SELECT count(*) AS n FROM octavo.run_history AS run WHERE 1 <> (
            SELECT count(*) FROM octavo.event WHERE event.organization_id = run.organization_id
                AND stream = 'run-' || run.id AND type = 'run.completed')""",
    "runs whose events are not 1 … n in the order of the log": """
        SELECT count(*) AS n FROM (
            SELECT sequence, row_number() OVER (
                PARTITION BY organization_id, stream ORDER BY epoch, position_xid, id) AS place
            FROM octavo.event WHERE stream LIKE 'run-%') AS placed WHERE sequence <> place""",
    "runs of which history and log count other attempts": """
        SELECT count(*) AS n FROM octavo.run_history AS run WHERE attempt > (
            SELECT count(*) FROM octavo.event WHERE event.organization_id = run.organization_id
                AND stream = 'run-' || run.id AND type = 'run.started')""",
    "what is left of runs that ended": """
        SELECT (SELECT count(*) FROM octavo.run) + (SELECT count(*) FROM octavo.run_queue)
            + (SELECT count(*) FROM octavo.run_delay) + (SELECT count(*) FROM octavo.run_lease)
            + (SELECT count(*) FROM octavo.run_step) AS n""",
    "runs that ended otherwise": "SELECT count(*) AS n FROM octavo.run_history WHERE state <> 'completed'",
}


@pytest.fixture
def chance() -> random.Random:
    """Everything random in a proof comes from its seed."""
    return random.Random(int(os.environ.get("OCTAVO_SEED", "1")))


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory with real durability."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder)


async def test_every_run_ends_once_in_effect_whatever_is_killed(data, chance, record_property):
    """S4-101, S4-103"""
    killed = {"worker": 0, "server": 0, "paused": 0}
    async with octavo.open(data, background=False, components=[_flaky()]) as db:
        await _start(db)
        workers = [_begin(data) for _ in range(WORKERS)]
        try:
            while await _left(db):
                await asyncio.sleep(chance.uniform(0.1, 0.6))
                what = chance.choices(["worker", "paused", "server", "none"], [3, 4, 2, 1])[0]
                killed[what] = killed.get(what, 0) + 1
                if what == "server" and (server := embedded.status(data).pid) is not None:
                    os.kill(server, signal.SIGKILL)
                elif what == "paused":
                    await _pause(chance.choice(workers), chance.uniform(0.5, 3.0))
                elif what == "worker":
                    place = chance.randrange(WORKERS)
                    _kill(workers[place])
                # One that came while there was no server is gone too.
                workers = [_begin(data) if one.poll() is not None else one for one in workers]
        finally:
            for worker in workers:
                _kill(worker)
        faults = await _faults(db)
        (history,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.run_history")

    record_property("runs", RUNS)
    for name in ("worker", "server", "paused"):
        record_property(f"kills_{name}", killed[name])
    assert (faults, history["n"]) == ({}, RUNS)


async def _start(db: octavo.Octavo) -> None:
    for number in range(ORGANIZATIONS):
        await db.organizations.create(f"o{number}")
        view = db.organization(f"o{number}")
        steps = [{"component": "count"}, {"component": "flaky", "into": "out"}]
        # Whoever is killed often must not run out of attempts: this proof is of effects, not of patience.
        retry = {"attempts": 100, "first_seconds": 0.05, "most_seconds": 0.2}
        await view.pipelines.put("p", {"steps": steps, "retry": retry})
        notes = [{"type": "note", "body": {"n": n}} for n in range(RUNS // ORGANIZATIONS)]
        await view.pipelines.start_many("p", [doc.id for doc in await view.documents.put_many(notes)])


def _flaky() -> octavo.Component:
    """The component's name and version, for the check of the pipeline; workers have the one that works."""

    @octavo.component("flaky")
    async def flaky(given: octavo.Given) -> dict[str, object]:
        raise AssertionError("no run is executed here")

    return flaky


def _begin(data: Path) -> subprocess.Popen[bytes]:
    """A process that executes runs."""
    command = [sys.executable, "-c", WORKER, str(data)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()


async def _pause(worker: subprocess.Popen[bytes], seconds: float) -> None:
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    worker.send_signal(signal.SIGCONT)


async def _left(db: octavo.Octavo) -> bool:
    """Whether runs are left that have not ended; True while nobody answers."""
    with suppress(OctavoError):
        return bool(await db.record.system.fetch("SELECT FROM octavo.run LIMIT 1"))
    return True


async def _faults(db: octavo.Octavo) -> dict[str, int]:
    counted = {name: await db.record.system.fetchrow(check) for name, check in CHECKS.items()}
    return {name: row["n"] for name, row in counted.items() if row["n"]}
