"""What searches by meaning send: as few statements as there are legs, on as few connections as there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.store import organizations
from tests.database.test_hybrid import TEXTS, Shop, names
from tests.databases import migrated_database, settings_of


@pytest.fixture(scope="module")
async def narrow_record(server: Server) -> AsyncIterator[Record]:
    """A record with one connection for searches."""
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name, pool_size=1))
        yield record
        await record.close()


@pytest.fixture(scope="module")
async def shop(narrow_record: Record) -> Shop:
    """Six articles, which have been searched once: what is known of words and shelves is known."""
    made = Shop(narrow_record, (await organizations.create(narrow_record.system, "shop")).id)
    for name, text in TEXTS.items():
        await made.documents.put("article", {"title": name.title(), "text": text}, name=name)
    await made.fill()
    await made.search("bake bread")
    return made


@pytest.fixture
def sent(narrow_record: Record) -> Iterator[list[str]]:
    """The statements of a test's searches."""
    statements: list[str] = []
    stop = narrow_record.app.observe(statements.append)
    yield statements
    stop()


async def test_a_search_by_meaning_is_one_statement(shop, sent):
    hits = await shop.search("bake bread", "semantic", type="article", limit=3)

    assert len(hits.hits) == 3
    assert len(sent) == 1
    assert "octavo.vector_passage" in sent[0]


async def test_a_hybrid_search_is_a_statement_a_leg(shop, sent):
    hits = await shop.search("bake bread", limit=3)

    assert hits.hits[0].highlight.startswith("<mark>Bake</mark>")
    assert [("search_lookup" in one, "vector_passage" in one) for one in sent] == [
        (True, False),
        (False, True),
    ]


async def test_legs_that_share_one_connection_wait_for_each_other_and_not_for_ever(shop):
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(shop.search("bake bread", limit=3) for _ in range(20)))

    assert {tuple(names(hits)) for hits in found} == {("bread", "cake", names(found[0])[2])}
