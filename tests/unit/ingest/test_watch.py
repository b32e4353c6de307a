"""Paths that something happens to, until they have come to rest; and what of them is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.ingest.walk import walk, walk_below
from octavo.ingest.watch import Settling

A, B = Path("/in/a"), Path("/in/b")


def test_a_path_has_settled_when_nothing_has_happened_to_it_for_a_while():
    settling = Settling(1.0)
    settling.note([A, B], now=10.0)
    settling.note([A], now=10.9)

    assert settling.settled(now=10.99) == []
    assert settling.settled(now=11.0) == [B]
    assert settling.settled(now=11.9) == [A]


def test_a_path_settles_once():
    settling = Settling(1.0)
    settling.note([A], now=10.0)
    settling.settled(now=11.0)

    assert settling.settled(now=20.0) == []


@pytest.mark.parametrize(
    "patterns",
    [{}, {"include": ["*.txt"]}, {"exclude": ["b*"]}, {"exclude": ["deep/*.txt"]}, {"hidden": True}],
)
def test_what_is_found_of_changed_paths_is_what_a_walk_finds_there(tmp_path, patterns):
    """Whatever path a change names, file or folder, hidden or not, the patterns give the same answer."""
    for name in (
        "a.txt",
        "b.txt",
        "c.md",
        ".h.txt",
        "deep/d.txt",
        "deep/b.md",
        ".git/e.txt",
        ".hidden/f.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    everything = {item.path for item in walk([tmp_path], **patterns)}

    for path in [tmp_path, *tmp_path.rglob("*")]:
        below = {one for one in everything if one.is_relative_to(path)}
        assert {item.path for item in walk_below(tmp_path, [path], **patterns)} == below, path


def test_a_path_that_is_gone_is_nothing(tmp_path):
    assert list(walk_below(tmp_path, [tmp_path / "gone.txt"])) == []
