"""Does an engine hold what the record says: everything that differs is found, and nothing else; repair mends it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

import octavo
from octavo.errors import InvalidInput, PositionTimeout
from octavo.postgres.server import Server
from octavo.projections import tending
from octavo.projections.verify import Verification
from tests.databases import administrator
from tests.engines_open import Hand, filled, name_of, opened


@pytest.fixture
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    async with opened(server) as one:
        yield one


@pytest.fixture(params=["postgres", "tantivy"])
async def either(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path
) -> AsyncIterator[octavo.Octavo]:
    """A database searched by each engine in turn."""
    url = request.param if request.param == "postgres" else f"tantivy:{tmp_path}"
    async with opened(server, search=url) as one:
        yield one


def _hand(db: octavo.Octavo, seed: int = 1) -> Hand:
    return Hand(db, db.settings.search or "postgres", random.Random(seed))


def _told(found: Verification) -> set[tuple[UUID, UUID, str]]:
    return {(one.organization, one.id, one.kind) for one in found.differences}


async def _owner(db: octavo.Octavo, name: str = "default") -> UUID:
    return (await db.organizations.get(name)).id


async def test_everything_that_was_tampered_with_is_found_and_repaired(either: octavo.Octavo) -> None:
    names = ("default", "acme", "globex")
    made = [await filled(either, 60, name) for name in names]
    ids = dict(zip([await _owner(either, name) for name in names], made, strict=True))
    await either.drain()
    done = await _hand(either).spoil(list(ids), ids)

    found = await either.engines.verify("search")
    repaired = await either.engines.repair("search")

    assert _told(found) == done
    assert found.total.missing + found.total.stale + found.total.ghosts == len(done)
    assert (repaired.documents, repaired.verification.is_equal) == (len(done), True)
    assert (await either.search("krakens")).hits == []


async def test_an_engine_that_holds_36_of_1178_documents_is_not_taken_for_whole(
    either: octavo.Octavo,
) -> None:
    """The named case: every load had reported success, and the engine stands at the end of the log."""
    ids = await filled(either, 1_178)
    await either.drain()
    await _hand(either).lose(await _owner(either), ids[36:])
    status = await either.projections["search"].status()

    found = await either.engines.verify("search")
    repaired = await either.engines.repair("search")

    assert not status.filling
    assert (found.total.documents, found.total.missing) == (1_178, 1_142)
    assert len(found.differences) == 1_000
    assert (repaired.documents, repaired.verification.is_equal) == (1_142, True)


async def test_an_equal_engine_is_found_equal_and_the_catalogue_remembers_it(db: octavo.Octavo) -> None:
    ids = await filled(db, 30)
    await db.documents.delete(ids[0])
    await db.documents.delete(ids[1])
    await db.documents.purge(ids[1])
    await db.documents.patch(ids[2], {"title": "Another"})

    found = await db.engines.verify("search")

    [engine] = [one for one in await db.engines.list() if one.role == "search"]
    assert (found.is_equal, found.total.documents, found.differences) == (True, 28, [])
    assert (engine.equal_documents, engine.equal_position) == (28, str(found.position))


async def test_a_deleted_document_that_an_engine_still_holds_is_a_ghost(db: octavo.Octavo) -> None:
    ids = await filled(db, 3)
    for id in ids[:2]:
        await db.documents.delete(id)
    await db.documents.purge(ids[1])
    await db.drain()
    await _hand(db).invent(await _owner(db), ids[:2])

    found = await db.engines.verify("search")

    assert {(id, kind) for _, id, kind in _told(found)} == {(ids[0], "ghost"), (ids[1], "ghost")}


@pytest.mark.parametrize("table", ["search_passage", "search_text"])
async def test_a_document_that_lost_one_of_its_passages_is_stale(db: octavo.Octavo, table: str) -> None:
    text = "\n\n".join(f"Chapter {number}. " + "Whales and krakens swim. " * 60 for number in range(6))
    whole = await db.documents.put("article", {"text": text})
    await filled(db, 5)
    await db.drain()
    await db.record.system.execute(
        f"DELETE FROM octavo.{table} WHERE document_id = $1 AND ordinal = 2", whole.id
    )

    found = await db.engines.verify("search")

    assert [(one.id, one.kind, one.held) for one in found.differences] == [(whole.id, "stale", 0)]
    assert (await db.engines.repair("search")).verification.is_equal


async def test_counts_are_told_by_organization(db: octavo.Octavo) -> None:
    mine, theirs = await filled(db, 4), await filled(db, 5, "acme")
    acme = await _owner(db, "acme")
    await db.drain()
    await _hand(db).lose(acme, theirs[:2])

    found = await db.engines.verify("search")

    assert list(found.organizations) == [acme]
    assert (found.organizations[acme].documents, found.organizations[acme].missing) == (5, 2)
    assert found.total.documents == len(mine) + len(theirs)


async def test_what_an_engine_cannot_take_is_told_apart_until_it_can(
    db: octavo.Octavo, server: Server
) -> None:
    async with administrator(server, name_of(db)) as admin:
        await admin.execute(
            "ALTER TABLE octavo.search_text ADD CONSTRAINT unreadable CHECK (text NOT LIKE '%poison%')"
        )
        good, bad = await filled(db, 3), await db.documents.put("article", {"text": "poison"})
        found = await db.engines.verify("search")
        in_vain = await db.engines.retry("search")
        await admin.execute("ALTER TABLE octavo.search_text DROP CONSTRAINT unreadable")

    assert (found.is_equal, found.total.parked, found.total.documents) == (True, 1, len(good) + 1)
    assert (in_vain.taken, [one.id for one in in_vain.parked]) == (0, [bad.id])
    assert [one.id for one in await db.engines.parked("search")] == [bad.id]
    assert (await db.engines.retry("search")).taken == 1
    assert await db.engines.parked("search") == []
    assert (await db.engines.verify("search")).total.parked == 0


async def test_what_is_parked_is_tried_again_by_itself(
    db: octavo.Octavo, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = db.engines._roster.place("search")
    assert place.projection is not None
    async with administrator(server, name_of(db)) as admin:
        await admin.execute(
            "ALTER TABLE octavo.search_text ADD CONSTRAINT unreadable CHECK (text NOT LIKE '%poison%')"
        )
        await db.documents.put("article", {"text": "poison"})
        await db.drain()
        await admin.execute("ALTER TABLE octavo.search_text DROP CONSTRAINT unreadable")

    assert len(await place.projection.parked()) == 1
    monkeypatch.setattr(place.projection, "_retry_at", 0.0)
    while await place.projection.step():
        pass

    assert await place.projection.parked() == []


async def test_beside_writers_only_what_is_really_wrong_is_told(server: Server) -> None:
    async with opened(server, background=True) as db:
        ids = await filled(db, 200)
        await db.drain()
        lost, outdated, changing = ids[:3], ids[3:6], ids[6:]
        hand, owner = _hand(db), await _owner(db)
        await hand.lose(owner, lost)
        await hand.invent(owner, outdated, version=7)
        chance, stop = random.Random(5), asyncio.Event()

        async def write() -> None:
            mine: list[UUID] = []
            while not stop.is_set():
                await db.documents.patch(chance.choice(changing), {"$inc": {"n": 1}})
                mine.append((await db.documents.put("article", {"title": "A new refund"})).id)
                if len(mine) > 3:
                    await db.documents.delete(mine.pop(0))

        writers = [asyncio.create_task(write()) for _ in range(3)]
        found = [await db.engines.verify("search") for _ in range(5)]
        stop.set()
        await asyncio.gather(*writers)

        wrong = {(owner, id, "missing") for id in lost} | {(owner, id, "stale") for id in outdated}
        assert [_told(one) for one in found] == [wrong] * 5


async def test_an_engine_that_cannot_come_to_the_end_of_the_log_is_not_called_equal(
    db: octavo.Octavo,
) -> None:
    await filled(db, 3)
    await db.drain()
    async with db.record.app.transaction() as open_writer:
        await open_writer.fetchrow("SELECT pg_current_xact_id()")
        await db.documents.put("article", {"title": "Later"})

        with pytest.raises(PositionTimeout):
            await db.engines.verify("search", timeout_seconds=0.2)

    assert (await db.engines.verify("search")).is_equal


async def test_a_rebuild_mends_everything_and_no_search_misses_anything_meanwhile(
    either: octavo.Octavo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending.heads, "DOCUMENTS_AT_ONCE", 20)
    ids = await filled(either, 120)
    await either.drain()
    hand, owner = _hand(either), await _owner(either)
    await hand.invent(owner, ids[:10], version=9)
    stop, seen = asyncio.Event(), []

    async def read() -> None:
        while not stop.is_set():
            seen.append(len((await either.search("refund", limit=200)).hits))

    reader = asyncio.create_task(read())
    done = await either.engines.rebuild("search")
    stop.set()
    await reader

    assert set(seen) == {120}
    assert (done.documents, done.verification.is_equal) == (120, True)


async def test_a_role_or_an_engine_that_is_not_there_is_named(db: octavo.Octavo) -> None:
    with pytest.raises(InvalidInput, match="no role 'cache'"):
        await db.engines.verify("cache")
    with pytest.raises(InvalidInput, match="tantivy:/elsewhere"):
        await db.engines.verify("search", "tantivy:/elsewhere")


async def test_a_document_without_text_is_not_missed_among_vectors(server: Server) -> None:
    async with opened(server, vectors="postgres") as db:
        await filled(db, 3)
        silent = await db.documents.put("article", {"number": 7})

        found = await db.engines.verify("vectors")
        await db.record.system.execute("DELETE FROM octavo.vector_passage WHERE document_id <> $1", silent.id)
        damaged = await db.engines.verify("vectors")
        repaired = await db.engines.repair("vectors")

    assert (found.is_equal, found.total.documents) == (True, 4)
    assert (damaged.total.missing + damaged.total.stale, repaired.documents) == (3, 3)
    assert repaired.verification.is_equal
