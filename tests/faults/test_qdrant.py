"""Vectors in Qdrant while Qdrant is away, slow, full, or does half of what it is asked for.

Real requests go to Qdrant's engine behind a small server, which fails in the ways that real ones do.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy
import pytest
from uuid_utils.compat import uuid4

from octavo.engines.vectors.qdrant import QdrantVectors
from octavo.errors import AccessDenied, Conflict, Unavailable
from octavo.postgres.record import Record
from octavo.roles.embedder import Model
from octavo.roles.state import NO_DOCUMENT, Cursor, Parked, Removed, bucket
from octavo.roles.vectors import Embedded, EmbeddedPassage, NearestQuery
from octavo.store.organizations import Organization
from octavo.testing.search_engine import Library
from octavo.values.position import Position
from tests.qdrant_server import Failure, QdrantServer, qdrant_server

MODEL = Model("compass", "1", 2)
NORTH, EAST = (1.0, 0.0), (0.0, 1.0)

Make = Callable[..., QdrantVectors]


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    """Qdrant's engine behind a server, for all tests of the module."""
    with qdrant_server() as server:
        yield server


@pytest.fixture
def qdrant(running: QdrantServer) -> Iterator[QdrantServer]:
    """The server, which fails no more after the test."""
    running.calls.clear()
    yield running
    running.fault = None
    running.api_key = None
    running.most_connections = 0


@pytest.fixture
async def make(qdrant: QdrantServer, record: Record) -> AsyncIterator[Make]:
    """Makes engines; all have one collection, in which each test has its organization."""
    made: list[QdrantVectors] = []

    def engine(
        options: str = "retries=0", api_key: str | None = None, place: str = "shared"
    ) -> QdrantVectors:
        made.append(QdrantVectors(record, MODEL, f"qdrant://{qdrant.address}/{place}?{options}", api_key))
        return made[-1]

    yield engine
    for one in made:
        await one.close()


@pytest.fixture
async def ids(record: Record, organization: Organization) -> list[UUID]:
    """Live documents."""
    documents = Library(record, None, organization.id).documents  # type: ignore[arg-type] - it is not asked
    return [document.id for document in [await documents.put("place", {}) for _ in range(3)]]


def embedded(organization: UUID, id: UUID, *vectors: tuple[float, ...], version: int = 1) -> Embedded:
    passages = [
        EmbeddedPassage(
            ordinal=ordinal,
            start=ordinal,
            end=ordinal + 1,
            text=str(vector),
            digest=bytes([ordinal]) * 32,
            vector=numpy.asarray(vector, dtype=numpy.float32),
        )
        for ordinal, vector in enumerate(vectors)
    ]
    return Embedded(
        organization=organization,
        id=id,
        namespace="default",
        type="place",
        version=version,
        title=None,
        language=None,
        author="user:tester",
        created_at=datetime.now(UTC),
        passages=passages,
    )


def moved(cursor: Cursor) -> Cursor:
    """Where a next load ends."""
    return Cursor(cursor.generation, Position(cursor.position.shard, 1, cursor.position.xid + 1, 1))


async def load(engine: QdrantVectors, *changes: Any) -> list[Parked]:
    before = await engine.position()
    return list(await engine.apply(changes, before, moved(before)))


async def near(engine: QdrantVectors, organization: UUID, vector: tuple[float, ...] = NORTH) -> list[UUID]:
    asked = numpy.asarray(vector, dtype=numpy.float32)
    found = await engine.nearest(NearestQuery(organization=organization, vector=asked, limit=10))
    return [match.id for match in found.matches]


async def versions(engine: QdrantVectors, organization: UUID, ids: list[UUID]) -> dict[UUID, int]:
    """The version held of each document."""
    found: dict[UUID, int] = {}
    for id in ids:
        found |= await engine.held(organization, bucket(id))
    return found


class Once:
    """A fault that happens to the first calls of a kind."""

    def __init__(
        self, kind: str, fault: Callable[[dict[str, Any], Callable[[], None]], None], times: int = 1
    ):
        self.kind, self.fault, self.left = kind, fault, times

    def __call__(self, kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        if kind == self.kind and self.left:
            self.left -= 1
            self.fault(body, do)


def fails(status: int, **headers: str) -> Callable[[dict[str, Any], Callable[[], None]], None]:
    def fault(body: dict[str, Any], do: Callable[[], None]) -> None:
        raise Failure(status, headers)

    return fault


def writes_points(body: dict[str, Any]) -> bool:
    """Whether a batch is about points and not about the standing."""
    first = body["operations"][0]
    return "delete" in first or first["upsert"]["points"][0]["payload"]["kind"] != "cursor"


async def test_a_server_that_is_not_there_is_unavailable_whatever_is_asked(
    record: Record, organization: Organization, ids: list[UUID]
) -> None:
    """S0-119: an outage never looks like an empty answer."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine = QdrantVectors(record, MODEL, f"qdrant://127.0.0.1:{nobody.getsockname()[1]}?retries=1")
        somewhere = Cursor(uuid4(), Position(0, 1, 1, 1))

        for call in (
            engine.position(),
            near(engine, organization.id),
            engine.apply([embedded(organization.id, ids[0], NORTH)], somewhere, somewhere),
            engine.digests(),
            engine.erase(organization.id),
        ):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await call


async def test_what_passes_is_tried_again_and_nobody_notices(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make("retries=3")
    await engine.position()
    qdrant.fault = Once("batch", fails(503), times=3)

    await load(engine, embedded(organization.id, ids[0], NORTH))

    assert await near(engine, organization.id) == [ids[0]]


async def test_the_fourth_failure_is_told(qdrant: QdrantServer, make: Make) -> None:
    """S0-241: transient errors only are tried again, and the fourth failure is raised."""
    engine = make("retries=3")
    await engine.position()
    qdrant.calls.clear()
    qdrant.fault = Once("points", fails(502), times=99)

    with pytest.raises(Unavailable, match="status 502"):
        await engine.position()

    assert len(qdrant.calls) == 4


async def test_a_server_with_too_much_to_do_is_asked_again_when_it_says(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make("retries=1")
    await engine.position()
    qdrant.fault = Once("batch", fails(429, **{"Retry-After": "0"}))

    await load(engine, embedded(organization.id, ids[0], NORTH))

    assert await near(engine, organization.id) == [ids[0]]


async def test_a_full_queue_is_unavailable_and_the_cursor_stays(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make()
    before = await engine.position()
    qdrant.fault = Once("batch", fails(429, **{"Retry-After": "soon"}), times=99)

    with pytest.raises(Unavailable, match="too much to do"):
        await load(engine, embedded(organization.id, ids[0], NORTH))

    qdrant.fault = None
    assert await engine.position() == before


async def test_a_server_that_hangs_is_given_up_in_time_and_not_asked_again(
    qdrant: QdrantServer, make: Make
) -> None:
    """S0-240: a hanging server gives a timeout error."""
    engine = make("timeout=3&retries=3")
    await engine.position()
    qdrant.calls.clear()
    released = threading.Event()

    def hangs(body: dict[str, Any], do: Callable[[], None]) -> None:
        released.wait(30)

    qdrant.fault = Once("points", hangs)

    with pytest.raises(Unavailable, match="within 3 s"):
        await engine.position()

    released.set()
    assert len(qdrant.calls) == 1


async def test_half_a_load_is_not_taken_for_done_and_is_made_whole(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    """S0-115: a failure is raised, and the same load succeeds later."""
    engine = make()
    await load(engine, embedded(organization.id, ids[0], NORTH, EAST))
    before = await engine.position()
    after = moved(before)
    changes = [embedded(organization.id, ids[0], EAST, version=2), embedded(organization.id, ids[1], NORTH)]

    def half(kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        if kind == "batch" and writes_points(body):
            del body["operations"][1:]
            do()
            raise Failure(500)

    qdrant.fault = half
    with pytest.raises(Unavailable, match="status 500"):
        await engine.apply(changes, before, after)
    qdrant.fault = None

    assert await engine.position() == before
    assert (await versions(engine, organization.id, ids))[ids[0]] == 0
    await engine.apply(changes, before, after)
    assert await versions(engine, organization.id, ids) == {ids[0]: 2, ids[1]: 1}
    assert await near(engine, organization.id, NORTH) == [ids[1], ids[0]]


async def test_a_change_that_is_only_accepted_is_not_taken_for_done(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    """S0-114: success is told only when the update is completed."""
    engine = make()
    before = await engine.position()
    accepted = {"result": [{"operation_id": 1, "status": "acknowledged"}], "status": "ok", "time": 0.0}

    def later(body: dict[str, Any], do: Callable[[], None]) -> None:
        raise Failure(200, body=json.dumps(accepted).encode())

    qdrant.fault = Once("batch", later)

    with pytest.raises(Unavailable, match="not done it yet"):
        await load(engine, embedded(organization.id, ids[0], NORTH))

    assert await engine.position() == before


async def test_a_write_that_arrives_after_it_was_given_up_changes_nothing_any_more(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make()
    before = await engine.position()
    late: list[Callable[[], None]] = []

    def given_up(kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        if kind == "batch" and writes_points(body):
            late.append(do)
            raise Failure(504)

    qdrant.fault = given_up
    with pytest.raises(Unavailable):
        await engine.apply(
            [
                embedded(organization.id, ids[0], NORTH, NORTH, NORTH),
                embedded(organization.id, ids[1], NORTH),
                embedded(organization.id, ids[2], NORTH),
            ],
            before,
            moved(before),
        )
    qdrant.fault = None
    newer = [
        embedded(organization.id, ids[0], EAST, version=2),
        Removed(organization.id, ids[1]),
        embedded(organization.id, ids[2], EAST, version=2),
    ]
    await engine.apply(newer, before, moved(before))

    for write in late:
        write()

    expected = {ids[0]: 2, ids[2]: 2}
    assert await versions(engine, organization.id, ids) == expected
    assert set(await near(engine, organization.id)) == set(expected)
    vectors = await engine.vectors(organization.id, ids)
    assert {id: len(of) for id, of in vectors.items()} == dict.fromkeys(expected, 1)


async def test_what_came_too_late_is_swept_by_the_next_load(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make(place="swept")
    before = await engine.position()
    late: list[Callable[[], None]] = []

    def given_up(kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        if kind == "batch" and writes_points(body):
            late.append(do)
            raise Failure(504)

    qdrant.fault = given_up
    with pytest.raises(Unavailable):
        await engine.apply([embedded(organization.id, ids[0], NORTH)], before, moved(before))
    qdrant.fault = None
    await engine.apply([Removed(organization.id, ids[0])], before, moved(before))
    for write in late:
        write()
    assert (await engine.settings()).points == 2  # the late one and the standing

    await load(engine)

    assert (await engine.settings()).points == 1


async def test_of_two_that_fill_at_the_same_time_one_is_refused_and_its_late_writes_do_not_win(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    slow, quick = make(), make()
    before = await slow.position()
    waits, goes_on = threading.Event(), threading.Event()

    def hold(kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        if kind == "batch" and writes_points(body) and not waits.is_set():
            waits.set()
            goes_on.wait(30)

    qdrant.fault = hold
    slowly = asyncio.create_task(
        slow.apply([embedded(organization.id, ids[0], NORTH)], before, moved(before))
    )
    await asyncio.to_thread(waits.wait, 30)
    await quick.apply([embedded(organization.id, ids[0], EAST, version=2)], before, moved(before))
    goes_on.set()

    with pytest.raises(Conflict):
        await slowly
    assert await versions(quick, organization.id, ids) == {ids[0]: 2}


async def test_a_wrong_key_is_told_apart_from_an_outage_and_never_repeated(
    qdrant: QdrantServer, make: Make
) -> None:
    qdrant.api_key = "right-key"

    with pytest.raises(AccessDenied, match="engine_logins") as denied:
        await make(api_key="wrong-key").position()

    assert "wrong-key" not in str(denied.value)
    assert await make(api_key="right-key").position()


async def test_something_that_is_no_answer_is_unavailable(qdrant: QdrantServer, make: Make) -> None:
    engine = make()
    await engine.position()

    def other(body: dict[str, Any], do: Callable[[], None]) -> None:
        raise Failure(200, body=b"<html>It works!</html>")

    qdrant.fault = Once("points", other)

    with pytest.raises(Unavailable, match="no answer of Qdrant"):
        await engine.position()


async def test_a_connection_that_breaks_is_opened_again(qdrant: QdrantServer, make: Make) -> None:
    engine = make("retries=1")
    before = await engine.position()

    def breaks(body: dict[str, Any], do: Callable[[], None]) -> None:
        raise ConnectionResetError

    qdrant.fault = Once("points", breaks)

    assert await engine.position() == before


async def test_a_document_the_server_refuses_is_parked_and_the_others_go_on(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make()

    def refuse(kind: str, body: dict[str, Any], do: Callable[[], None]) -> None:
        written = json.dumps(body.get("operations", []))
        if f"{EAST}" in written:
            raise Failure(400, body=b'{"status":{"error":"secret text"}}')

    qdrant.fault = refuse
    parked = await load(
        engine, embedded(organization.id, ids[0], NORTH), embedded(organization.id, ids[1], EAST)
    )

    assert [(one.id, one.version) for one in parked] == [(ids[1], 1)]
    assert "secret" not in parked[0].message
    assert await engine.parked(organization.id) == parked
    assert await near(engine, organization.id) == [ids[0]]


async def test_a_collection_that_was_dropped_is_made_again_and_filled_from_the_start(
    qdrant: QdrantServer, make: Make, organization: Organization, ids: list[UUID]
) -> None:
    engine = make(place="dropped")
    await load(engine, embedded(organization.id, ids[0], NORTH))
    before = await engine.position()
    name = (await engine.settings()).name

    qdrant.drop(name)

    after = await engine.position()
    assert (after.scanned, after.generation != before.generation) == (NO_DOCUMENT, True)
    assert await near(engine, organization.id) == []
    with pytest.raises(Conflict):
        await engine.apply([], before, before)


async def test_an_old_server_is_refused(qdrant: QdrantServer, make: Make) -> None:
    engine = make()
    qdrant.version = "1.12.4"
    try:
        with pytest.raises(Unavailable, match=r"1\.12\.4 is too old"):
            await engine.position()
    finally:
        qdrant.version = "1.20.0"


async def test_no_more_connections_are_open_than_allowed(
    qdrant: QdrantServer, make: Make, organization: Organization
) -> None:
    """S0-239: under parallel searches never more than so many are open."""
    engine = make("connections=4")
    await engine.position()
    qdrant.most_connections = 0

    await asyncio.gather(*(near(engine, organization.id) for _ in range(24)))

    assert 1 < qdrant.most_connections <= 4
