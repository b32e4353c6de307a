"""An export and an import need the memory of a few documents, however many there are."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octavo.operations.export import export_documents
from octavo.operations.imports import import_documents
from octavo.postgres.record import Record
from octavo.store import changes, organizations
from octavo.store.organizations import Organization
from tests.backups import put, scope_of

MEGABYTE = 1024 * 1024


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


async def test_eighty_megabytes_of_documents_and_versions_pass_through_thirty(
    record: Record, organization: Organization, tmp_path: Path
) -> None:
    scope = scope_of(record, organization.id)
    for number in range(20):
        await put(scope, {"text": os.urandom(MEGABYTE).hex()}, name=f"{number}")
    many = await put(scope, {"text": ""}, name="many versions")
    for _ in range(20):
        await changes.patch(scope, many.id, {"text": os.urandom(MEGABYTE).hex()})
    other = await organizations.create(record.system, f"{organization.name}-copy")

    with at_most(30):
        out = await export_documents(record.app, scope, None, tmp_path / "all", history=True)
    await changes.purge(scope, many.id)
    await export_documents(record.app, scope, None, tmp_path / "short")
    with at_most(30):
        back = await import_documents(record.app, scope_of(record, other.id), None, tmp_path / "short")

    assert (out.documents, out.versions) == (21, 41)
    assert (tmp_path / "all" / "documents.jsonl").stat().st_size > 80_000_000
    assert (back.created, back.failed) == (20, 0)
