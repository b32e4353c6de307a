"""Files of models are files of the record: kept from the sweep, read by the scan, and part of a backup."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.operations import integrity, maintenance, snapshot
from octavo.postgres.record import Record
from octavo.registry import models
from octavo.registry.artifacts import key_of
from octavo.store import changes, organizations
from octavo.store.scope import Scope
from octavo.values.model import ModelVersion, card_of
from tests.backups import put_file, scope_of

TWO_DAYS = 2 * 86_400


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
async def scope(fresh_record: Record) -> Scope:
    return scope_of(fresh_record, (await organizations.create(fresh_record.system, "acme")).id)


@pytest.fixture
async def model(fresh_record: Record, scope: Scope, blobs: FileBlobs) -> ModelVersion:
    """A model whose weights are a document's file too, and whose words are its own."""
    await put_file(scope, blobs, b"weights", name="file")
    card = card_of({"type": "classification"})
    files = {"weights": b"weights", "words": b"words"}
    return await models.register(fresh_record.app, scope, blobs, "topic", card, files=files)


async def test_the_sweep_leaves_the_files_of_models_until_the_model_is_purged(
    fresh_record: Record, scope: Scope, blobs: FileBlobs, model: ModelVersion
) -> None:
    """S0-042"""
    _age(blobs)
    kept = await maintenance.sweep_blobs(fresh_record.system, blobs)
    await changes.purge(scope, model.id)
    _age(blobs)
    swept = await maintenance.sweep_blobs(fresh_record.system, blobs)

    assert (kept.examined, kept.changed, swept.changed) == (2, 0, 1)
    (left,) = [blob async for blob in blobs.listing()]
    assert await blobs.get(left.key) == b"weights"


async def test_the_scan_reads_each_file_once_and_names_the_model_of_a_damaged_one(
    fresh_record: Record, scope: Scope, blobs: FileBlobs, model: ModelVersion
) -> None:
    """S0-160"""
    words = blobs.directory / key_of(scope.organization, model.artifacts[1])
    words.chmod(0o600)
    words.write_bytes(b"w0rds")

    found = await integrity.scan(fresh_record.system, blobs)

    assert (found.files, found.damaged) == (2, 1)
    assert found.damages[0].documents == [str(model.id)]


async def test_a_backup_takes_the_files_of_models(fresh_record: Record, model: ModelVersion) -> None:
    async with fresh_record.system.transaction() as tx:
        taken = {key async for key, _ in snapshot.referenced_blobs(tx)}

    assert taken == {artifact.blob for artifact in model.artifacts}


def _age(blobs: FileBlobs) -> None:
    old = time.time() - TWO_DAYS
    for path in blobs.directory.rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))
