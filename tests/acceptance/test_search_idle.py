"""A search that waits for the end of a log in which nothing happens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.postgres import server as embedded


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.destroy(folder / "data", force=True)


async def test_the_end_of_an_idle_log_is_reached_although_the_index_moves_with_events_only(data: Path):
    async with octavo.open(data) as db:
        doc = await db.documents.put("note", {"text": "Refunds take thirty days."})
        await db.search("refunds", after=doc.position)
        # A writer that appends no event: transaction ids go on, and with them the end of the log.
        await db.record.system.execute("SELECT pg_current_xact_id()")

        hits = await db.search("refunds", after=await db.events.position(), wait_seconds=20)

    assert [hit.id for hit in hits.hits] == [doc.id]
