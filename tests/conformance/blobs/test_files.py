"""What blobs as files promise beyond the role: crashes, damage, privacy."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.blobs import open_blobs
from octavo.engines.blobs.files import FileBlobs
from octavo.errors import InvalidSetting, StorageFault

WRITER = """
import asyncio, sys
from uuid import UUID
from octavo.engines.blobs import open_blobs

async def endless():
    while True:
        yield b"x" * 1024 * 1024
        print("wrote", flush=True)

asyncio.run(open_blobs("file:" + sys.argv[1]).put(UUID(sys.argv[2]), endless()))
"""


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


async def test_a_writer_killed_in_the_middle_leaves_nothing_visible(blobs: FileBlobs) -> None:
    """S0-035: a crash in mid-write leaves no partial object visible."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(blobs.directory), str(uuid7()), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(20):
        await writer.stdout.readline()
    writer.kill()
    await writer.wait()

    left = [path for path in blobs.directory.rglob("*") if path.is_file()]

    assert left, "the writer had written something when it was killed"
    assert all(path.parent.name == "incoming" for path in left)
    assert [blob async for blob in FileBlobs(blobs.directory).listing()] == []


async def test_what_a_killed_writer_left_goes_after_a_day(blobs: FileBlobs) -> None:
    young, old = blobs.directory / "incoming" / "young#1", blobs.directory / "incoming" / "old#1"
    young.write_bytes(b"being written by another process")
    old.write_bytes(b"left by a process that was killed")
    os.utime(old, (0, 0))

    FileBlobs(blobs.directory)

    assert (young.exists(), old.exists()) == (True, False)


async def test_a_blob_whose_deletion_was_killed_comes_back(blobs: FileBlobs) -> None:
    blob = await blobs.put(uuid7(), b"taken aside to be judged")
    aside = blobs.directory / "incoming" / ("leaving+" + blob.key.replace("/", "+"))
    (blobs.directory / blob.key).rename(aside)

    reopened = FileBlobs(blobs.directory)

    assert await reopened.get(blob.key) == b"taken aside to be judged"
    assert list((blobs.directory / "incoming").iterdir()) == []


@pytest.mark.parametrize("place", [0, 2_500_000, -1])
async def test_a_flipped_byte_is_found_on_read(blobs: FileBlobs, place: int) -> None:
    """S0-082: a flipped byte is detected on read."""
    blob = await blobs.put(uuid7(), os.urandom(5_000_000))
    path = blobs.directory / blob.key
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    with pytest.raises(StorageFault, match="damaged"):
        await blobs.get(blob.key)


async def test_a_stream_of_a_damaged_blob_never_gives_its_last_byte(blobs: FileBlobs) -> None:
    blob = await blobs.put(uuid7(), os.urandom(3_000_000))
    path = blobs.directory / blob.key
    path.write_bytes(b"\x00" + path.read_bytes()[1:])
    received = 0

    async def receive() -> None:
        nonlocal received
        async for piece in blobs.read(blob.key):
            received += len(piece)

    with pytest.raises(StorageFault, match="damaged"):
        await receive()

    assert received < blob.size_bytes


async def test_putting_the_original_again_mends_a_damaged_blob(blobs: FileBlobs) -> None:
    organization = uuid7()
    blob = await blobs.put(organization, b"the original")
    (blobs.directory / blob.key).write_bytes(b"the 0riginal")

    await blobs.put(organization, b"the original")

    assert await blobs.get(blob.key) == b"the original"


async def test_nobody_else_can_read_the_files(blobs: FileBlobs) -> None:
    await blobs.put(uuid7(), b"private")

    assert stat.S_IMODE(blobs.directory.stat().st_mode) == 0o700


async def test_a_disk_that_refuses_is_a_storage_fault(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the directory should be")

    with pytest.raises(StorageFault, match=str(tmp_path / "blobs")):
        open_blobs(f"file:{tmp_path / 'blobs'}")


@pytest.mark.parametrize("url", ["", "file:", "blobs", "ftp://host/blobs"])
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match="names no blob store"):
        open_blobs(url)
