"""The folder of an ingest run goes with its run, also with one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.ingest.staging import Staging

RUN = """
import sys
from octavo.ingest.staging import Staging
print(Staging().path("a.txt"), flush=True)
sys.stdin.read()
"""
LONG_AGO = (1_700_000_000, 1_700_000_000)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that ingests."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield running


def folder_of(other: subprocess.Popen[str]) -> Path:
    """The folder of the run in the other process, as old as a run that has gone on for long."""
    assert other.stdout is not None
    folder = Path(other.stdout.readline()).parent.parent
    os.utime(folder, LONG_AGO)
    return folder


def begun() -> Path:
    """Begin a run and end it; returns its folder."""
    staging = Staging()
    folder = staging.path("b.txt").parent.parent
    staging.close()
    return folder


def test_the_folder_of_a_killed_run_is_removed_by_the_next(place: Path, other: subprocess.Popen[str]):
    left = folder_of(other)
    other.send_signal(signal.SIGKILL)
    other.wait()

    begun()

    assert not left.exists()


def test_the_folder_of_a_run_that_goes_on_stays(place: Path, other: subprocess.Popen[str]):
    used = folder_of(other)

    begun()

    assert used.exists()


def test_a_folder_that_was_just_made_and_what_is_no_folder_stay(place: Path):
    made = place / "octavo-ingest-new"
    made.mkdir()
    linked = place / "octavo-ingest-link"
    linked.symlink_to(made)
    elsewhere = place / "octavo-other"
    elsewhere.mkdir()
    os.utime(elsewhere, LONG_AGO)

    begun()

    assert (made.exists(), linked.is_symlink(), elsewhere.exists()) == (True, True, True)


def test_a_run_leaves_nothing(place: Path):
    folder = begun()

    assert not folder.exists()
    assert list(place.iterdir()) == []
