"""Whoever fills engines is killed at random, and PostgreSQL too: every engine equals the record in the end."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.errors import OctavoError
from octavo.postgres import server as embedded

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

OCTAVO = Path(sys.executable).with_name("octavo")
PATIENCE_SECONDS = 120.0


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


class Programs:
    """Processes of the command line on one data directory, all of which are gone in the end."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`octavo --data … ARGUMENTS`."""
        started = subprocess.Popen(
            [OCTAVO, "--data", str(self._data), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(started)
        return started

    def worker(self) -> subprocess.Popen[bytes]:
        """One that fills engines."""
        return self.start("worker", "--role", "search", "--json")

    async def working(self) -> subprocess.Popen[bytes]:
        """A worker that says that it works."""
        started = self.worker()
        assert started.stdout is not None
        assert b"working" in await asyncio.to_thread(started.stdout.readline)
        return started

    def end(self) -> None:
        """Kill what is left."""
        for one in self._started:
            if one.poll() is None:
                one.kill()
            one.wait()
            if one.stdout is not None:
                one.stdout.close()


@pytest.fixture
def programs(data: Path) -> Iterator[Programs]:
    started = Programs(data)
    yield started
    started.end()


async def _written(db: octavo.Octavo, chance: random.Random, stop: asyncio.Event) -> int:
    """Write on and on, whatever dies; returns how many writes were acknowledged."""
    known: list[object] = []
    done = 0
    while not stop.is_set():
        try:
            if len(known) < 20 or chance.random() < 0.3:
                known.append((await db.documents.put("note", {"text": f"whales {done}"})).id)
            elif chance.random() < 0.3:
                await db.documents.delete(known.pop(chance.randrange(len(known))))
            else:
                await db.documents.patch(chance.choice(known), {"$inc": {"n": 1}})
            done += 1
        except OctavoError:
            await asyncio.sleep(0.05)
    return done


async def test_engines_equal_the_record_whoever_is_killed(data, chance, programs, record_property):
    kills = {"workers": 0, "promotions": 0, "postgresql": 0}
    url = f"tantivy:{data.parent / 'index'}"
    async with octavo.open(data, background=False) as db:
        stop = asyncio.Event()
        writing = [asyncio.create_task(_written(db, chance, stop)) for _ in range(3)]
        workers = [programs.worker() for _ in range(2)]
        promotion = None
        for _ in range(24):
            await asyncio.sleep(chance.uniform(0.2, 2.5))
            victim = chance.choice(sorted(kills))
            kills[victim] += 1
            if victim == "workers":
                place = chance.randrange(len(workers))
                workers[place].kill()
                workers[place] = programs.worker()
            elif victim == "promotions":
                if promotion is not None:
                    promotion.kill()
                aim = url if chance.random() < 0.6 else "postgres"
                promotion = programs.start("engines", "promote", "search", aim)
            else:
                os.kill(embedded.status(data).pid, signal.SIGKILL)
                async with octavo.open(data, background=False):
                    pass
        stop.set()
        writes = sum(await asyncio.gather(*writing))
        if promotion is not None:
            promotion.kill()
            promotion.wait()
        engines = await db.engines.list()
        found = [
            await db.engines.verify(one.role, one.url, timeout_seconds=PATIENCE_SECONDS)
            for one in engines
            if one.role == "search" and one.state != "retired"
        ]

    for name, number in kills.items():
        record_property(f"killed_{name}", number)
    record_property("acknowledged_writes", writes)
    record_property("documents", found[0].total.documents)
    assert [one.as_dict() for one in found if not one.is_equal] == []
    assert sum(one.state == "live" for one in engines if one.role == "search") == 1


async def test_another_worker_takes_over_when_one_is_killed(data, chance, programs, record_property):
    seconds: list[float] = []
    async with octavo.open(data, background=False) as db:
        workers = [await programs.working(), await programs.working()]
        for number in range(6):
            made = await db.documents.put("note", {"text": f"before{number}"})
            await db.search(f"before{number}", after=made.position, wait_seconds=PATIENCE_SECONDS)
            place = chance.randrange(2)
            workers[place].kill()
            begun = time.monotonic()
            made = await db.documents.put("note", {"text": f"after{number}"})
            hits = await db.search(f"after{number}", after=made.position, wait_seconds=PATIENCE_SECONDS)
            seconds.append(time.monotonic() - begun)
            assert [hit.id for hit in hits.hits] == [made.id]
            workers[place] = await programs.working()

    record_property("longest_takeover_seconds", round(max(seconds), 1))
    assert max(seconds) < PATIENCE_SECONDS
