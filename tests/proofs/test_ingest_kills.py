"""An ingest killed at random and begun again ends as one that nobody disturbed."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.postgres import server as embedded
from octavo.workspace import Workspace

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]

FILES = 1_000
KILLS = 6
PATTERNS = ("*.md", "*.txt", "*.rst", "METADATA", "LICENSE*", "*.html", "*.py", "*.pyi")
PLACES = (Path("/usr/share/doc"), Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib")))
INGEST = """
import asyncio, sys, octavo
def tell(reached):
    print(reached.bytes, flush=True)
async def main(data, organization, folder):
    async with octavo.open(data, background=False) as db:
        await db.organization(organization).ingest(folder, progress=tell)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def chance() -> random.Random:
    """Everything random in a proof comes from its seed."""
    return random.Random(int(os.environ.get("OCTAVO_SEED", "1")))


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path that the server's own account can reach, with real durability."""
    made = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    embedded.destroy(made / "data", force=True)
    shutil.rmtree(made)


@pytest.fixture
def tree(place: Path) -> Path:
    """Texts of this machine that nobody wrote for this: documentation first, then programs."""
    folder = place / "tree"
    texts = (path for pattern in PATTERNS for above in PLACES for path in sorted(above.rglob(pattern)))
    # An empty file is no text, and a very long one would be most of the run.
    fitting = (path for path in texts if path.is_file() and 0 < path.stat().st_size < 1_000_000)
    for number, path in zip(range(FILES), fitting, strict=False):
        target = folder / f"{number % 20:02}" / f"{number:04}-{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    assert sum(path.is_file() for path in folder.rglob("*")) == FILES
    return folder


async def test_a_killed_ingest_ends_as_an_undisturbed_one(place, tree, chance, record_property):
    async with octavo.open(place / "data", background=False) as db:
        for name in ("undisturbed", "disturbed"):
            await db.organizations.create(name)
        undisturbed, disturbed = db.organization("undisturbed"), db.organization("disturbed")
        whole = await undisturbed.ingest(tree)

        left = []
        for _ in range(KILLS):
            # A part of the whole work each, so that the kills fall all over the course and none behind its end.
            read = int(chance.uniform(0.1, 0.9) * whole.bytes / KILLS)
            await asyncio.to_thread(_kill_one, place / "data", tree, read)
            left.append(await disturbed.documents.count())
        last = await disturbed.ingest(tree)

        expected, ended = await _state(undisturbed), await _state(disturbed)
        again = await disturbed.ingest(tree)

    record_property("files", whole.files)
    record_property("failures", len(whole.failures))
    record_property("documents", len(expected))
    record_property("seconds_undisturbed", round(whole.seconds, 2))
    record_property("documents_after_each_kill", " ".join(map(str, left)))
    record_property("seconds_of_the_second_run", round(again.seconds, 3))
    assert any(0 < count < len(expected) for count in left), "no kill came while files were read"
    assert len(last.failures) == len(whole.failures)
    assert ended == expected
    assert {version for _, version, _, _ in ended} == {1}
    assert (again.documents, again.equal, again.unchanged) == (0, 0, whole.files - len(whole.failures))
    assert again.seconds < whole.seconds / 5


def _kill_one(data: Path, tree: Path, read: int) -> None:
    """Begin an ingest, and kill it when it has read so many bytes."""
    # Its reading processes are not killed: they find their other end gone, and end.
    ingesting = subprocess.Popen(
        [sys.executable, "-c", INGEST, str(data), "disturbed", str(tree)], stdout=subprocess.PIPE, text=True
    )
    with ingesting:
        assert ingesting.stdout is not None
        for line in ingesting.stdout:
            if int(line) > read:
                ingesting.kill()
                return
    raise AssertionError("the ingest ended before it was killed")


async def _state(view: Workspace) -> set[tuple[str | None, int, str, bytes]]:
    """What the record holds: name, version, type and body of every document."""
    return {(doc.name, doc.version, doc.type, doc.raw_body) async for doc in view.documents.find()}
