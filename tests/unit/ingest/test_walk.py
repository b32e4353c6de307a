"""Which files are found, in which order, and what is said of what cannot be looked at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.ingest.extracted import Failed, Found
from octavo.ingest.walk import walk


def _make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _names(root: Path, **options: object) -> list[str]:
    return [found.path.relative_to(root).as_posix() for found in walk([root], **options)]


def test_files_are_found_by_name_with_size_and_time(tmp_path):
    _make(tmp_path, "b.txt", "a/z.txt", "a/b/c.txt", "c.txt")

    found = list(walk([tmp_path]))

    assert [file.path.relative_to(tmp_path).as_posix() for file in found] == [
        "a/b/c.txt",
        "a/z.txt",
        "b.txt",
        "c.txt",
    ]
    assert found[2] == Found(tmp_path / "b.txt", 5, (tmp_path / "b.txt").stat().st_mtime_ns)


def test_files_and_folders_are_found_in_the_order_they_are_given(tmp_path):
    _make(tmp_path, "one/a.txt", "two/b.txt", "c.txt")

    found = walk([tmp_path / "two", tmp_path / "c.txt", tmp_path / "one"])

    assert [file.path.name for file in found] == ["b.txt", "c.txt", "a.txt"]


def test_hidden_files_and_version_control_are_passed_over(tmp_path):
    _make(tmp_path, ".hidden", ".git/config", ".config/a.txt", "CVS/Entries", "a.txt", "sub/.b.txt")

    assert _names(tmp_path) == ["a.txt"]
    assert _names(tmp_path, hidden=True) == [".config/a.txt", ".hidden", "a.txt", "sub/.b.txt"]


def test_a_hidden_folder_that_is_named_is_walked(tmp_path):
    _make(tmp_path, ".notes/a.txt")

    assert _names(tmp_path / ".notes") == ["a.txt"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"include": ["*.txt"]}, ["a.txt", "docs/b.txt", "docs/old/c.txt"]),
        ({"include": ["*.txt"], "exclude": ["old"]}, ["a.txt", "docs/b.txt"]),
        ({"include": ["*.txt", "*.md"], "exclude": ["docs/*"]}, ["a.txt"]),
        ({"include": ["docs/*.txt"]}, ["docs/b.txt", "docs/old/c.txt"]),
        ({"include": ["[ab].txt"]}, ["a.txt", "docs/b.txt"]),
        ({"include": ["?.md"]}, ["docs/d.md"]),
        ({"exclude": ["*"]}, []),
    ],
)
def test_patterns_choose_files(tmp_path, options, names):
    _make(tmp_path, "a.txt", "docs/b.txt", "docs/old/c.txt", "docs/d.md")

    assert _names(tmp_path, **options) == names


def test_a_file_that_is_named_is_found_whatever_the_patterns(tmp_path):
    _make(tmp_path, "a.log")

    assert [file.path.name for file in walk([tmp_path / "a.log"], include=["*.txt"])] == ["a.log"]


def test_links_are_followed_and_each_folder_is_entered_once(tmp_path):
    _make(tmp_path, "real/a.txt", "outside/b.txt")
    (tmp_path / "walked").mkdir()
    _make(tmp_path / "walked", "z/c.txt")
    (tmp_path / "walked" / "again").symlink_to(tmp_path / "walked" / "z")
    (tmp_path / "walked" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "walked" / "file.txt").symlink_to(tmp_path / "real" / "a.txt")

    assert _names(tmp_path / "walked") == ["file.txt", "z/c.txt", "folder/b.txt"]


def test_a_loop_of_links_is_one_failure_and_the_rest_is_found(tmp_path):
    _make(tmp_path, "a/b/c.txt", "d.txt")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to("self")

    found = list(walk([tmp_path]))

    assert [file.path.name for file in found if isinstance(file, Found)] == ["c.txt", "d.txt"]
    assert {(file.path.name, file.code) for file in found if isinstance(file, Failed)} == {
        ("up", "refused_file"),
        ("self", "unreadable_file"),
    }


def test_broken_links_and_what_is_no_file_are_failures(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.close()

    assert [(item.path.name, item.code) for item in walk([tmp_path])] == [
        ("gone", "unreadable_file"),
        ("pipe", "refused_file"),
        ("s", "refused_file"),
    ]


def test_what_is_not_there_is_one_failure(tmp_path):
    (failed,) = walk([tmp_path / "nowhere"])

    assert (failed.code, failed.message) == (
        "unreadable_file",
        "it cannot be opened: No such file or directory",
    )


def test_folders_500_deep_are_walked(tmp_path):
    deep = tmp_path
    for _ in range(500):
        deep /= "d"
        deep.mkdir()
    (deep / "a.txt").write_text("deep")

    assert [file.path.name for file in walk([tmp_path])] == ["a.txt"]


def test_names_that_are_no_text_are_found(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")

    (found,) = walk([tmp_path])

    assert os.fsencode(found.path.name) == b"caf\xe9.txt"


def test_what_may_not_be_read_is_a_failure_and_the_rest_is_found(tmp_path):
    """In a process of another user if the test runs as root, whom nothing is forbidden."""
    _make(tmp_path, "closed/a.txt", "b.txt", "open/c.txt")
    (tmp_path / "closed").chmod(0)
    script = (
        "import os; from pathlib import Path; from octavo.ingest.walk import walk\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "for item in walk([Path('.')]): print(item.path, getattr(item, 'message', ''))\n"
    )
    tmp_path.chmod(0o755)

    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert shown == ["b.txt ", "closed it cannot be opened: Permission denied", "open/c.txt "]
