"""Searching among documents with a label."""

from __future__ import annotations

from typing import Any

import pytest

from octavo.engines.search.postgres import PostgresSearch
from octavo.errors import InvalidFilter
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.projections.search import SearchProjection
from octavo.search.query import Hits, Search
from octavo.store import organizations
from tests.feeds import documents_of


@pytest.fixture
async def library(fresh_record: Record) -> Any:
    """Four letters about refunds, legal: a and b, of which b is tax too; another organization labels the same."""
    engine = PostgresSearch(fresh_record)
    made = [await organizations.create(fresh_record.system, name) for name in ("ours", "theirs")]
    for organization in made:
        documents = documents_of(fresh_record, organization.id)
        put = {n: await documents.put("letter", {"text": f"refund {n}"}, name=n) for n in "abcd"}
        await documents.label(put["a"].id, "legal", confidence=0.4)
        await documents.label(put["b"].id, "legal")
        await documents.label(put["b"].id, "tax")
    projection = SearchProjection(fresh_record.system, Feed(fresh_record.system, Wakeup()), engine)
    while await projection.step():
        pass

    async def search(**options: Any) -> Hits:
        return await Search(engine, fresh_record.app, max_limit=100).search(made[0].id, "refund", **options)

    return search


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"@labels": "legal"}, "ab"),
        ({"@labels": {"$eq": "legal", "$min_confidence": 0.5}}, "b"),
        ({"@labels": {"$all": ["legal", "tax"]}}, "b"),
        ({"@labels": {"$ne": "legal"}}, "cd"),
        ({"$or": [{"@labels": "tax"}, {"@name": "d"}]}, "bd"),
        ({"@labels": "unknown"}, ""),
    ],
    ids=str,
)
async def test_a_search_finds_what_has_the_label(library, where, found):
    hits = await library(where=where)

    assert sorted(hit.name for hit in hits.hits) == list(found)


async def test_labels_are_nothing_to_order_hits_by(library):
    with pytest.raises(InvalidFilter, match="@labels"):
        await library(order="@labels")
