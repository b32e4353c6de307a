"""Every page does what it says: its Python runs, and its commands print what it shows."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import Block, blocks, pages
from tests.docs.reader import Reader, commands, matches

_RUNNABLE = {"python", "console"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the example documents, and one embedded server for all pages, an organization each."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree("examples/documents", home / "Documents")
    yield home
    for data in home.glob("*-data"):
        subprocess.run([_program(), "--data", data, "destroy", "--yes"], check=True, capture_output=True)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "page", [page for page in pages() if _RUNNABLE & {b.language for b in blocks(page)}], ids=str
)
def test_a_page_does_what_it_says(page: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch):
    shown = blocks(page)
    monkeypatch.chdir(workshop)
    for name, value in _environment(page, workshop).items():
        monkeypatch.setenv(name, value)

    with asyncio.Runner() as runner:
        reader = Reader(dict(os.environ), runner)
        for block in shown:
            reader.follow(block)


def test_an_output_may_leave_out_what_changes():
    assert matches("hello  version …\n1 document", "hello version 3\n\n1 document\n")
    assert not matches("hello version …", "goodbye version 3")
    assert not matches("1 document", "1 document deleted")


def test_a_block_of_commands_is_read_as_typed():
    shown = commands("$ octavo put note \\\n  --name a\nstored …\n$ octavo status\n")

    assert list(shown) == [("octavo put note    --name a", "stored …"), ("octavo status", "")]


@pytest.mark.parametrize(
    "block",
    [
        Block(Path("x.md"), 3, "python", "", "assert await asyncio.sleep(0, 1) == 2"),
        Block(Path("x.md"), 3, "python", "no-run", "x"),
        Block(Path("x.md"), 3, "console", "", "$ true | octavo --version\nsomething else"),
    ],
    ids=["wrong result", "no-run without a reason", "other output"],
)
def test_a_reader_notices_what_is_wrong(block: Block):
    with asyncio.Runner() as runner:
        reader = Reader(dict(os.environ, PATH=f"{_program().parent}:{os.environ['PATH']}"), runner)
        reader.follow(Block(Path("x.md"), 1, "python", "", "import asyncio"))

        with pytest.raises(AssertionError):
            reader.follow(block)


def _environment(page: Path, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": f"{_program().parent}:{os.environ['PATH']}",
        "OCTAVO_ORGANIZATION": "-".join(page.with_suffix("").parts).lower(),
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def _program() -> Path:
    return Path(sys.executable).with_name("octavo")
