"""The search projection: what is committed is found, once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from octavo.engines.search.postgres import PostgresSearch
from octavo.errors import Conflict, OctavoError, PositionTimeout
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.lease import Lease
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.projections import heads
from octavo.projections.runner import Runner
from octavo.projections.search import SearchProjection
from octavo.search.query import Hits, Search
from octavo.store import organizations
from octavo.values.position import Position
from octavo.workspace import Documents
from tests.databases import administrator
from tests.feeds import documents_of

PATIENCE_SECONDS = 30.0


class Indexed:
    """A record whose documents are searched: what `octavo.open` builds, in parts."""

    def __init__(self, record: Record, organization: UUID) -> None:
        self.record = record
        self.organization = organization
        self.wakeup = Wakeup()
        self.engine = PostgresSearch(record)
        self.projection = self.new_projection()
        self.runner = self.new_runner(self.projection)
        self.documents = documents_of(record, organization, committed=self.wakeup.committed)

    def new_projection(self) -> SearchProjection:
        return SearchProjection(self.record.system, Feed(self.record.system, self.wakeup), self.engine)

    def new_runner(self, projection: SearchProjection, *, seconds: float = 6.0) -> Runner:
        return Runner(projection, Lease(self.record.system, "search", seconds=seconds), self.wakeup)

    async def search(self, text: str, **options: Any) -> Hits:
        search = Search(self.engine, self.record.app, moved=self.runner.moved)
        return await search.search(self.organization, text, **options)

    async def ids(self, text: str, **options: Any) -> list[UUID]:
        return [hit.id for hit in (await self.search(text, **options)).hits]

    async def end(self) -> Position:
        """The end of the log."""
        return await Feed(self.record.system, self.wakeup).position()

    async def drain(self) -> None:
        await self.runner.drain(await self.end(), PATIENCE_SECONDS)

    async def step_to_the_end(self, projection: SearchProjection) -> int:
        steps = 0
        while await projection.step():
            steps += 1
        return steps


@pytest.fixture
async def indexed(fresh_record: Record) -> AsyncIterator[Indexed]:
    organization = await organizations.create(fresh_record.system, "acme")
    made = Indexed(fresh_record, organization.id)
    yield made
    await made.runner.stop()


async def _many(documents: Documents, number: int, text: str = "a refund") -> list[UUID]:
    made = await documents.put_many(
        [{"type": "article", "body": {"text": text, "number": place}} for place in range(number)]
    )
    return [document.id for document in made]


async def test_documents_that_were_there_before_the_engine_are_found(indexed):
    ids = await _many(indexed.documents, 2_500)

    await indexed.drain()

    hits = await indexed.search("refund", limit=1000)
    assert len(hits.hits) == 1000
    assert {hit.id for hit in hits.hits} <= set(ids)
    assert (await indexed.engine.position()).scanned is None


async def test_every_change_reaches_the_index(indexed):
    """S0-059: deleting hides a document from search, restoring shows it again."""
    await indexed.drain()
    document = await indexed.documents.put("article", {"title": "First", "text": "cedar"})
    await indexed.drain()
    assert await indexed.ids("cedar first") == [document.id]

    await indexed.documents.patch(document.id, {"text": "maple"})
    await indexed.drain()
    assert (await indexed.ids("cedar"), await indexed.ids("maple")) == ([], [document.id])

    await indexed.documents.revert(document.id, 1)
    await indexed.drain()
    assert (await indexed.ids("cedar"), await indexed.ids("maple")) == ([document.id], [])

    await indexed.documents.delete(document.id)
    await indexed.drain()
    assert await indexed.ids("cedar") == []
    assert await indexed.record.system.fetch("SELECT FROM octavo.search_passage") == []

    await indexed.documents.restore(document.id)
    await indexed.drain()
    assert await indexed.ids("cedar") == [document.id]

    await indexed.documents.delete(document.id)
    await indexed.documents.purge(document.id)
    await indexed.drain()
    assert await indexed.ids("cedar") == []


async def test_metadata_and_names_are_searched_too(indexed):
    document = await indexed.documents.put(
        "article", {"text": "x"}, name="annual_report.pdf", metadata={"description": "about whales"}
    )
    await indexed.drain()

    assert await indexed.ids("report whales") == [document.id]


async def test_a_search_after_a_write_finds_it(indexed):
    indexed.runner.start()

    for number in range(20):
        document = await indexed.documents.put("article", {"text": f"cedar{number}"})
        assert await indexed.ids(f"cedar{number}", after=document.position) == [document.id]


async def test_a_search_after_a_position_as_text_waits_for_a_tag_too(indexed):
    indexed.runner.start()
    document = await indexed.documents.put("article", {"text": "cedar"})
    tag = await indexed.documents.tag(document.id, "production")

    hits = await indexed.search("cedar", after=str(tag.position))

    assert hits.position >= tag.position
    assert not hits.stale


async def test_a_search_waits_no_longer_than_it_is_told(indexed):
    await indexed.drain()
    document = await indexed.documents.put("article", {"text": "cedar"})

    with pytest.raises(PositionTimeout) as raised:
        await indexed.search("cedar", after=document.position, wait_seconds=0.05)

    assert str(document.position) in raised.value.message
    hits = await indexed.search("cedar", after=document.position, wait_seconds=0.05, fallback="stale")
    assert (hits.hits, hits.stale) == ([], True)
    assert hits.position < document.position


async def test_a_half_filled_engine_satisfies_no_position(indexed):
    await _many(indexed.documents, 1_500)
    for _ in range(2):
        await indexed.projection.step()
    reached = (await indexed.engine.position()).position

    hits = await indexed.search("refund", after=reached, wait_seconds=0.05, fallback="stale")

    assert hits.stale
    assert len(hits.hits) == 10


async def test_a_scan_goes_on_where_a_killed_process_left_it(indexed, monkeypatch):
    monkeypatch.setattr(heads, "DOCUMENTS_AT_ONCE", 100)
    await _many(indexed.documents, 450)
    for _ in range(3):
        await indexed.projection.step()
    left = await indexed.engine.position()

    successor = indexed.new_projection()
    steps = await indexed.step_to_the_end(successor)

    assert left.scanned is not None
    assert steps == 4, "two hundred were scanned before; then the end of the scan"
    assert len(await indexed.ids("refund", limit=1000)) == 450


async def test_what_changes_during_a_scan_is_found_as_it_is_at_the_end(indexed, monkeypatch):
    monkeypatch.setattr(heads, "DOCUMENTS_AT_ONCE", 50)
    ids = await _many(indexed.documents, 200)
    await indexed.projection.step()
    await indexed.projection.step()

    await indexed.documents.delete(ids[0])
    await indexed.documents.patch(ids[1], {"text": "cedar"})
    await indexed.documents.delete(ids[-1])
    new = await indexed.documents.put("article", {"text": "a refund"})
    await indexed.drain()

    assert set(await indexed.ids("refund", limit=1000)) == {*ids[2:-1], new.id}
    assert await indexed.ids("cedar") == [ids[1]]


async def test_large_bodies_come_in_several_loads_and_the_cursor_moves_with_the_last(indexed, monkeypatch):
    monkeypatch.setattr(heads, "BYTES_AT_ONCE", 200_000)
    await indexed.drain()
    text = " ".join(f"word{number:x}" for number in range(12_000))
    ids = [(await indexed.documents.put("article", {"text": f"{text} end{n}"})).id for n in range(6)]
    before = await indexed.engine.position()

    await indexed.projection.step()
    first = await indexed.engine.position()
    await indexed.step_to_the_end(indexed.projection)

    assert first == before
    assert set(await indexed.ids("word2edf")) == set(ids)
    assert (await indexed.engine.position()).position >= await _last_event(indexed)


async def _last_event(indexed: Indexed) -> Position:
    batch = await Feed(indexed.record.system, indexed.wakeup).read()
    return batch.events[-1].position


async def test_two_that_project_at_the_same_time_do_no_harm(indexed):
    await indexed.drain()
    ids = await _many(indexed.documents, 300)
    rival = indexed.new_projection()

    for _ in range(5):
        await asyncio.gather(
            indexed.step_to_the_end(indexed.projection),
            indexed.step_to_the_end(rival),
            return_exceptions=True,
        )

    assert sorted(await indexed.ids("refund", limit=1000)) == sorted(ids)
    rows = await indexed.record.system.fetch("SELECT document_id FROM octavo.search_passage")
    assert len(rows) == 300


async def test_a_projection_that_was_overtaken_is_refused_and_begins_where_the_engine_stands(indexed):
    await indexed.step_to_the_end(indexed.projection)
    await indexed.documents.put("article", {"text": "cedar"})
    await indexed.step_to_the_end(indexed.new_projection())
    await indexed.documents.put("article", {"text": "maple"})

    with pytest.raises(Conflict):
        await indexed.projection.step()
    await indexed.step_to_the_end(indexed.projection)

    assert len(await indexed.ids("cedar OR maple")) == 2


async def test_only_who_has_the_lease_projects(indexed):
    await indexed.drain()
    indexed.runner.start()
    document = await indexed.documents.put("article", {"text": "cedar"})
    waiting = indexed.new_runner(indexed.new_projection())

    await waiting.drain(document.position, PATIENCE_SECONDS)

    assert (await indexed.runner.status()).leads
    assert not (await waiting.status()).leads
    assert len(await indexed.ids("cedar")) == 1


async def test_whoever_waits_takes_over_when_the_leader_stops(indexed):
    await indexed.drain()
    indexed.runner.start()
    successor = indexed.new_runner(indexed.new_projection())
    successor.start()
    document = await indexed.documents.put("article", {"text": "cedar"})
    await indexed.search("cedar", after=document.position)

    await indexed.runner.stop()
    document = await indexed.documents.put("article", {"text": "maple"})
    await successor.drain(document.position, PATIENCE_SECONDS)

    assert (await successor.status()).leads
    await successor.stop()


async def test_a_runner_starts_and_stops_twice_or_is_never_started(indexed):
    await indexed.runner.stop()
    indexed.runner.start()
    indexed.runner.start()
    await indexed.runner.stop()
    await indexed.runner.stop()
    indexed.runner.start()
    document = await indexed.documents.put("article", {"text": "cedar"})

    assert await indexed.ids("cedar", after=document.position) == [document.id]


async def test_draining_says_when_it_cannot_reach_a_position(indexed):
    end = await indexed.end()
    ahead = Position(end.shard, end.epoch + 1, 1, 1)

    with pytest.raises(PositionTimeout, match="search"):
        await indexed.runner.drain(ahead, 0.05)


async def test_a_writer_that_stays_open_delays_and_loses_nothing(indexed):
    await indexed.drain()
    async with indexed.record.app.transaction() as open_writer:
        await open_writer.fetchrow("SELECT pg_current_xact_id()")
        document = await indexed.documents.put("article", {"text": "cedar"})
        hits = await indexed.search("cedar", after=document.position, wait_seconds=0.1, fallback="stale")
        assert hits.stale

    await indexed.runner.drain(document.position, PATIENCE_SECONDS)

    assert await indexed.ids("cedar") == [document.id]


async def test_a_document_that_cannot_be_indexed_is_parked_until_it_changes(
    indexed: Indexed, server: Server, fresh_database: str
) -> None:
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "ALTER TABLE octavo.search_text ADD CONSTRAINT unreadable CHECK (text NOT LIKE '%poison%')"
        )
    good = await _many(indexed.documents, 30)
    bad = await indexed.documents.put("article", {"text": "a refund of poison"})
    await indexed.drain()

    assert set(await indexed.ids("refund", limit=100)) == set(good)
    [parked] = await indexed.engine.parked(indexed.organization)
    assert (parked.id, parked.version) == (bad.id, 1)
    assert "poison" not in parked.message

    await indexed.documents.patch(bad.id, {"text": "a refund of honey"})
    await indexed.drain()
    assert await indexed.ids("honey") == [bad.id]
    assert await indexed.engine.parked() == []


async def test_a_fault_of_the_record_parks_no_document(
    indexed: Indexed, server: Server, fresh_database: str
) -> None:
    await indexed.drain()
    document = await indexed.documents.put("article", {"text": "a refund"})
    async with administrator(server, fresh_database) as admin:
        await admin.execute("ALTER TABLE octavo.search_text RENAME COLUMN title TO hidden")
        with pytest.raises(OctavoError):
            await indexed.step_to_the_end(indexed.projection)
        await admin.execute("ALTER TABLE octavo.search_text RENAME COLUMN hidden TO title")

    assert await indexed.engine.parked() == []
    await indexed.drain()
    assert await indexed.ids("refund") == [document.id]


async def test_a_rebuilt_engine_holds_the_same(indexed):
    ids = await _many(indexed.documents, 50)
    await indexed.documents.delete(ids[0])
    await indexed.drain()
    before = await indexed.search("refund", limit=100)

    await indexed.projection.rebuild()
    assert await indexed.ids("refund") == []
    await indexed.drain()

    after = await indexed.search("refund", limit=100)
    assert sorted(hit.id for hit in after.hits) == sorted(hit.id for hit in before.hits) == sorted(ids[1:])


async def test_segments_that_were_emptied_go(indexed):
    ids = await _many(indexed.documents, 20)
    await indexed.drain()
    for _ in range(3):
        for id in ids:
            await indexed.documents.patch(id, {"$inc": {"number": 1}})
        await indexed.drain()
    rows = await indexed.record.system.fetch("SELECT passages FROM octavo.search_segment")

    assert sum(row["passages"] for row in rows) == 20

    for id in ids:
        await indexed.documents.delete(id)
    await indexed.drain()
    assert await indexed.record.system.fetch("SELECT FROM octavo.search_segment") == []
