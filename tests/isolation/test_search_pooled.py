"""Searching behind a real transaction pooler (S0-062): what a statement sets, no other organization meets."""

from __future__ import annotations

import asyncio

from octavo.engines.search.postgres import PostgresSearch
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import open_record
from octavo.projections.search import SearchProjection
from octavo.search.query import Search
from octavo.settings import Settings
from octavo.store import organizations
from tests.feeds import documents_of

SEARCHES = 200


async def test_many_organizations_find_their_own_behind_a_pooler(behind: Settings) -> None:
    record = await open_record(behind)
    try:
        owners = [await organizations.create(record.system, f"owner-{number}") for number in range(8)]
        own = {
            owner.id: (await documents_of(record, owner.id).put("article", {"text": "a secret refund"})).id
            for owner in owners
        }
        engine = PostgresSearch(record)
        projection = SearchProjection(record.system, Feed(record.system, Wakeup()), engine)
        while await projection.step():
            pass

        search = Search(engine, record.app)
        found = await asyncio.gather(
            *(search.search(owners[number % 8].id, "secret refund") for number in range(SEARCHES))
        )

        assert [[hit.id for hit in hits.hits] for hits in found] == [
            [own[owners[number % 8].id]] for number in range(SEARCHES)
        ]
    finally:
        await record.close()
