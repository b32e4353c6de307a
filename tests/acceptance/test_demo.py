"""`octavo demo`: what a new user runs first shows everything, and a second time too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHAPTERS = [
    "A database in a folder",
    "Ingest",
    "Search: refund",
    "Versions of",
    "The events behind it",
    "Again: nothing changed, nothing is read",
    "By words and meaning together: how do I get my money back",
    "Search moves to another engine, and back",
    "A pipeline reads every document: language, keywords, a summary",
    "A model learns, is rolled forward, and back",
    "Go on",
]


@pytest.mark.timeout(240)
def test_the_demonstration_shows_everything(program: Path, place: Path) -> None:
    """S0-001"""
    shown = subprocess.run(
        [program, "--data", place / "data", "demo"], capture_output=True, text=True, check=True
    ).stdout

    assert [chapter for chapter in CHAPTERS if chapter in shown] == CHAPTERS
    assert "10 documents as in the record; 0 missing, 0 stale, 0 ghosts" in shown
    assert shown.count("shown equal, then it served; refund finds Refund policy") == 2
    assert "tag production moved from version 1 to 2" in shown
    assert "10 runs: 10 completed" in shown
    assert [line.split(":")[0].strip() for line in shown.splitlines() if "desk@" in line] == [
        "promoted",
        "promoted",
        "rolled back",
    ]
