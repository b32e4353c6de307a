"""PostgreSQL and writers killed at random: what was acknowledged is there, and what is there is whole."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.errors import OctavoError
from octavo.postgres import server as embedded

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

CHECKS = {
    "versions without a body": """
        SELECT count(*) AS n FROM octavo.version AS v LEFT JOIN octavo.body AS b
            ON b.organization_id = v.organization_id AND b.hash = v.body_hash WHERE b.hash IS NULL""",
    "heads whose newest version is another": """
        SELECT count(*) AS n FROM octavo.document AS d WHERE d.version <> (
            SELECT max(v.number) FROM octavo.version AS v
            WHERE v.organization_id = d.organization_id AND v.document_id = d.id)""",
    "heads with a gap in their versions": """
        SELECT count(*) AS n FROM octavo.document AS d WHERE d.version <> (
            SELECT count(*) FROM octavo.version AS v
            WHERE v.organization_id = d.organization_id AND v.document_id = d.id)""",
    "heads whose events are not 1 … n": """
        SELECT count(*) AS n FROM octavo.document AS d WHERE d.event_sequence <> (
            SELECT count(DISTINCT e.sequence) FROM octavo.event AS e
            WHERE e.organization_id = d.organization_id AND e.stream = 'document-' || d.id)""",
    "streams whose positions do not rise": """
        SELECT count(*) AS n FROM (
            SELECT (epoch, position_xid, id) > lag((epoch, position_xid, id)) OVER (
                PARTITION BY organization_id, stream ORDER BY sequence) AS rises FROM octavo.event) AS e
        WHERE NOT rises""",
    "live documents without a filter row": """
        SELECT count(*) AS n FROM octavo.document AS d LEFT JOIN octavo.document_filter AS f
            ON f.organization_id = d.organization_id AND f.document_id = d.id
        WHERE (d.deleted_at IS NULL) <> (f.document_id IS NOT NULL)""",
}
WRITER = """
import asyncio, sys, random, octavo
async def main(data, seed):
    chance = random.Random(seed)
    async with octavo.open(data, background=False) as db:
        docs, known = db.documents, []
        print("ready", flush=True)
        while True:
            if not known or chance.random() < 0.4:
                doc = await docs.put("note", {"n": 0, "pad": "x" * chance.randrange(3000)})
                known.append(doc.id)
            else:
                doc = await docs.patch(chance.choice(known), {"$inc": {"n": 1}})
            print(doc.id, doc.version, doc.body["n"], flush=True)
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


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


async def test_no_acknowledged_write_is_lost_when_postgresql_is_killed(data, chance, record_property):
    acknowledged: dict[object, tuple[int, int]] = {}
    kills, refused = 20, 0
    async with octavo.open(data, background=False) as db:
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal refused
            doc = None
            while not stop.is_set():
                try:
                    if doc is None or chance.random() < 0.2:
                        doc = await db.documents.put("note", {"n": 0, "pad": "x" * chance.randrange(3000)})
                    else:
                        doc = await db.documents.patch(doc.id, {"$inc": {"n": 1}})
                    acknowledged[doc.id] = (doc.version, doc.body["n"])
                except OctavoError:
                    # Not acknowledged: it may have happened or not.
                    refused, doc = refused + 1, None
                    await asyncio.sleep(0.05)

        writers = [asyncio.create_task(write()) for _ in range(6)]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.1, 1.0))
            os.kill(embedded.status(data).pid, signal.SIGKILL)
            async with octavo.open(data, background=False):
                pass
        stop.set()
        await asyncio.gather(*writers)
        lost = [id for id, told in acknowledged.items() if not await _holds(db, id, told)]
        faults = await _faults(db)

    record_property("kills", kills)
    record_property("documents", len(acknowledged))
    record_property("acknowledged_writes", sum(version for version, _ in acknowledged.values()))
    record_property("refused_writes", refused)
    assert (lost, faults) == ([], {})


async def test_no_acknowledged_write_is_lost_when_writing_processes_are_killed(data, chance, record_property):
    acknowledged: dict[str, tuple[int, int]] = {}
    rounds = 12
    for number in range(rounds):
        writers = [_writer(data, chance.randrange(10**9)) for _ in range(2)]
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        if number % 3 == 2:
            os.kill(embedded.status(data).pid, signal.SIGKILL)
        for writer in writers:
            writer.kill()
            for line in writer.communicate()[0].splitlines():
                if len(told := line.split()) == 3:
                    acknowledged[told[0]] = (int(told[1]), int(told[2]))

    async with octavo.open(data, background=False) as db:
        lost = [id for id, told in acknowledged.items() if not await _holds(db, id, told)]
        faults = await _faults(db)

    record_property("kills", rounds * 2)
    record_property("acknowledged_writes", sum(version for version, _ in acknowledged.values()))
    assert (lost, faults) == ([], {})


def _writer(data: Path, seed: int) -> subprocess.Popen[str]:
    """A process that writes, and prints what was acknowledged."""
    command = [sys.executable, "-c", WRITER, str(data), str(seed)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


async def _holds(db: octavo.Octavo, id: object, told: tuple[int, int]) -> bool:
    """Whether the version that was acknowledged is there with what it said."""
    version, number = told
    doc = await db.documents.get(id, version=version)
    return json.loads(doc.raw_body)["n"] == number


async def _faults(db: octavo.Octavo) -> dict[str, int]:
    counted = {name: await db.record.system.fetchrow(check) for name, check in CHECKS.items()}
    return {name: row["n"] for name, row in counted.items() if row["n"]}
