"""An engine is made anew while it is read and written: nothing fails, nothing wrong is read, a kill costs nothing."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import octavo
from octavo.errors import Conflict, InvalidInput, InvalidSetting
from octavo.postgres.server import Server
from octavo.projections import heads
from octavo.projections.promote import retire_overdue
from tests.clickhouse import clickhouse
from tests.databases import administrator, settings_of
from tests.engines_open import PATIENCE_SECONDS, Hand, again, filled, name_of, opened
from tests.opensearch import opensearch_server
from tests.qdrant_server import qdrant_server

_places = count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with opensearch_server() as host:
        yield host


@pytest.fixture(scope="module")
def house() -> Iterator[str]:
    with clickhouse() as url:
        yield url.rpartition("/")[0]


@pytest.fixture(scope="module")
def qdrant() -> Iterator[str]:
    with qdrant_server() as server:
        yield server.address


@pytest.fixture
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    async with opened(server) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"tantivy:{tmp_path / 'index'}"


def _url(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> str:
    """An engine of a kind that no other test uses."""
    if kind == "tantivy":
        return f"tantivy:{tmp_path / 'index'}"
    if kind == "opensearch":
        return f"opensearch://{request.getfixturevalue('cluster')}/rebuilt{next(_places)}?replicas=0"
    if kind == "qdrant":
        return f"qdrant://{request.getfixturevalue('qdrant')}/rebuilt{next(_places)}"
    if kind == "clickhouse":
        return f"{request.getfixturevalue('house')}/rebuilt_{next(_places)}"
    return "postgres"


async def _states(db: octavo.Octavo, role: str) -> dict[str, str]:
    return {one.url: one.state for one in await db.engines.list() if one.role == role}


class Traffic:
    """Writes, deletes and looks for documents in one mode, and tells whatever was wrong."""

    def __init__(self, db: octavo.Octavo, steady: set[UUID], mode: str) -> None:
        self.wrong: list[tuple[str, object]] = []
        self.reads = self.writes = 0
        self._db = db
        self._steady = steady
        self._mode: Any = mode
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(one) for one in (self._write(), self._read())]

    async def end(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _write(self) -> None:
        while not self._stop.is_set():
            self.writes += 1
            word = f"heron{self.writes}"
            made = await self._db.documents.put("note", {"title": word})
            if made.id not in await self._found(word, after=made.position, wait_seconds=PATIENCE_SECONDS):
                self.wrong.append(("written and not found", word))
            await self._db.documents.delete(made.id)
            if made.id in await self._found(word):
                self.wrong.append(("deleted and found", word))

    async def _read(self) -> None:
        """What stands still is found whole, always."""
        while not self._stop.is_set():
            self.reads += 1
            found = await self._found("whales refund", type="article", limit=200)
            if found != self._steady:
                self.wrong.append(("found of what stands still", len(found)))

    async def _found(self, text: str, **options: Any) -> set[UUID]:
        return {hit.id for hit in (await self._db.search(text, mode=self._mode, **options)).hits}


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("search", "postgres"),
        ("search", "tantivy"),
        ("search", "opensearch"),
        ("vectors", "postgres"),
        ("vectors", "qdrant"),
    ],
)
async def test_under_writes_and_reads_a_rebuild_fails_nothing_and_shows_nothing_wrong(
    request: pytest.FixtureRequest,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    kind: str,
) -> None:
    monkeypatch.setattr(heads, "DOCUMENTS_AT_ONCE", 20)  # many loads, so that much is read in between
    options = {"vectors": "none", role: _url(request, kind, tmp_path)}
    async with opened(server, background=True, **options) as db:
        traffic = Traffic(db, set(await filled(db, 60)), "semantic" if role == "vectors" else "keyword")
        await db.drain()
        [before] = await _states(db, role)

        traffic.begin()
        done = await db.engines.rebuild(role)
        places = [before, done.verification.url]
        while min(traffic.reads, traffic.writes) < 3:
            done = await db.engines.rebuild(role)
            places.append(done.verification.url)
        await traffic.end()

        in_place = (role, kind) == ("search", "postgres")
        numbers = [f"{before}#{number}" for number in range(2, len(places) + 1)]
        assert traffic.wrong == []
        assert done.verification.is_equal
        assert done.documents >= 60
        assert done.before == (None if in_place else places[-2])
        assert places[1:] == ([before] * len(numbers) if in_place else numbers)
        assert await _states(db, role) == {**dict.fromkeys(places, "kept"), places[-1]: "live"}


@pytest.mark.parametrize("kind", ["postgres", "clickhouse"])
async def test_every_sale_is_counted_once_while_analytics_is_made_anew(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, kind: str
) -> None:
    url = _url(request, kind, tmp_path)
    async with opened(server, background=True, analytics=url) as db:
        stop, wrong = asyncio.Event(), []
        sold = 0

        async def trade() -> None:
            nonlocal sold
            while not stop.is_set():
                sold += 1
                position = await _sell(db, sold)
                told = await _counted(db, position)
                if told != {"n": sold, "sum": Decimal(sold * (sold + 1)) / 2, "users": 1}:
                    wrong.append((sold, told))

        work = asyncio.create_task(trade())
        done = [await db.engines.rebuild("analytics")]
        while sold < 3:
            done.append(await db.engines.rebuild("analytics"))
        stop.set()
        await work

        assert wrong == []
        assert all(one.verification.is_equal for one in done)
        assert [one.verification.url for one in done] == [
            url if kind == "postgres" else f"{url}#{number}" for number in range(2, len(done) + 2)
        ]


async def _sell(db: octavo.Octavo, amount: int) -> octavo.Position:
    return (await db.events.append("ticket-1", "ticket.sold", {"amount": amount})).position


async def _sold(db: octavo.Octavo, number: int) -> None:
    """So many sales, counted."""
    sales = [{"type": "ticket.sold", "data": {"amount": amount}} for amount in range(number)]
    await db.events.append_many("ticket-1", sales)
    await db.drain()


async def _counted(db: octavo.Octavo, after: octavo.Position | None = None) -> dict[str, Any]:
    measures = {"n": "count", "sum": "sum:amount", "users": "unique:actor"}
    series = await db.analytics.series(
        type="ticket.sold", measures=measures, after=after, wait_seconds=PATIENCE_SECONDS
    )
    return dict(series.points[0].values)


SPOILT = {
    "a fact is missing": "DELETE FROM octavo.analytics_fact WHERE fields @> '{\"amount\": 3}'",
    "a fact is another": (
        "UPDATE octavo.analytics_fact SET fields = '{\"amount\": 999}' WHERE fields @> '{\"amount\": 3}'"
    ),
    "a fact is of no event": (
        "INSERT INTO octavo.analytics_fact SELECT organization_id, time, epoch, position_xid, id + 1000000,"
        " recorded_at, type, kind, stream, document_id, document_type, actor, session, fields"
        " FROM octavo.analytics_fact WHERE fields @> '{\"amount\": 4}'"
    ),
    "a fact stands twice": (
        "INSERT INTO octavo.analytics_fact SELECT organization_id, time - interval '1 day', epoch, position_xid, id,"
        " recorded_at, type, kind, stream, document_id, document_type, actor, session, fields"
        " FROM octavo.analytics_fact WHERE fields @> '{\"amount\": 4}'"
    ),
    "a sum is another": "UPDATE octavo.analytics_total SET total = total + 1 WHERE field = 'amount'",
    "a sum is missing": "DELETE FROM octavo.analytics_total WHERE field = 'amount'",
    "a member is missing": "DELETE FROM octavo.analytics_member WHERE dimension = 'actor'",
    "all is missing": "TRUNCATE octavo.analytics_fact, octavo.analytics_total, octavo.analytics_member",
}


async def test_whatever_is_wrong_with_facts_and_sums_a_rebuild_in_their_place_mends(
    server: Server, db: octavo.Octavo
) -> None:
    await _sold(db, 6)
    right, held = await _counted(db), await _rows(db)
    async with administrator(server, name_of(db)) as admin:
        for what, spoiling in SPOILT.items():
            await admin.execute(spoiling)
            assert await _rows(db) != held, what

            done = await db.engines.rebuild("analytics")

            assert done.verification.is_equal, what
            assert await _rows(db) == held, what
    assert await _counted(db) == right


async def _rows(db: octavo.Octavo) -> list[Any]:
    """All that is held of facts, as text."""
    tables = ("analytics_fact", "analytics_total", "analytics_classed", "analytics_member")
    return [
        [
            tuple(row)
            for row in await db.record.system.fetch(f"SELECT t::text FROM octavo.{one} AS t ORDER BY 1")
        ]
        for one in tables
    ]


async def test_a_repair_of_facts_forgets_nothing_that_is_right(server: Server, db: octavo.Octavo) -> None:
    await _sold(db, 6)
    right = await _counted(db)
    async with administrator(server, name_of(db)) as admin:
        for name in ("a fact is missing", "a fact is of no event", "a sum is another"):
            await admin.execute(SPOILT[name])
        # Whoever empties a table while it is mended is refused.
        await admin.execute(
            "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN IF OLD.id < 1000000 THEN RAISE 'deleted'; END IF; RETURN OLD; END$$;"
            "CREATE TRIGGER kept BEFORE DELETE ON octavo.analytics_fact FOR EACH ROW EXECUTE FUNCTION kept()"
        )

    repaired = await db.engines.repair("analytics")

    assert repaired.verification.is_equal
    assert await _counted(db) == right


# Begins a rebuild, and stays in the middle of it for ever once it has told of something.
BROKEN_OFF = """
import asyncio, sys, time
import octavo
from octavo.projections import mending, tending
from octavo.projections.documents import DocumentProjection
from octavo.projections.folds import FoldProjection

record, system, role, vectors = sys.argv[1:]
steps = 0

def stay(what, done, total):
    global steps
    steps += 1
    if what.startswith(("telling", "comparing")) and steps >= 3:
        print(what, done, flush=True)
        time.sleep(1_000_000)

async def main():
    tending.heads.DOCUMENTS_AT_ONCE = 20
    mending.EVENTS_AT_ONCE = 20
    async with octavo.open(record=record, record_system=system, background=False, vectors=vectors) as db:
        await db.engines.rebuild(role, progress=stay)

asyncio.run(main())
"""


def _broken_off(server: Server, db: octavo.Octavo, role: str) -> str:
    """Begin a rebuild in another process, and kill it in the middle; returns what it did."""
    settings = settings_of(server, name_of(db))
    assert settings.record_system is not None
    arguments = [settings.record, settings.record_system, role, db.settings.vectors]
    with subprocess.Popen(
        [sys.executable, "-c", BROKEN_OFF, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    return said


async def test_a_rebuild_in_its_place_that_is_killed_goes_on_where_it_was(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "DOCUMENTS_AT_ONCE", 20)
    async with opened(server, vectors="none") as db:
        ids = await filled(db, 120)
        await db.drain()

        said = _broken_off(server, db, "search")
        searched = len((await db.search("refund", limit=200)).hits)
        steps: list[tuple[str, int, int]] = []
        done = await db.engines.rebuild("search", progress=lambda *step: steps.append(step))

        told = [at for what, at, _ in steps if what.startswith("telling")]
        assert said.startswith("telling of every document")
        assert searched == len(ids)
        assert told[0] == int(said.split()[-1]) + 20
        assert (told[-1], done.verification.is_equal) == (120, True)
        assert (await db.engines.rebuild("search")).documents == 120


async def test_a_rebuild_of_facts_that_is_killed_leaves_answers_right_and_goes_on(
    server: Server, db: octavo.Octavo
) -> None:
    await _sold(db, 90)
    right = await _counted(db)

    said = _broken_off(server, db, "analytics")
    between = await _counted(db)
    done = await db.engines.rebuild("analytics")

    assert said.startswith("telling of every event")
    assert between == right
    assert 0 < done.documents < 90
    assert (await _counted(db), done.verification.is_equal) == (right, True)


async def test_a_rebuild_beside_that_is_killed_leaves_the_engine_that_serves_and_goes_on(
    server: Server, folder: str
) -> None:
    async with opened(server, search=folder, vectors="none") as db:
        ids = await filled(db, 60)
        await db.drain()

        said = _broken_off(server, db, "search")
        states = await _states(db, "search")
        searched = {hit.id for hit in (await db.search("refund", limit=100)).hits}
        done = await db.engines.rebuild("search")

        assert said.startswith("comparing")
        assert states == {folder: "live", f"{folder}#2": "building"}
        assert searched == set(ids)
        assert (done.before, done.verification.url) == (folder, f"{folder}#2")
        assert await _states(db, "search") == {folder: "kept", f"{folder}#2": "live"}


async def test_an_engine_that_was_made_anew_answers_to_the_name_it_had(
    db: octavo.Octavo, folder: str
) -> None:
    await filled(db, 3)
    await db.engines.promote("search", folder)
    await db.engines.retire("search", "postgres")
    await db.engines.rebuild("search")
    live = f"{folder}#2"

    assert db.engines._roster.place("search", folder.replace("index", "./index")).url == folder
    assert (await db.engines.verify("search", folder)).url == folder
    await db.engines.retire("search", folder)
    assert (await db.engines.verify("search", folder)).url == live
    with pytest.raises(InvalidInput, match="already"):
        await db.engines.promote("search", folder)
    with pytest.raises(Conflict, match="serves search"):
        await db.engines.retire("search", folder)


async def test_the_setting_of_a_place_means_whatever_was_made_anew_in_it(server: Server, folder: str) -> None:
    async with opened(server, search=folder) as db:
        await filled(db, 3)
        await db.engines.rebuild("search")

        async with again(server, name_of(db), search=folder) as other:
            [live] = [
                one for one in await other.engines.list() if (one.role, one.state) == ("search", "live")
            ]
            assert (live.url, live.setting) == (f"{folder}#2", None)
            assert len((await other.search("refund")).hits) == 3


async def test_the_engine_before_is_emptied_when_its_time_is_over_and_its_place_is_used_again(
    db: octavo.Octavo, folder: str
) -> None:
    db.engines._roster.look_seconds = 0.05
    await filled(db, 3)
    await db.engines.promote("search", folder)
    await db.engines.rebuild("search", keep_seconds=0)

    await retire_overdue(db.engines._roster)
    states = await _states(db, "search")
    back = await db.engines.rebuild("search")

    assert states == {"postgres": "kept", f"{folder}#2": "live"}
    assert back.verification.url == folder
    assert len((await db.search("refund")).hits) == 3


async def test_a_place_in_which_something_is_already_is_left_alone(db: octavo.Octavo, folder: str) -> None:
    await filled(db, 3)
    await db.engines.promote("search", folder)
    await db.engines.rebuild("search", keep_seconds=None)
    await db.engines.retire("search", folder, forget=True)

    done = await db.engines.rebuild("search")

    assert done.verification.url == f"{folder}#3"


async def test_a_folder_that_cannot_be_read_any_more_is_made_anew(
    server: Server, tmp_path: Path, folder: str
) -> None:
    async with opened(server, search=folder) as db:
        await filled(db, 3)
        await db.drain()
        [committed] = (tmp_path / "index").rglob("meta.json")
        committed.write_text("damaged")

        done = await db.engines.rebuild("search")

        assert done.verification.is_equal
        assert len((await db.search("refund")).hits) == 3


async def test_vectors_are_made_anew_of_the_texts_and_not_taken_over(server: Server) -> None:
    async with opened(server, vectors="postgres") as db:
        made = await db.documents.put("note", {"text": "a heron stands in the reeds"})
        await db.documents.put("note", {"text": "the price of copper fell"})
        await db.drain()
        await db.record.system.execute(
            "UPDATE octavo.vector_passage SET embedding = ("
            "SELECT embedding FROM octavo.vector_passage ORDER BY document_id DESC LIMIT 1)"
        )

        await db.engines.rebuild("vectors")

        hits = (await db.search("a heron stands in the reeds", mode="semantic")).hits
        assert hits[0].id == made.id
        assert hits[0].score > hits[-1].score


async def test_an_engine_that_is_kept_is_made_anew_where_it_is(db: octavo.Octavo, folder: str) -> None:
    ids = await filled(db, 30)
    await db.engines.promote("search", folder)
    await Hand(db, "postgres", random.Random(1)).lose((await db.organizations.get("default")).id, ids[:9])

    done = await db.engines.rebuild("search", "postgres")

    assert (done.before, done.documents, done.verification.is_equal) == (None, 30, True)
    assert await _states(db, "search") == {folder: "live", "postgres": "kept"}


async def test_what_has_only_one_place_has_no_second_one(db: octavo.Octavo) -> None:
    for role in ("search", "analytics"):
        with pytest.raises((InvalidInput, InvalidSetting), match="postgres#2"):
            await db.engines.promote(role, "postgres#2")
