"""An embedded search index and what happens to its folder: killed writers, other processes, damage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo.engines.search.tantivy_index import TantivyIndex
from octavo.errors import Conflict, StorageFault
from octavo.roles.state import Cursor

# Writes document n and moves the cursor to n, in one commit, for ever; says when the first three are there.
WRITER = """
import sys
from pathlib import Path
import msgspec
from octavo.engines.search.tantivy_index import TantivyIndex

index = TantivyIndex(Path(sys.argv[1]), shard=0)
number = 0
while True:
    number += 1
    before = index.snapshot().cursor
    after = msgspec.structs.replace(before, position=msgspec.structs.replace(before.position, id=number))

    def add(writer):
        for part in range(50):
            document = index.library.Document()
            document.add_text("key", f"{number}-{part}")
            document.add_text("trait", "written")
            document.add_text("text", "many words " * 100)
            writer.add_document(document)

    index.write(add, before, after)
    if number == 3:
        print("ready", flush=True)
"""


def _written(index: TantivyIndex) -> int:
    searcher = index.snapshot().searcher
    return len(searcher.search(index.trait("written"), 1_000_000, count=False).hits)


def _moved(cursor: Cursor, number: int) -> Cursor:
    return msgspec.structs.replace(
        cursor, position=msgspec.structs.replace(cursor.position, id=cursor.position.id + number)
    )


def _nothing(_: Any) -> None:
    pass


def _killed_writer(folder: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.stdout.close()
    writer.wait()


@pytest.mark.parametrize("attempt", range(3))
def test_a_killed_writer_leaves_what_was_committed_last_and_no_lock(tmp_path: Path, attempt: int) -> None:
    _killed_writer(tmp_path)

    index = TantivyIndex(tmp_path, shard=0)
    cursor = index.snapshot().cursor

    assert cursor.position.id >= 3
    assert _written(index) == 50 * cursor.position.id
    index.write(_nothing, cursor, _moved(cursor, 1))
    assert index.snapshot().cursor == _moved(cursor, 1)


def test_a_reader_sees_the_commits_of_another_process(tmp_path: Path) -> None:
    reader = TantivyIndex(tmp_path, shard=0)
    before = reader.snapshot().cursor

    _killed_writer(tmp_path)

    assert reader.snapshot().cursor.generation == before.generation
    assert _written(reader) == 50 * reader.snapshot().cursor.position.id


def test_while_one_writes_another_is_refused(tmp_path: Path) -> None:
    one, other = TantivyIndex(tmp_path, shard=0), TantivyIndex(tmp_path, shard=0)
    cursor = one.snapshot().cursor

    def refused(_: Any) -> None:
        with pytest.raises(Conflict):
            other.write(_nothing, cursor, _moved(cursor, 2))

    one.write(refused, cursor, _moved(cursor, 1))

    assert other.snapshot().cursor == _moved(cursor, 1)


def test_what_fails_in_the_middle_changes_nothing_and_leaves_no_lock(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path, shard=0)
    cursor = index.snapshot().cursor

    def fail(writer: Any) -> None:
        document = index.library.Document()
        document.add_text("trait", "written")
        writer.add_document(document)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        index.write(fail, cursor, _moved(cursor, 1))

    assert (index.snapshot().cursor, _written(index)) == (cursor, 0)
    index.write(_nothing, cursor, _moved(cursor, 1))
    assert _written(index) == 0


def test_a_folder_that_was_emptied_is_another_generation_to_be_filled_from_the_start(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path, shard=0)
    before = index.snapshot().cursor
    index.write(_nothing, before, msgspec.structs.replace(before, scanned=None))

    for file in index.folder.iterdir():
        file.unlink()

    after = index.snapshot().cursor
    assert after.generation != before.generation
    assert after.scanned is not None


def test_a_damaged_folder_is_told_with_the_way_out(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path, shard=0)
    index.snapshot()
    index.folder.joinpath("meta.json").write_text("{")

    with pytest.raises(StorageFault, match="delete this folder"):
        TantivyIndex(tmp_path, shard=0).snapshot()
