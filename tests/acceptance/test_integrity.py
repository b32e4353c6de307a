"""The integrity scan finds what a disk changed behind our back."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.operations import integrity
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store import contents, organizations
from octavo.store.scope import Scope
from tests.backups import fill, put, put_file, scope_of
from tests.databases import administrator


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
async def scope(fresh_record: Record) -> Scope:
    return scope_of(fresh_record, (await organizations.create(fresh_record.system, "acme")).id)


async def test_a_sound_record_has_no_damage(fresh_record: Record, blobs: FileBlobs) -> None:
    for name in ("first", "second"):
        await fill(fresh_record, blobs, name)
    told: list[tuple[int, int]] = []

    found = await integrity.scan(fresh_record.system, blobs, progress=lambda *done: told.append(done))

    assert (found.damaged, found.files, found.file_bytes) == (0, 6, 6_140_020)
    assert found.bodies > 20
    assert told[-1] == (found.bodies + 6, found.bodies + 6)


@pytest.mark.parametrize("damage", ["is damaged", "is missing"])
async def test_a_damaged_file_is_named_with_its_document(
    fresh_record: Record, scope: Scope, blobs: FileBlobs, damage: str
) -> None:
    """S0-082: a flipped byte is reported by the integrity scan."""
    document = await put_file(scope, blobs, b"an original", name="file")
    await put_file(scope, blobs, b"another", name="other")
    path = blobs.directory / (await contents.get(scope, document.id)).blob
    path.write_bytes(b"an 0riginal") if damage == "is damaged" else path.unlink()

    found = await integrity.scan(fresh_record.system, blobs)

    assert (found.damaged, found.files) == (1, 2)
    assert (found.damages[0].kind, found.damages[0].reason) == ("file", damage)
    assert found.damages[0].documents == [str(document.id)]
    assert found.as_dict()["damages"][0]["key"] in str(path)


async def test_a_body_that_changed_is_named_with_its_documents(
    fresh_record: Record, scope: Scope, blobs: FileBlobs, server: Server, fresh_database: str
) -> None:
    first, second = [await put(scope, {"price": 10}) for _ in range(2)]
    await put(scope, {"price": 20})
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            """UPDATE octavo.body SET value = '{"price": 11}' WHERE value = '{"price": 10}'"""
        )

    found = await integrity.scan(fresh_record.system, blobs)

    assert (found.damaged, found.bodies) == (1, 2)
    assert sorted(found.damages[0].documents) == sorted([str(first.id), str(second.id)])
