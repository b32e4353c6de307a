"""Watching: every change becomes a summary, and folders may vanish and come back."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import octavo.sync
from octavo.errors import InvalidInput
from octavo.ingest.summary import Summary
from octavo.workspace import Workspace
from tests.acceptance.ingesting import live

SETTLE_SECONDS = 0.2
OCTAVO = str(Path(sys.executable).with_name("octavo"))


@asynccontextmanager
async def watching(view: Workspace, *paths: Path, **options: object) -> AsyncIterator[AsyncIterator[Summary]]:
    """A watch whose first summary was taken, so that it has begun; ended by its stop at the end."""
    stop = asyncio.Event()
    summaries = view.watch(*paths, settle_seconds=SETTLE_SECONDS, stop=stop, **options)
    await anext(summaries)
    yield summaries
    stop.set()
    assert [left async for left in summaries] == []


async def test_the_first_summary_is_of_the_whole_and_the_next_of_what_changed(view, folder):
    (folder / "before.txt").write_text("there before")
    stop = asyncio.Event()
    summaries = view.watch(folder, settle_seconds=SETTLE_SECONDS, stop=stop)

    first = await anext(summaries)
    (folder / "new.txt").write_text("and this is new")
    second = await anext(summaries)
    (folder / "before.txt").write_text("there before, and changed")
    third = await anext(summaries)
    stop.set()

    assert [left async for left in summaries] == []
    assert (first.created, second.files, second.created, third.files, third.updated) == (1, 1, 1, 1, 1)


async def test_changes_that_come_together_are_one_summary(view, folder):
    async with watching(view, folder) as summaries:
        for number in range(50):
            (folder / f"{number}.txt").write_text(f"text {number}")
        summary = await anext(summaries)

    assert summary.created == 50


async def test_a_folder_that_is_moved_in_is_read_with_all_in_it(view, folder, place):
    aside = folder / "aside" / "sub"
    watched = folder / "in"
    aside.mkdir(parents=True)
    watched.mkdir()
    (aside / "a.txt").write_text("one")

    async with watching(view, watched) as summaries:
        aside.parent.rename(watched / "moved")
        await anext(summaries)

    assert set(await live(view)) == {"a.txt"}


async def test_with_sync_a_renamed_file_is_a_document_under_its_new_name_only(view, folder):
    (folder / "old.txt").write_text("the same words")

    async with watching(view, folder, sync=True) as summaries:
        (folder / "old.txt").rename(folder / "new.txt")
        summary = await anext(summaries)

    assert (summary.created, summary.deleted) == (1, 1)
    assert set(await live(view)) == {"new.txt"}


async def test_without_sync_a_vanished_file_stays_in_the_record(view, folder):
    (folder / "gone.txt").write_text("kept")

    async with watching(view, folder) as summaries:
        (folder / "gone.txt").unlink()
        (folder / "new.txt").write_text("something to wait for")
        await anext(summaries)

    assert set(await live(view)) == {"gone.txt", "new.txt"}


async def test_with_sync_a_folder_that_was_removed_takes_its_documents_along(view, folder):
    (folder / "sub").mkdir()
    for name in ("sub/a.txt", "sub/b.txt", "c.txt"):
        (folder / name).write_text(name)

    async with watching(view, folder, sync=True) as summaries:
        shutil.rmtree(folder / "sub")
        summary = await anext(summaries)

    assert summary.deleted == 2
    assert set(await live(view)) == {"c.txt"}


async def test_a_watched_folder_that_vanishes_and_comes_back_is_read_as_a_whole_and_loses_nothing_meanwhile(
    view, folder
):
    watched = folder / "in"
    watched.mkdir()
    (watched / "stays.txt").write_text("in both")
    (watched / "goes.txt").write_text("in the first")

    async with watching(view, watched, sync=True) as summaries:
        watched.rename(folder / "elsewhere")
        (folder / "prepared").mkdir()
        (folder / "prepared" / "stays.txt").write_text("in both")
        (folder / "prepared" / "comes.txt").write_text("in the second")
        (folder / "prepared").rename(watched)
        back = await anext(summaries)
        (watched / "later.txt").write_text("watched again")
        later = await anext(summaries)

    assert (back.created, back.deleted, later.created) == (1, 1, 1)
    assert set(await live(view)) == {"stays.txt", "comes.txt", "later.txt"}


async def test_a_folder_that_is_not_there_yet_is_watched_when_it_comes(view, folder):
    watched = folder / "later"

    async with watching(view, watched) as summaries:
        (folder / "prepared").mkdir()
        (folder / "prepared" / "a.txt").write_text("one")
        (folder / "prepared").rename(watched)
        summary = await anext(summaries)

    assert summary.created == 1


async def test_patterns_count_for_changes_too(view, folder):
    async with watching(view, folder, include=["*.txt"]) as summaries:
        (folder / "a.md").write_text("not wanted")
        (folder / ".hidden.txt").write_text("not seen")
        (folder / "b.txt").write_text("wanted")
        summary = await anext(summaries)

    assert summary.files == 1
    assert set(await live(view)) == {"b.txt"}


async def test_a_file_that_cannot_be_read_is_a_line_of_its_batch_and_the_watch_goes_on(view, folder):
    async with watching(view, folder) as summaries:
        (folder / "bad.pdf").write_bytes(b"%PDF-1.7 and no more")
        bad = await anext(summaries)
        (folder / "good.txt").write_text("fine")
        good = await anext(summaries)

    assert ([failure.path.name for failure in bad.failures], good.created) == (["bad.pdf"], 1)


async def test_leaving_the_loop_ends_the_watch(view, folder):
    async for summary in view.watch(folder):
        assert summary.files == 0
        break


async def test_a_url_cannot_be_watched(view):
    with pytest.raises(InvalidInput):
        await anext(view.watch("https://example.org/"))


def test_it_can_be_watched_without_await(place, db, folder):
    (folder / "a.txt").write_text("one")
    with octavo.sync.open(place / "data", background=False) as blocking:
        for summary in blocking.watch(folder, settle_seconds=SETTLE_SECONDS):
            assert summary.created == 1
            break


async def test_the_command_prints_a_summary_a_batch_and_ends_well_with_ctrl_c(place, db, folder):
    (folder / "a.txt").write_text("one")
    words = ["--data", place / "data", "ingest", folder, "--watch", "--json", "--sync"]
    running = await asyncio.create_subprocess_exec(
        OCTAVO, *map(str, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    first = json.loads(await running.stdout.readline())
    (folder / "b.txt").write_text("two")
    second = json.loads(await running.stdout.readline())
    (folder / "a.txt").unlink()
    third = json.loads(await running.stdout.readline())
    running.send_signal(signal.SIGINT)
    rest = await running.communicate()

    assert (first["created"], second["created"], third["deleted"]) == (1, 1, 1)
    assert (running.returncode, *rest) == (0, b"", b"")
