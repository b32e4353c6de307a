"""Every page does what it says: its Python runs, and its commands print what it shows."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import Block, blocks, pages
from tests.docs.reader import Reader, commands, matches
from tests.places import short_place
from tests.records import new_record

_RUNNABLE = {"python", "console"}
_OPENED = re.compile(r"octavo\.open\(\"\./([\w-]+)\"")


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    """A home with the example documents, and one embedded server for all pages, an organization each."""
    with short_place() as home:
        shutil.copytree("examples/documents", home / "Documents")
        new_record(home / "octavo-data")
        yield home


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "page", [page for page in pages() if _RUNNABLE & {b.language for b in blocks(page)}], ids=str
)
def test_a_page_does_what_it_says(page: Path, program: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch):
    shown = blocks(page)
    for data in _opened(page):
        if not (workshop / data).exists():
            new_record(workshop / data)
    monkeypatch.chdir(workshop)
    for name, value in _environment(page, program, workshop).items():
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
def test_a_reader_notices_what_is_wrong(program: Path, block: Block):
    with asyncio.Runner() as runner:
        reader = Reader(dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}"), runner)
        reader.follow(Block(Path("x.md"), 1, "python", "", "import asyncio"))

        with pytest.raises(AssertionError):
            reader.follow(block)


def _opened(page: Path) -> set[str]:
    """The data directories that a page opens; what a tutorial or a command makes new is made new."""
    return set() if "tutorial" in page.parts else set(_OPENED.findall(page.read_text("utf-8")))


def _environment(page: Path, program: Path, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OCTAVO_ORGANIZATION": "-".join(page.with_suffix("").parts).lower(),
        "MOST_FILES": "2000",  # of the hundred thousand that the page about modelling loads
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
