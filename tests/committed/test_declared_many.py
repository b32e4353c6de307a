"""Groups and bulk changes reach the same documents with declared indexes as without."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from octavo.errors import LimitExceeded
from octavo.operations import indexes
from octavo.postgres.record import Record, open_record
from octavo.store import organizations, types
from octavo.store.known import KnownTypes
from octavo.store.scope import Limits
from octavo.workspace import Documents
from tests.committed.test_declared_filters import SINGLE, THING, ranges
from tests.database.conftest import documents_for
from tests.databases import migrated_database, settings_of, url_of


@pytest.fixture(scope="module")
async def typed(server) -> AsyncIterator[tuple[Record, KnownTypes]]:
    """A database of its own with the declared indexes of `thing`, all of them ready."""
    async with migrated_database(server) as name:
        chosen = settings_of(server, name, record_admin=url_of(server, "octavo_admin", name))
        record = await open_record(chosen)
        await types.register(record.system, THING, "test", None)
        await indexes.apply(chosen, record.system)
        known = KnownTypes()
        await types.refresh(record.app, known)
        yield record, known
        await record.close()


@pytest.fixture(scope="module")
async def populated(typed) -> Documents:
    """The same documents of a type with declared indexes and of its twin without."""
    record, known = typed
    docs = documents_for(record, await organizations.create(record.system, "many"), types=known)
    for type in ("thing", "twin"):
        await docs.put_many([{"type": type, "body": body, "name": str(n)} for n, body in enumerate(SINGLE)])
    return docs


@given(where=ranges)
@settings(max_examples=60)
async def test_groups_and_bulk_changes_reach_the_same_documents(populated: Documents, where):
    thing = await populated.group("thing", by=["a", "c"], sum="b", where=where, limit=1_000)
    twin = await populated.group("twin", by=["a", "c"], sum="b", where=where, limit=1_000)
    reached = await populated.delete_many("thing", where=where, dry_run=True)

    assert thing == twin
    assert reached.matched == sum(group.count for group in twin)


async def test_a_declared_range_may_be_rarer_than_max_scanned(typed):
    record, known = typed
    docs = documents_for(
        record, await organizations.create(record.system, "rare"), types=known, limits=Limits(scanned=20)
    )
    for type in ("thing", "twin"):
        await docs.put_many([{"type": type, "body": {"a": n}} for n in range(100)])

    assert [group.count for group in await docs.group("thing", by="@type", where={"a": {"$gte": 90}})] == [10]
    with pytest.raises(LimitExceeded):
        await docs.group("twin", by="@type", where={"a": {"$gte": 90}})
    changed = [
        (await docs.update_many(type, {"x": 1}, where={"a": {"$gte": 90}})).changed
        for type in ("thing", "twin")
    ]
    assert changed == [10, 10]
