"""Files read in processes of their own: none is lost, none is read twice, none stops the others."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from octavo.errors import Unavailable
from octavo.ingest.extracted import Failed, Found, Outcome, Read
from octavo.ingest.limits import MIB, Limits
from octavo.ingest.pool import Reader
from octavo.ingest.walk import walk
from tests.unit.ingest.making import mail, pdf, word

_STUCK = b"<html><p " + b" ".join(b"a%d=1" % number for number in range(200_000)) + b">"


@pytest.fixture(scope="module")
async def shared():
    """One reader for all tests that only read: a process takes its time to start."""
    async with Reader(processes=2) as reader:
        yield reader


@pytest.fixture
async def reader():
    """A reader of the test's own, to count or kill its processes."""
    async with Reader(processes=2) as reader:
        yield reader


@pytest.fixture
def workers():
    """Those processes that this test started."""
    before = {child.pid for child in psutil.Process().children()}
    return lambda: [child for child in psutil.Process().children() if child.pid not in before]


def _texts(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number:05}.txt").write_text(f"text {number}")


async def _all(reader: Reader, folder: Path) -> dict[str, Outcome]:
    outcomes = [outcome async for some in reader.read(walk([folder])) for outcome in some]
    assert len({outcome.path for outcome in outcomes}) == len(outcomes)
    return {outcome.path.name: outcome for outcome in outcomes}


async def test_every_file_has_exactly_one_outcome(shared, tmp_path):
    _texts(tmp_path, 500)

    outcomes = await _all(shared, tmp_path)

    assert len(outcomes) == 500
    assert all(
        isinstance(outcome, Read) and outcome.extracted.text == f"text {int(outcome.path.stem)}"
        for outcome in outcomes.values()
    )


async def test_all_formats_come_through_whole(shared, tmp_path):
    message = mail("see the plan")
    message.add_attachment(pdf("a plan"), "application", "pdf", filename="plan.pdf")
    files = {
        "a.pdf": pdf("text"),
        "b.docx": word("text"),
        "c.eml": message.as_bytes(),
        "d.txt": b"text",
        "e.html": b"<p>text",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    outcomes = await _all(shared, tmp_path)

    kinds = {name: outcome.extracted.kind for name, outcome in outcomes.items()}
    assert kinds == {"a.pdf": "pdf", "b.docx": "word", "c.eml": "email", "d.txt": "text", "e.html": "html"}
    (attachment,) = outcomes["c.eml"].extracted.attachments
    assert (attachment.content.text, attachment.data) == ("a plan", pdf("a plan"))
    assert outcomes["c.eml"].extracted.created.utcoffset().total_seconds() == 0


async def test_all_processes_work(workers, reader, tmp_path):
    _texts(tmp_path, 200)
    await _all(reader, tmp_path)

    assert len(workers()) == 2


async def test_few_small_files_start_no_process(workers, reader, tmp_path):
    _texts(tmp_path, 3)

    outcomes = await _all(reader, tmp_path)

    assert len(outcomes) == 3
    assert workers() == []


async def test_a_single_pdf_is_read_in_a_process_that_may_crash(workers, reader, tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf("text"))

    outcomes = await _all(reader, tmp_path)

    assert outcomes["a.pdf"].extracted.text == "text"
    assert len(workers()) == 1


async def test_no_files_are_no_outcomes(shared):
    assert [outcomes async for outcomes in shared.read([])] == []


async def test_failures_of_the_walk_are_passed_through(shared, tmp_path):
    _texts(tmp_path, 10)
    (tmp_path / "gone").symlink_to("nowhere")

    outcomes = await _all(shared, tmp_path)

    assert Counter(type(outcome) for outcome in outcomes.values()) == {Read: 10, Failed: 1}


async def test_files_may_come_from_an_async_iterator(shared, tmp_path):
    _texts(tmp_path, 50)

    async def found():
        for item in walk([tmp_path]):
            yield item

    assert sum([len(outcomes) async for outcomes in shared.read(found())]) == 50


async def test_a_file_that_vanishes_between_walk_and_read_is_one_line(shared, tmp_path):
    _texts(tmp_path, 100)
    found = list(walk([tmp_path]))
    (tmp_path / "00042.txt").unlink()

    outcomes = [outcome async for some in shared.read(found) for outcome in some]

    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert [(failure.path.name, failure.code) for failure in failed] == [("00042.txt", "unreadable_file")]
    assert len(outcomes) == 100


async def test_a_file_that_takes_too_long_is_refused_and_the_others_are_read(tmp_path):
    _texts(tmp_path, 100)
    (tmp_path / "00050-stuck.html").write_bytes(_STUCK)

    async with Reader(Limits(seconds_per_file=3), processes=2) as reader:
        outcomes = await _all(reader, tmp_path)

    stuck = outcomes.pop("00050-stuck.html")
    assert isinstance(stuck, Failed)
    assert (stuck.code, "longer than 3 s" in stuck.message) == ("refused_file", True)
    assert len(outcomes) == 100
    assert all(isinstance(outcome, Read) for outcome in outcomes.values())


async def test_a_file_that_takes_too_much_memory_is_one_line_and_the_others_are_read(tmp_path):
    _texts(tmp_path, 100)
    (tmp_path / "00050-huge.txt").write_bytes(b"x" * (200 * MIB))
    limits = Limits(max_text_characters=400 * MIB, max_worker_bytes=512 * MIB)

    async with Reader(limits, processes=2) as reader:
        outcomes = await _all(reader, tmp_path)

    huge = outcomes.pop("00050-huge.txt")
    assert isinstance(huge, Failed)
    assert (huge.code, "memory" in huge.message) == ("refused_file", True)
    assert all(isinstance(outcome, Read) for outcome in outcomes.values())


async def test_a_process_that_is_killed_costs_no_file_and_is_replaced(workers, reader, tmp_path):
    _texts(tmp_path, 1_000)
    outcomes: list[Outcome] = []

    async for some in reader.read(walk([tmp_path])):
        if not outcomes:
            workers()[0].kill()
        outcomes += some

    assert Counter(type(outcome) for outcome in outcomes) == {Read: 1_000}


async def test_a_process_that_was_killed_while_idle_is_replaced(workers, reader, tmp_path):
    _texts(tmp_path, 100)
    await _all(reader, tmp_path)
    for worker in workers():
        worker.kill()
        worker.wait()

    outcomes = await _all(reader, tmp_path)

    assert Counter(type(outcome) for outcome in outcomes.values()) == {Read: 100}


async def test_a_file_that_crashes_its_reader_twice_is_one_line(tmp_path, monkeypatch):
    """A worker that aborts when it meets a certain name stands for a parser with a fault in it."""
    _texts(tmp_path, 100)
    (tmp_path / "00050-crash.txt").write_text("x")
    faulty = tmp_path / ".faulty"
    faulty.mkdir()
    (faulty / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, args):\n"
        "    if event == 'open' and b'00050-crash' in os.fsencode(str(args[0])): os.abort()\n"
        "sys.addaudithook(watch)\n"
    )
    monkeypatch.syspath_prepend(str(faulty))

    async with Reader(processes=2) as reader:
        outcomes = await _all(reader, tmp_path)

    crashed = outcomes.pop("00050-crash.txt")
    assert isinstance(crashed, Failed)
    assert (crashed.code, "SIGABRT" in crashed.message) == ("unreadable_file", True)
    assert Counter(type(outcome) for outcome in outcomes.values()) == {Read: 100}


async def test_processes_that_cannot_start_are_one_clear_error(tmp_path, monkeypatch):
    _texts(tmp_path, 100)
    monkeypatch.setattr(sys, "executable", "/bin/false")

    async with Reader(processes=2) as reader:
        with pytest.raises(Unavailable, match="code 1"):
            await _all(reader, tmp_path)


async def test_closing_while_files_are_read_ends_the_reading(workers, reader, tmp_path):
    _texts(tmp_path, 1_000)

    async with aclosing(reader.read(walk([tmp_path]))) as reading:
        await anext(reading)
        await reader.close()
        with pytest.raises(Unavailable, match="closed"):
            [outcomes async for outcomes in reading]

    assert workers() == []


async def test_an_iterator_that_is_left_early_leaves_the_reader_usable(shared, tmp_path):
    _texts(tmp_path, 1_000)

    async with aclosing(shared.read(walk([tmp_path]))) as reading:
        async for _ in reading:
            break

    assert len(await _all(shared, tmp_path)) == 1_000


async def test_a_cancelled_read_leaves_the_reader_usable(shared, tmp_path):
    _texts(tmp_path, 1_000)
    begun = asyncio.Event()

    async def read():
        async for _ in shared.read(walk([tmp_path])):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert len(await _all(shared, tmp_path)) == 1_000


async def test_two_reads_at_once_share_the_processes(workers, reader, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _texts(tmp_path / name, 300)

    one, two = await asyncio.gather(_all(reader, tmp_path / "one"), _all(reader, tmp_path / "two"))

    assert (len(one), len(two), len(workers())) == (300, 300, 2)


async def test_an_error_of_the_files_iterator_is_the_reader_s_error(shared, tmp_path):
    _texts(tmp_path, 100)

    def files() -> Iterator[Found | Failed]:
        yield from walk([tmp_path])
        raise OSError("the walk broke")

    with pytest.raises(OSError, match="the walk broke"):
        [outcomes async for outcomes in shared.read(files())]
    assert len(await _all(shared, tmp_path)) == 100


async def test_files_are_taken_no_faster_than_outcomes(shared, tmp_path):
    """Bounded memory: who takes nothing makes the walk stand still."""
    _texts(tmp_path, 20)
    found = list(walk([tmp_path]))
    taken = 0

    def files() -> Iterator[Found]:
        nonlocal taken
        for _ in range(500):
            for file in found:
                taken += 1
                yield file

    async with aclosing(shared.read(files())) as reading:
        await anext(reading)
        while (before := taken) or True:
            await asyncio.gather(*(asyncio.to_thread(os.stat, found[0].path) for _ in range(50)))
            if taken == before:
                break

    assert taken < 3_000


async def test_closing_twice_and_never_started_is_fine(workers, tmp_path):
    _texts(tmp_path, 100)
    reader = Reader(processes=1)
    await reader.close()
    await _all(reader, tmp_path)
    (worker,) = workers()

    await reader.close()
    await reader.close()

    assert not worker.is_running()
    assert len(await _all(reader, tmp_path)) == 100
    await reader.close()


async def test_a_worker_ends_when_its_pool_is_gone(tmp_path):
    _texts(tmp_path, 10)
    script = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from octavo.ingest.pool import Reader; from octavo.ingest.walk import walk; import psutil\n"
        "async def main():\n"
        "    async for _ in Reader(processes=1).read(walk([Path(sys.argv[1])])): pass\n"
        "    print(psutil.Process().children()[0].pid, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", script, str(tmp_path)],
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    shown, _ = await process.communicate()

    _, alive = psutil.wait_procs(
        [psutil.Process(int(shown))] if psutil.pid_exists(int(shown)) else [], timeout=10
    )

    assert alive == []


async def test_names_that_are_no_text_are_read(shared, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.pdf")
    path.write_bytes(pdf("text"))

    (outcome,) = (await _all(shared, tmp_path)).values()

    assert (outcome.path, outcome.extracted.title) == (path, "text")
