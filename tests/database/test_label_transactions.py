"""Labels and links in a transaction of several changes: all or nothing."""

from __future__ import annotations

import pytest

from octavo.store.transaction import transaction
from octavo.workspace import Documents
from tests.database.conftest import documents_for


async def test_a_document_its_label_and_its_link_commit_together(
    docs: Documents, record, organization, scope
):
    other = await docs.put("note", {})
    async with transaction(record.app, scope) as inside:
        within = documents_for(record, organization, runner=inside.runner)
        doc = await within.put("note", {})
        await within.label(doc.id, "legal")
        await within.link(doc.id, "references", other.id)
        assert await docs.count(where={"@labels": "legal"}) == 0

    assert [found.id async for found in docs.find(where={"@labels": "legal"})] == [doc.id]
    assert [link.target for link in (await docs.links(doc.id)).links] == [other.id]


async def test_what_fails_behind_a_label_takes_it_back(docs: Documents, record, organization, scope):
    doc = await docs.put("note", {})

    async def interrupted() -> None:
        async with transaction(record.app, scope) as inside:
            within = documents_for(record, organization, runner=inside.runner)
            await within.label(doc.id, "legal")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()

    assert await docs.labels(doc.id) == []
    assert (await docs.get(doc.id)).position == doc.position
