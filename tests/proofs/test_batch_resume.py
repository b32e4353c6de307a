"""A pipeline over a thousand real pages, killed half-way, goes on without repeating a step that was finished."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

import octavo
from octavo.errors import PositionTimeout
from octavo.postgres import server as embedded

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

PAGES = 1_200
# Documentation as it lies on machines: HTML first, and plain pages where there are not enough of it.
PATTERNS = ("*.html", "*.htm", "*.md", "*.rst", "*.txt")
PLACES = (
    Path("/usr/share/doc"), Path("/usr/lib/node_modules"), Path.home() / ".rustup",
    Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib")),
)  # fmt: skip
WORKER = """
import asyncio, os, sys
import octavo
from octavo.components.fields import texts
from octavo.pipelines.worker import Worker

calls = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def called(given, step):
    os.write(calls, f"{given.run_id} {step}\\n".encode())

@octavo.component("words")
async def words(given: octavo.Given) -> dict:
    called(given, "words")
    return {"words": len(texts(given.document.body).split())}

@octavo.component("length")
async def length(given: octavo.Given) -> dict:
    called(given, "length")
    await asyncio.sleep(0.02)
    return {"is_long": given.outputs["words"]["words"] > 1000}

async def main(data):
    async with octavo.open(data, background=False, components=[words, length]) as db:
        means = db.worker()._means
        async with Worker(means, slots=20, beat_seconds=0.2, gone_seconds=1.5):
            await asyncio.Event().wait()
asyncio.run(main(sys.argv[1]))
"""
FINISHED = """
SELECT run_id, name FROM octavo.run_step
UNION ALL
SELECT id, step ->> 'name' FROM octavo.run_history, jsonb_array_elements(steps) AS step
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path that the server's own account can reach, with real durability."""
    made = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    embedded.destroy(made / "data", force=True)
    shutil.rmtree(made)


@pytest.fixture
def pages(place: Path) -> Path:
    """Pages that nobody wrote for this."""
    folder = place / "pages"
    found = (path for pattern in PATTERNS for above in PLACES for path in sorted(above.rglob(pattern)))
    fitting = (path for path in found if path.is_file() and 1_000 < path.stat().st_size < 200_000)
    for number, path in enumerate(islice(fitting, PAGES)):
        target = folder / f"{number % 20:02}" / f"{number:04}-{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


async def test_a_batch_over_real_pages_that_is_killed_half_way_repeats_no_finished_step(
    place, pages, record_property
):
    """S4-038, S4-103"""
    calls = place / "calls"
    async with octavo.open(place / "data", background=False, components=_declared()) as db:
        await db.ingest(pages)
        documents = [id async for id in db.documents.find().ids()]
        retry = {"attempts": 5, "first_seconds": 0.05, "most_seconds": 0.2}
        await db.pipelines.put(
            "read", {"steps": [{"component": "words"}, {"component": "length"}], "retry": retry}
        )
        # The pages alone: pipelines lie in a namespace of their own.
        batch = await db.batches.start("read", where={}, key="all pages")
        worker = _begin(place, calls)
        try:
            while (await db.batches.get(batch.id)).completed < len(documents) // 2:
                with suppress(PositionTimeout):
                    await db.batches.wait(batch.id, timeout_seconds=0.05)
        finally:
            worker.kill()
            worker.wait()
        half = await db.batches.get(batch.id)
        finished = {(str(row["run_id"]), row["name"]) for row in await db.record.system.fetch(FINISHED)}
        worker = _begin(place, calls)
        try:
            over = await db.batches.wait(batch.id, timeout_seconds=600)
        finally:
            worker.kill()
            worker.wait()

    counted = Counter(tuple(line.split()) for line in calls.read_text().splitlines())
    record_property("pages", len(documents))
    record_property("html_pages", sum(path.suffix in {".html", ".htm"} for path in pages.rglob("*")))
    record_property("completed_at_the_kill", half.completed)
    record_property("steps_finished_at_the_kill", len(finished))
    record_property("steps_begun_again", sum(n - 1 for n in counted.values()))
    assert 1_000 <= len(documents) == half.runs
    assert half.completed < len(documents)
    assert (over.state, over.completed, over.runs) == ("completed", len(documents), len(documents))
    assert {step: n for step, n in counted.items() if step in finished and n != 1} == {}
    assert len(counted) == 2 * len(documents)


def _declared() -> list[octavo.Component]:
    """The names and versions of the components, for the check of the pipeline; the worker has those that work."""

    @octavo.component("words")
    async def words(given: octavo.Given) -> dict[str, object]:
        raise AssertionError("no run is executed here")

    @octavo.component("length")
    async def length(given: octavo.Given) -> dict[str, object]:
        raise AssertionError("no run is executed here")

    return [words, length]


def _begin(place: Path, calls: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WORKER, str(place / "data"), str(calls)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
