"""One file: bytes, checksum, and one line whatever is wrong with it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import psutil

from octavo.ingest import extraction
from octavo.ingest.extracted import Failed, Read
from octavo.ingest.limits import Limits
from octavo.ingest.read import read_file


def test_a_file_is_read_with_its_checksum_size_and_time(tmp_path):
    """S0-047, S0-082"""
    path = tmp_path / "a.txt"
    path.write_bytes("Straße".encode("latin-1"))

    read = read_file(path, Limits())

    assert isinstance(read, Read)
    assert (read.path, read.bytes, read.modified_ns) == (path, 6, path.stat().st_mtime_ns)
    assert read.sha256 == hashlib.sha256(b"Stra\xdfe").digest()
    assert read.extracted.text == "Straße"


def test_an_empty_file_is_a_text_without_words(tmp_path):
    (tmp_path / "empty.pdf").write_bytes(b"")

    read = read_file(tmp_path / "empty.pdf", Limits())

    assert isinstance(read, Read)
    assert (read.extracted.kind, read.extracted.text, read.extracted.title) == ("text", "", "empty")


def test_a_gigabyte_of_nothing_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    before = psutil.Process().io_counters().read_chars
    failed = read_file(path, Limits())

    assert isinstance(failed, Failed)
    assert (failed.code, "1,073,741,824 bytes" in failed.message) == ("refused_file", True)
    assert psutil.Process().io_counters().read_chars - before < 1 << 20


def test_a_file_that_has_gone_is_one_line(tmp_path):
    failed = read_file(tmp_path / "gone.txt", Limits())

    assert failed == Failed(
        tmp_path / "gone.txt", "unreadable_file", "it cannot be opened: No such file or directory"
    )


def test_a_pipe_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")

    failed = read_file(tmp_path / "pipe.txt", Limits())

    assert failed == Failed(tmp_path / "pipe.txt", "refused_file", "it is no regular file")


def test_a_device_is_refused():
    assert isinstance(read_file(Path("/dev/zero"), Limits()), Failed)


def test_what_a_reader_was_not_made_for_is_one_line(tmp_path):
    """A date no calendar has, in a format whose parser may raise anything: here a mail."""
    (tmp_path / "a.eml").write_bytes(b"From: a@b\nTo: c\nDate: Tue, 99 Foo 99999 99:99:99 +9999\n\ntext")

    read = read_file(tmp_path / "a.eml", Limits())

    assert isinstance(read, Read)
    assert read.extracted.created is None


def test_every_attempt_at_random_bytes_ends_with_a_word():
    """Seeded bytes behind every magic number: nothing raises, everything is read or said."""
    magic = [
        *(b"%PDF-1.7\n", b"PK\x03\x04", b"<!DOCTYPE html>", b"From: a@b\nTo: c\nDate: d\n", b"---\n", b""),
        *(
            b"bplist00WebMainResource",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"\x1b$B",
        ),
    ]
    for seed in range(300):
        noise = b"".join(hashlib.sha512(f"{seed}-{part}".encode()).digest() for part in range(seed % 20))
        said = extraction.attempt(magic[seed % len(magic)] + noise, f"file-{seed}", Limits())
        assert isinstance(said, extraction.Extracted | extraction.Unread)
