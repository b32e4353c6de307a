"""Moving search to another engine and back: nothing fails, nothing wrong is read, and every step may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import octavo
from octavo.engines.search.tantivy import TantivySearch
from octavo.errors import Conflict, InvalidFilter, InvalidInput, InvalidSetting, StorageFault
from octavo.postgres.server import Server
from octavo.roles.search import Searchable
from octavo.workspace import Workspace
from tests.databases import migrated_database
from tests.engines_open import PATIENCE_SECONDS, again, filled, name_of, opened


@pytest.fixture
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    async with opened(server) as one:
        yield one


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An engine to move to."""
    return f"tantivy:{tmp_path / 'index'}"


async def _states(db: octavo.Octavo) -> dict[str, str]:
    return {one.url: one.state for one in await db.engines.list() if one.role == "search"}


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.02)


async def test_under_writes_and_reads_a_move_and_the_way_back_fail_nothing_and_show_nothing_wrong(
    server: Server, url: str
) -> None:
    async with opened(server, background=True) as db, again(server, name_of(db), system=False) as other:
        steady = await filled(db, 60)
        await db.drain()
        views = [db.default, await _view(db, other)]
        stop, wrong = asyncio.Event(), []
        reads = writes = 0

        async def write(number: int) -> None:
            """Each write is searched for by the process that made it, and by another one."""
            nonlocal writes
            while not stop.is_set():
                writes += 1
                word = f"word{number}x{writes}"
                made = await db.documents.put("article", {"title": f"Refund {word}"})
                for reader in views:
                    hits = await reader.search(word, after=made.position, wait_seconds=PATIENCE_SECONDS)
                    if [hit.id for hit in hits.hits] != [made.id]:
                        wrong.append(("not read", word))
                await db.documents.delete(made.id)
                gone = [await reader.search(word) for reader in views]
                wrong.extend(("read although deleted", word) for hits in gone if hits.hits)

        async def read(reader: Workspace) -> None:
            """What stands still is found whole, always."""
            nonlocal reads
            while not stop.is_set():
                reads += 1
                found = {hit.id for hit in (await reader.search("whales", limit=500)).hits}
                if found != set(steady):
                    wrong.append(("lost", len(found)))

        work = [asyncio.create_task(one) for one in (write(1), *map(read, views))]
        there = await db.engines.promote("search", url)
        await _until(lambda: _serves(other, url))
        back = await db.engines.demote("search")
        await _until(lambda: _serves(other, "postgres"))
        stop.set()
        await asyncio.gather(*work)

    assert wrong == []
    assert min(reads, writes) > 5
    assert there.verification.is_equal
    assert back.verification.is_equal
    assert (there.url, back.url) == (url, "postgres")


async def _view(db: octavo.Octavo, other: octavo.Octavo) -> Workspace:
    """The default organization in a process that may not look its name up."""
    return other.organization(str((await db.organizations.get("default")).id))


async def _serves(db: octavo.Octavo, url: str) -> bool:
    return db.engines._roster.place("search").url == url


async def test_the_engine_that_served_is_kept_up_to_date(db: octavo.Octavo, url: str) -> None:
    await filled(db, 5)
    await db.engines.promote("search", url)
    await filled(db, 3)
    await db.drain()

    kept = await db.engines.verify("search", "postgres")

    assert (kept.is_equal, kept.total.documents) == (True, 8)
    assert await _states(db) == {url: "live", "postgres": "kept"}
    assert len((await db.search("refund")).hits) == 8


async def test_a_process_that_is_opened_later_is_served_by_the_engine_that_serves(
    db: octavo.Octavo, server: Server, url: str
) -> None:
    ids = await filled(db, 3)
    await db.engines.promote("search", url)

    async with again(server, name_of(db), system=False) as other:
        view = await _view(db, other)
        assert {hit.id for hit in (await view.search("refund")).hits} == set(ids)
        assert await _serves(other, url)


async def test_pages_go_on_where_they_began_although_another_engine_serves_meanwhile(
    db: octavo.Octavo, url: str
) -> None:
    db.engines._roster.look_seconds = 0.05
    ids = await filled(db, 12)
    await db.drain()
    first = await db.search("refund", limit=5)
    await db.engines.promote("search", url)

    second = await db.search("refund", limit=5, cursor=first.cursor)
    third = await db.search("refund", limit=5, cursor=second.cursor)

    found = [hit.id for page in (first, second, third) for hit in page.hits]
    assert sorted(found) == sorted(ids)
    await db.engines.retire("search", "postgres")
    with pytest.raises(InvalidFilter, match="engine"):
        await db.search("refund", limit=5, cursor=second.cursor)


async def test_a_process_that_may_only_read_serves_by_its_setting_until_the_catalogue_says_more(
    server: Server, url: str
) -> None:
    async with (
        migrated_database(server) as name,
        again(server, name, system=False, vectors="postgres") as other,
    ):
        roster = other.engines._roster
        assert (roster.place("search").url, roster.entries) == ("postgres", [])

        async with again(server, name, search=url) as db:
            made = await db.documents.put("article", {"title": "A refund"})
            await db.drain()
            view = await _view(db, other)
            await _until(lambda: _serves(other, url))

            assert [hit.id for hit in (await view.search("refund")).hits] == [made.id]
            assert roster.place("vectors").url.startswith("postgres")


class _Broken(Exception):
    pass


@pytest.mark.parametrize("stage", ["filling", "comparing digests"])
async def test_a_promotion_that_was_broken_off_goes_on(db: octavo.Octavo, url: str, stage: str) -> None:
    await filled(db, 50)

    def break_off(what: str, done: int, total: int) -> None:
        if what == stage:
            raise _Broken

    # With no time at all the first wait ends with a word of the progress.
    with pytest.raises((_Broken, octavo.errors.PositionTimeout)):
        await db.engines.promote(
            "search", url, timeout_seconds=0.0 if stage == "filling" else None, progress=break_off
        )
    assert await _states(db) == {"postgres": "live", url: "building"}
    assert len((await db.search("refund", limit=100)).hits) <= 50

    done = await db.engines.promote("search", url)

    assert done.verification.total.documents == 50
    assert await _states(db) == {url: "live", "postgres": "kept"}


async def test_what_is_being_filled_is_filled_by_whoever_runs_projections(
    db: octavo.Octavo, server: Server, url: str
) -> None:
    await filled(db, 20)
    with pytest.raises(octavo.errors.PositionTimeout):
        await db.engines.promote("search", url, timeout_seconds=0.0)

    async with again(server, name_of(db), background=True) as worker:

        async def is_filled() -> bool:
            building = worker.engines._roster.found("search", url)
            assert building is not None
            return (await building.engine.position()).scanned is None

        await _until(is_filled)

    assert (await db.engines.verify("search", url)).total.documents == 20


class _Forgetful(TantivySearch):
    """Reports success for every load, and leaves the first document of each out."""

    async def apply(self, changes: Any, before: Any, after: Any) -> Any:
        kept = [one for one in changes if isinstance(one, Searchable)][1:]
        return await super().apply(kept, before, after)


async def test_an_engine_that_loses_documents_is_never_switched_to(
    db: octavo.Octavo, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(db, 10)
    monkeypatch.setattr("octavo.engines.search.choice.TantivySearch", _Forgetful)

    with pytest.raises(Conflict, match="1 missing"):
        await db.engines.promote("search", url)

    assert await _states(db) == {"postgres": "live", url: "building"}


async def test_what_cannot_be_is_refused_and_changes_nothing(db: octavo.Octavo, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")

    with pytest.raises(InvalidInput, match="already"):
        await db.engines.promote("search", "postgres")
    with pytest.raises(InvalidSetting, match="names no engine"):
        await db.engines.promote("search", "paper:./index")
    with pytest.raises(StorageFault):
        await db.engines.promote("search", f"tantivy:{file}")
    with pytest.raises(InvalidInput, match="kept"):
        await db.engines.demote("search")
    with pytest.raises(Conflict, match="serves"):
        await db.engines.retire("search", "postgres")
    with pytest.raises(InvalidInput, match="no engine"):
        await db.engines.retire("search", f"tantivy:{tmp_path / 'elsewhere'}")

    assert await _states(db) == {"postgres": "live"}


async def test_of_two_promotions_of_a_role_the_second_is_refused(
    db: octavo.Octavo, url: str, tmp_path: Path
) -> None:
    await filled(db, 5)
    with pytest.raises(octavo.errors.PositionTimeout):
        await db.engines.promote("search", url, timeout_seconds=0.0)

    with pytest.raises(Conflict, match="being filled"):
        await db.engines.promote("search", f"tantivy:{tmp_path / 'other'}")


async def test_a_retired_engine_is_emptied_and_filled_by_nobody(server: Server, url: str) -> None:
    async with opened(server, background=True) as db:
        db.engines._roster.look_seconds = 0.05
        await filled(db, 5)
        await db.engines.promote("search", url)
        await db.engines.retire("search", "postgres")
        made = await filled(db, 2)
        await db.drain()

        assert await _states(db) == {url: "live"}
        assert await db.record.system.fetch("SELECT FROM octavo.search_passage") == []
        assert set(made) <= {hit.id for hit in (await db.search("refund")).hits}


async def test_an_engine_is_retired_when_it_was_kept_for_long_enough(db: octavo.Octavo, url: str) -> None:
    db.engines._roster.look_seconds = 0.05
    await filled(db, 5)
    await db.engines.promote("search", url, keep_seconds=0.0)
    [planned] = [one for one in await db.maintain(dry_run=True) if one.task == "engines"]
    before = await _states(db)

    [done] = [one for one in await db.maintain() if one.task == "engines"]

    assert (planned.changed, done.changed) == (1, 1)
    assert before == {url: "live", "postgres": "kept"}
    assert await _states(db) == {url: "live"}


async def test_an_engine_may_be_kept_for_good(db: octavo.Octavo, url: str) -> None:
    await filled(db, 2)
    await db.engines.promote("search", url, keep_seconds=None)

    await db.maintain()

    assert await _states(db) == {url: "live", "postgres": "kept"}


async def test_documents_that_only_the_new_engine_cannot_take_are_named_before_anything_is_lost(
    db: octavo.Octavo, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await filled(db, 3)
    monkeypatch.setattr("octavo.engines.search.prepared.PASSAGE_BYTES", 100)
    bad: UUID = (await db.documents.put("article", {"text": "a refund of whales " * 20})).id

    with pytest.raises(Conflict, match="cannot take 1 documents"):
        await db.engines.promote("search", url)
    assert [one.id for one in await db.engines.parked("search", url)] == [bad]
    done = await db.engines.promote("search", url, accept_parked=True)

    assert (done.verification.total.parked, done.verification.total.documents) == (1, len(ids) + 1)


async def test_the_catalogue_gives_no_login_away(db: octavo.Octavo) -> None:
    with pytest.raises(octavo.errors.OctavoError):
        await db.record.system.execute(
            "INSERT INTO octavo.engine (role, url, state) VALUES ('search', 'x://me:secret@host', 'building')"
        )
