"""A database whose search engine is a cluster: opened with it, and moved there while documents are written."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

import octavo
from octavo.errors import InvalidInput, Unavailable
from octavo.postgres.server import Server
from tests.databases import migrated_database, settings_of
from tests.engines_open import Hand, filled, opened
from tests.opensearch import opensearch_server


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with opensearch_server() as host:
        yield host


@pytest.fixture
async def database(server: Server) -> AsyncIterator[octavo.Settings]:
    async with migrated_database(server) as name:
        yield settings_of(server, name)


def _open(settings: octavo.Settings, search: str) -> octavo.Octavo:
    return octavo.open(record=settings.record, record_system=settings.record_system, search=search)


async def test_what_is_written_is_found_in_the_cluster(database: octavo.Settings, cluster: str) -> None:
    """S0-033, S1-010, S1-109, S1-111, S1-112, S1-113, S1-114, S1-115: filters and facets are the record's."""
    async with _open(database, f"opensearch://{cluster}/found?replicas=0") as db:
        cheap = {
            "price_range": [
                {"min": 10, "max": 20, "currency": "USD"},
                {"min": 50, "max": 60, "currency": "EUR"},
            ]
        }
        fair = {"price_range": [{"min": 10, "max": 20, "currency": "EUR"}]}
        about = {"category": "music", "status": "published", "organizer_id": "o1", "tags": ["open air"]}
        await db.documents.put(
            "event", {"title": "The Running Concerts", "start_date": "2026-05-01", **about, **cheap}
        )
        last = await db.documents.put(
            "event", {"title": "A concert", "start_date": "2026-06-01", **about, **fair}
        )

        hits = await db.search(
            "concert run OR concerts",
            where={
                "price_range": {"$elemMatch": {"min": 10, "currency": "EUR"}},
                "start_date": {"$gte": "2026-01-01"},
                "organizer_id": "o1",
                "status": "published",
                "tags": "open air",
            },
            facets=["category", "tags", "status", "organizer_id"],
            after=last.position,
            wait_seconds=60,
        )

        assert [hit.id for hit in hits.hits] == [last.id]
        assert [facet.values[0].documents for facet in hits.facets] == [1, 1, 1, 1]


async def test_search_moves_to_the_cluster_and_back_while_documents_are_written(
    database: octavo.Settings, cluster: str
) -> None:
    """S0-033: equal before the switch, nothing deleted answers, what was written is found."""
    url = f"opensearch://{cluster}/moved?replicas=0"
    async with _open(database, "postgres") as db:
        first = [await db.documents.put("note", {"text": f"refund {number}"}) for number in range(20)]
        writing = asyncio.create_task(_write(db))
        moved = await db.engines.promote("search", url)
        deleted = first.pop()
        await db.documents.delete(deleted.id)
        written = await writing
        last = await db.documents.put("note", {"text": "refund at last"})

        hits = await db.search("refund", limit=100, after=last.position, wait_seconds=60)
        report = await db.engines.verify("search")
        back = await db.engines.demote("search")

    assert moved.verification is not None
    assert moved.verification.is_equal
    assert {hit.id for hit in hits.hits} == {one.id for one in [*first, *written, last]}
    assert report.is_equal
    assert back.url == "postgres"


async def test_two_engines_are_never_in_one_place(database: octavo.Settings, cluster: str) -> None:
    """What is emptied when the one is retired would be what the other one serves."""
    async with _open(database, "postgres") as db:
        await db.engines.promote("search", f"opensearch://{cluster}/one?replicas=0")

        with pytest.raises(InvalidInput, match="in the same place as"):
            await db.engines.promote("search", f"opensearch://{cluster}/one?replicas=0&timeout=9")

        assert [one.state for one in await db.engines.list() if one.role == "search"] == ["live", "kept"]


async def test_an_engine_that_is_retired_leaves_nothing_in_the_cluster(
    database: octavo.Settings, cluster: str
) -> None:
    url = f"opensearch://{cluster}/left?replicas=0"
    async with _open(database, "postgres") as db:
        await db.documents.put("note", {"text": "refund"})
        await db.engines.promote("search", url)
        there = _indexes(cluster, "left")
        await db.engines.demote("search")

        await db.engines.retire("search", url)

        assert [one.url for one in await db.engines.list() if one.role == "search"] == ["postgres"]
    assert there
    assert _indexes(cluster, "left") == []


def _indexes(cluster: str, prefix: str) -> list[str]:
    told = httpx.get(f"http://{cluster}/_cat/indices?format=json").json()
    return [one["index"] for one in told if one["index"].startswith(prefix)]


async def test_when_the_cluster_is_gone_the_engine_that_is_kept_answers(database: octavo.Settings) -> None:
    """Writes go on, what they wrote is found, and the answer says that it is not from the engine that serves."""
    async with _open(database, "postgres") as db:
        before = await db.documents.put("note", {"text": "a refund before"})
        with opensearch_server() as host:
            await db.engines.promote("search", f"opensearch://{host}/gone?replicas=0")
            served = await db.search("refund", after=before.position, wait_seconds=60)
        written = await db.documents.put("note", {"text": "a refund meanwhile"})

        hits = await db.search("refund", after=written.position, wait_seconds=60, facets=["@type"])
        more = await db.search("refund", limit=1)
        last = await db.search("refund", limit=1, cursor=more.cursor)

    assert not served.degraded
    assert hits.degraded
    assert {hit.id for hit in hits.hits} == {before.id, written.id}
    assert hits.facets[0].values[0].documents == 2
    assert {hit.id for hit in [*more.hits, *last.hits]} == {before.id, written.id}


async def test_when_the_cluster_is_gone_and_nothing_is_kept_a_search_says_so(
    database: octavo.Settings,
) -> None:
    async with _open(database, "postgres") as db:
        with opensearch_server() as host:
            await db.engines.promote("search", f"opensearch://{host}/alone?replicas=0")
            await db.engines.retire("search", "postgres")

        with pytest.raises(Unavailable):
            await db.search("refund")
        written = await db.documents.put("note", {"text": "written all the same"})

    assert written.version == 1


async def test_everything_that_was_tampered_with_in_the_cluster_is_found_and_repaired(
    server: Server, cluster: str
) -> None:
    url = f"opensearch://{cluster}/spoilt?replicas=0"
    async with opened(server, search=url) as db:
        names = ("default", "acme")
        made = [await filled(db, 30, name) for name in names]
        owners = [(await db.organizations.get(name)).id for name in names]
        ids = dict(zip(owners, made, strict=True))
        await db.drain()
        hand = Hand(db, url, random.Random(1))
        done = await hand.spoil(owners, ids)
        await hand.close()

        found = await db.engines.verify("search")
        repaired = await db.engines.repair("search")

    assert {(one.organization, one.id, one.kind) for one in found.differences} == done
    assert (repaired.documents, repaired.verification.is_equal) == (len(done), True)


async def _write(db: octavo.Octavo) -> list[octavo.Document]:
    return [await db.documents.put("note", {"text": f"refund later {number}"}) for number in range(30)]
