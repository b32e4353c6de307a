"""Labels beside what a declared index finds: the same documents, whichever of the two leads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from octavo.operations import indexes
from octavo.postgres.record import open_record
from octavo.store import labelled, organizations, types
from octavo.store.known import KnownTypes
from octavo.values.declared import Declaration, DeclaredIndex
from octavo.workspace import Documents
from tests.database.conftest import documents_for
from tests.databases import migrated_database, settings_of, url_of

TICKET = Declaration("ticket", 1, {"type": "object"}, (DeclaredIndex.of("index", ["priority"]),))
TICKETS = 300


@pytest.fixture(scope="module")
async def tickets(server) -> AsyncIterator[Documents]:
    """Tickets with a priority each, an index on it; every second one is open, every hundredth urgent."""
    async with migrated_database(server) as name:
        chosen = settings_of(server, name, record_admin=url_of(server, "octavo_admin", name))
        record = await open_record(chosen)
        await types.register(record.system, TICKET, "test", None)
        assert {state.state for state in await indexes.apply(chosen, record.system)} == {"ready"}
        known = KnownTypes()
        await types.refresh(record.app, known)
        docs = documents_for(record, await organizations.create(record.system, "desk"), types=known)
        put = await docs.put_many([{"type": "ticket", "body": {"priority": n}} for n in range(TICKETS)])
        for n, doc in enumerate(put):
            if n % 2 == 0:
                await docs.label(doc.id, "open", confidence=n / TICKETS)
            if n % 100 == 0:
                await docs.label(doc.id, "urgent")
        yield docs
        await record.close()


@pytest.mark.parametrize("few", [0, 10, 10_000], ids="the label leads beside at most {} documents".format)
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"@labels": "open", "priority": {"$gte": 290}}, [290, 292, 294, 296, 298]),
        ({"@labels": "urgent", "priority": {"$gte": 50}}, [100, 200]),
        ({"@labels": {"$all": ["open", "urgent"]}, "priority": {"$lt": 150}}, [0, 100]),
        ({"@labels": {"$eq": "open", "$min_confidence": 0.99}, "priority": {"$gt": 1}}, [298]),
        ({"@labels": {"$ne": "open"}, "priority": {"$lt": 4}}, [1, 3]),
        ({"@labels": "urgent", "priority": 100}, [100]),
    ],
    ids=str,
)
async def test_a_range_and_a_label_find_the_same_whichever_leads(
    tickets: Documents, monkeypatch, few: int, where: dict[str, Any], expected: list[int]
):
    monkeypatch.setattr(labelled, "FEW", few)

    found = [doc.body["priority"] async for doc in tickets.find("ticket", where=where)]
    ordered = [doc.body["priority"] async for doc in tickets.find("ticket", where=where, order="priority")]

    assert sorted(found) == ordered == expected
    assert await tickets.count("ticket", where=where) == len(expected)
