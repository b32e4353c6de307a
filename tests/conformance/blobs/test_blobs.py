"""What every blob store does (S0-034, S0-035)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, NotFound, UnreadableFile
from octavo.roles.blobs import Blobs, blob_key

MEGABYTE = 1024 * 1024


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def joined(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])


@pytest.fixture
def organization() -> UUID:
    return uuid7()


async def test_what_was_put_is_read_back_under_the_key_of_its_content(
    blobs: Blobs, organization: UUID
) -> None:
    data = os.urandom(300_000)

    blob = await blobs.put(organization, data)

    assert (
        blob.key
        == f"{organization}/{hashlib.sha256(data).hexdigest()[:2]}/{hashlib.sha256(data).hexdigest()}"
    )
    assert blob.sha256 == hashlib.sha256(data).digest()
    assert blob.size_bytes == 300_000
    assert await blobs.get(blob.key) == data


@pytest.mark.parametrize("size", [0, 1, MEGABYTE, 5 * MEGABYTE, 17 * MEGABYTE + 3])
async def test_bytes_a_file_and_a_stream_make_the_same_blob(
    blobs: Blobs, organization: UUID, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    file = tmp_path / "original.bin"
    file.write_bytes(data)

    stored = [
        await blobs.put(organization, source)
        for source in (data, file, pieces(data[: size // 3], data[size // 3 :]))
    ]

    assert {blob.key for blob in stored} == {blob_key(organization, hashlib.sha256(data).digest())}
    assert await joined(blobs.read(stored[0].key)) == data


async def test_equal_files_of_one_organization_are_one_blob(blobs: Blobs, organization: UUID) -> None:
    for _ in range(3):
        await blobs.put(organization, b"the same")

    assert len([blob async for blob in blobs.listing(organization)]) == 1


async def test_equal_files_of_two_organizations_are_two_blobs(blobs: Blobs, organization: UUID) -> None:
    other = uuid7()
    mine, theirs = await blobs.put(organization, b"the same"), await blobs.put(other, b"the same")

    await blobs.delete(mine.key)

    assert await blobs.get(theirs.key) == b"the same"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 4, b"0123"), (3, None, b"3456789"), (3, 3, b""), (8, 400, b"89"), (10, None, b""), (70, 80, b"")],
)
async def test_a_range_has_the_bytes_that_are_there(
    blobs: Blobs, organization: UUID, start: int, end: int | None, expected: bytes
) -> None:
    blob = await blobs.put(organization, b"0123456789")

    assert await joined(blobs.read(blob.key, start=start, end=end)) == expected


async def test_a_range_over_several_pieces_is_complete(blobs: Blobs, organization: UUID) -> None:
    data = os.urandom(4 * MEGABYTE)
    blob = await blobs.put(organization, data)

    assert await joined(blobs.read(blob.key, start=17, end=3 * MEGABYTE + 5)) == data[17 : 3 * MEGABYTE + 5]


async def test_a_range_that_ends_before_it_starts_is_refused(blobs: Blobs, organization: UUID) -> None:
    blob = await blobs.put(organization, b"0123456789")

    with pytest.raises(InvalidInput, match="5 to 2"):
        await joined(blobs.read(blob.key, start=5, end=2))


async def test_find_tells_size_and_age(blobs: Blobs, organization: UUID) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    blob = await blobs.put(organization, b"0123456789")

    found = await blobs.find(blob.key)

    assert found is not None
    assert found.size_bytes == 10
    assert before <= found.put_at <= datetime.now(UTC) + timedelta(seconds=1)


async def test_a_blob_that_is_not_there_is_not_found(blobs: Blobs, organization: UUID) -> None:
    key = blob_key(organization, hashlib.sha256(b"never put").digest())

    assert await blobs.find(key) is None
    assert await blobs.delete(key) is False
    with pytest.raises(NotFound, match=key):
        await blobs.get(key)
    with pytest.raises(NotFound, match=key):
        await joined(blobs.read(key, start=1, end=2))


async def test_a_deleted_blob_is_gone_for_every_call(blobs: Blobs, organization: UUID) -> None:
    blob = await blobs.put(organization, b"data")

    assert await blobs.delete(blob.key) is True

    assert await blobs.find(blob.key) is None
    assert [blob async for blob in blobs.listing(organization)] == []


async def test_a_blob_put_again_meanwhile_is_not_deleted(blobs: Blobs, organization: UUID) -> None:
    """What keeps a sweep of orphans from taking a file that is being ingested again."""
    blob = await blobs.put(organization, b"data")
    judged_at = datetime.now(UTC) - timedelta(minutes=1)

    assert await blobs.delete(blob.key, unless_put_since=judged_at) is False

    assert await blobs.get(blob.key) == b"data"


async def test_an_old_blob_is_deleted(blobs: Blobs, organization: UUID) -> None:
    blob = await blobs.put(organization, b"data")

    assert await blobs.delete(blob.key, unless_put_since=datetime.now(UTC) + timedelta(minutes=1)) is True

    assert await blobs.find(blob.key) is None


async def test_a_listing_is_ordered_and_continues_behind_any_key(blobs: Blobs) -> None:
    organizations = sorted(uuid7() for _ in range(3))
    for organization in organizations:
        for number in range(12):
            await blobs.put(organization, b"%d" % number)

    keys = [blob.key async for blob in blobs.listing()]

    assert len(keys) == 36
    assert keys == sorted(keys)
    for place, key in enumerate(keys):
        assert [blob.key async for blob in blobs.listing(after=key)] == keys[place + 1 :]
    assert [blob.key async for blob in blobs.listing(organizations[1])] == keys[12:24]


async def test_a_source_that_breaks_off_stores_nothing(blobs: Blobs, organization: UUID) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 6 * MEGABYTE
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError, match="the sender went away"):
        await blobs.put(organization, broken())

    assert [blob async for blob in blobs.listing()] == []


async def test_a_file_that_cannot_be_read_is_named(blobs: Blobs, organization: UUID, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"missing\.pdf"):
        await blobs.put(organization, tmp_path / "missing.pdf")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../../etc/passwd",
        "incoming/0192d4e0",
        "018f3a2b-0000-7000-8000-000000000000/ab/" + "cd" * 32,
        "018f3a2b-0000-7000-8000-000000000000/ab/" + "ab" * 32 + "/../x",
        "018F3A2B-0000-7000-8000-000000000000/AB/" + "AB" * 32,
    ],
)
async def test_what_is_no_key_is_refused(blobs: Blobs, key: str) -> None:
    with pytest.raises(InvalidInput, match="not the key of a blob"):
        await blobs.get(key)
    with pytest.raises(InvalidInput, match="not the key of a blob"):
        await blobs.delete(key)
    with pytest.raises(InvalidInput, match="not the key of a blob"):
        await blobs.find(key)
