"""A purge beside other writers: what is committed while it waits for the lock goes too."""

from __future__ import annotations

import asyncio
from typing import Any

from octavo.store.scope import Scope
from octavo.workspace import Documents
from octavo.workspace.transactions import unit_of_work

LEFT = """
SELECT
    (SELECT count(*) FROM octavo.version WHERE document_id = $1) AS versions,
    (SELECT count(*) FROM octavo.tag WHERE document_id = $1) AS tags,
    (SELECT count(*) FROM octavo.document_filter WHERE document_id = $1) AS filters,
    (SELECT count(*) FROM octavo.document_label WHERE document_id = $1) AS labels,
    (SELECT count(*) FROM octavo.body WHERE organization_id = $2) AS bodies
"""


async def test_what_is_committed_while_a_purge_waits_for_the_lock_is_purged_too(
    docs: Documents, record: Any, scope: Scope
):
    doc = await docs.put("article", {"secret": 1})

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await tx.documents.patch(doc.id, {"secret": 2})
        await tx.documents.tag(doc.id, "production")
        await tx.documents.label(doc.id, "legal")
        purge = asyncio.create_task(docs.purge(doc.id))
        await _waits_for_a_lock(record)
    await purge

    (left,) = await record.system.fetch(LEFT, doc.id, scope.organization)
    assert dict(left) == {"versions": 0, "tags": 0, "filters": 0, "labels": 0, "bodies": 0}


async def _waits_for_a_lock(record: Any) -> None:
    """Returns when a statement of this database waits for another transaction."""
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    for _ in range(10_000):
        if await record.system.fetch(waiting):
            return
    raise AssertionError("nobody waits")
