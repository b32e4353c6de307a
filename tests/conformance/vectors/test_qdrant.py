"""What is Qdrant's own: how a collection is made, what its points say, and what somebody else did to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import msgspec
import numpy
import pytest
from uuid_utils.compat import uuid7

from octavo.engines.vectors import qdrant_requests
from octavo.engines.vectors.qdrant import QdrantVectors
from octavo.engines.vectors.qdrant_nearest import SELECTED
from octavo.postgres.record import Record
from octavo.roles.state import bucket
from octavo.store import organizations
from octavo.store.filters import compile_lookup
from octavo.testing.vector_engine import MODEL, Shelf
from octavo.values.filter import parse
from tests.qdrant_server import QdrantServer


@pytest.fixture
async def engine(own_record: Record, qdrant: QdrantServer) -> AsyncIterator[QdrantVectors]:
    """The engine of a server."""
    made = QdrantVectors(own_record, MODEL, f"qdrant://{qdrant.address}")
    yield made
    await made.close()


async def points(qdrant: QdrantServer, engine: QdrantVectors, shelf: Shelf) -> list[dict[str, Any]]:
    """The points of an organization, as anybody reads them."""
    asked = {
        "filter": {"must": [{"key": "organization", "match": {"value": str(shelf.organization)}}]},
        "limit": 100,
        "with_payload": True,
        "with_vector": False,
    }
    url = f"{qdrant.url}/collections/{(await engine.settings()).name}/points/scroll"
    async with httpx.AsyncClient() as client:
        return list((await client.post(url, json=asked)).json()["result"]["points"])


async def tampered(qdrant: QdrantServer, engine: QdrantVectors, operations: list[dict[str, Any]]) -> None:
    """Change points behind the engine's back."""
    url = f"{qdrant.url}/collections/{(await engine.settings()).name}/points/batch"
    async with httpx.AsyncClient() as client:
        (await client.post(url, json={"operations": operations})).raise_for_status()


async def test_every_field_that_a_filter_names_has_an_index(engine: QdrantVectors) -> None:
    """S0-099: after bootstrap the engine reports an index for each payload field."""
    made = (await engine.settings()).indexes

    assert {"organization", "namespace", "type", "language", "author", "created_at", "version"} <= set(made)
    assert {"document", "digest", "bucket", "load", "kind"} <= set(made)


async def test_the_optimizer_is_set_as_asked(own_record: Record, qdrant: QdrantServer) -> None:
    """S0-110: and the names of collections begin as configured."""
    options = "deleted_threshold=0.3&vacuum_min_vector_number=500&default_segment_number=4"
    engine = QdrantVectors(own_record, MODEL, f"qdrant://{qdrant.address}/tuned?{options}")

    found = await engine.settings()

    await engine.close()
    assert found.name.startswith("tuned_")
    assert (found.deleted_threshold, found.vacuum_min_vector_number) == (0.3, 500)
    assert found.default_segment_number == 4


@pytest.mark.parametrize(
    ("points", "deleted", "is_compacted"), [(1_500, 100, False), (1_500, 600, True), (900, 400, False)]
)
async def test_a_fifth_of_a_thousand_deleted_is_compacted_and_less_is_not(
    own_record: Record, qdrant: QdrantServer, points: int, deleted: int, is_compacted: bool
) -> None:
    """S0-100, S0-101, S0-102: deleted_threshold 0.2, vacuum_min_vector_number 1000, two segments aimed at."""
    engine = QdrantVectors(own_record, MODEL, f"qdrant://{qdrant.address}/of{points}less{deleted}")
    made = await engine.settings()
    vector = {"passage": [1.0] * MODEL.dimensions}
    batch = [{"id": id, "vector": vector, "payload": {"version": id}} for id in range(1, points + 1)]
    few = {"must": [{"key": "version", "range": {"lte": deleted}}]}
    await tampered(qdrant, engine, [{"upsert": {"points": batch}}])
    before = qdrant.compacts(made.name)

    await tampered(qdrant, engine, [{"delete": {"filter": few}}])

    await engine.close()
    assert (made.deleted_threshold, made.vacuum_min_vector_number) == (0.2, 1_000)
    assert made.default_segment_number == 2
    assert (before, qdrant.compacts(made.name)) == (False, is_compacted)


async def test_a_point_tells_whose_it_is_and_from_when(
    engine: QdrantVectors, shelf: Shelf, qdrant: QdrantServer
) -> None:
    """S0-098, S0-113: all fields present, and the date parses to the same instant."""
    made = datetime.fromisoformat("2026-03-01T14:00:00.123456+02:00")
    id = await shelf.add(30, type="note", language="de", author="user:ann", created_at=made, title="One")

    [point] = await points(qdrant, engine, shelf)

    payload = point["payload"]
    assert (payload["document"], payload["type"], payload["version"]) == (str(id), "note", 1)
    assert (payload["language"], payload["author"], payload["title"]) == ("de", "user:ann", "One")
    assert payload["text"] == "passage 0 at 30"
    assert datetime.fromisoformat(payload["created_at"]) == made


async def test_each_passage_has_a_point_and_storing_again_adds_none(
    engine: QdrantVectors, shelf: Shelf, qdrant: QdrantServer
) -> None:
    """S0-112: a document of 12 chunks is retrievable by its last chunk; re-storing replaces, not adds."""
    id = await shelf.add(*range(10, 130, 10))
    first = {point["id"] for point in await points(qdrant, engine, shelf)}

    await shelf.apply([shelf.embedded(id, *range(10, 130, 10), version=2)])

    [match] = (await shelf.nearest(121)).matches
    assert (match.id, match.text) == (id, "passage 11 at 120")
    assert {point["id"] for point in await points(qdrant, engine, shelf)} == first
    assert len(first) == 12


async def test_another_version_of_a_model_has_a_collection_of_its_own(
    own_record: Record, qdrant: QdrantServer, engine: QdrantVectors, shelf: Shelf
) -> None:
    """S0-109: re-embedding runs side by side."""
    await shelf.add(30)
    newer = QdrantVectors(
        own_record, msgspec.structs.replace(MODEL, version="2"), f"qdrant://{qdrant.address}"
    )

    beside = Shelf(own_record, newer, shelf.organization)

    assert await beside.ids(30) == []
    assert len(await shelf.ids(30)) == 1
    assert (await newer.settings()).name != (await engine.settings()).name
    await newer.close()


async def test_an_earlier_life_of_the_record_is_dropped_and_other_records_are_not(
    own_record: Record, qdrant: QdrantServer, engine: QdrantVectors, shelf: Shelf
) -> None:
    await shelf.add(30)
    name = (await engine.settings()).name
    prefix, record, rest = name.split("_", 2)
    others = [f"{prefix}_{record}_0_{rest}", f"{prefix}_{record}9_0_{rest}"]
    made = {
        "vectors": {"passage": {"size": 8, "distance": "Cosine"}},
        "hnsw_config": {"m": 0, "ef_construct": 16, "payload_m": 16},
        "optimizers_config": {},
        "wal_config": {},
    }
    async with httpx.AsyncClient() as client:
        for other in others:
            await client.put(f"{qdrant.url}/collections/{other}", json=made)
        again = QdrantVectors(own_record, MODEL, f"qdrant://{qdrant.address}")

        await again.position()

        found = (await client.get(f"{qdrant.url}/collections")).json()["result"]["collections"]
    await again.close()
    names = {one["name"] for one in found}
    assert {name, others[1]} <= names
    assert others[0] not in names


async def test_a_load_of_many_requests_is_whole(
    engine: QdrantVectors, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_requests, "REQUEST_BYTES", 2_000)
    documents = await shelf.documents.put_many(
        [{"type": "article", "body": {"n": number}} for number in range(4)]
    )

    await shelf.apply([shelf.embedded(one.id, 10, 20, 30, 40, 50, 60) for one in documents])

    held = await engine.vectors(shelf.organization, [one.id for one in documents])
    assert [len(vectors) for vectors in held.values()] == [6] * 4


async def test_a_filter_that_leaves_few_finds_them_far_away_and_says_it_is_exact(shelf: Shelf) -> None:
    documents = await shelf.documents.put_many(
        [{"type": "article", "body": {"n": number}} for number in range(200)]
    )
    await shelf.apply([shelf.embedded(one.id, index / 100) for index, one in enumerate(documents)])
    rare = await shelf.add(170, body={"status": "rare"})
    filter = parse({"status": "rare"})

    found = await shelf.nearest(0, limit=5, condition=lambda first: compile_lookup(filter, first=first))

    assert [match.id for match in found.matches] == [rare]
    assert found.exact


async def test_a_filter_that_leaves_many_is_asked_of_candidates(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.engines.vectors.qdrant_nearest.SELECTED", 10)
    documents = await shelf.documents.put_many(
        [{"type": "article", "body": {"kind": "far" if number >= 100 else "near"}} for number in range(130)]
    )
    await shelf.apply([shelf.embedded(one.id, index / 10) for index, one in enumerate(documents)])
    filter = parse({"kind": "far"})

    found = await shelf.ids(0, limit=3, condition=lambda first: compile_lookup(filter, first=first))

    assert found == [one.id for one in documents[100:103]]
    assert SELECTED > 10


async def test_what_somebody_deleted_or_changed_in_qdrant_differs_in_the_digests(
    engine: QdrantVectors, shelf: Shelf, qdrant: QdrantServer
) -> None:
    ids = [await shelf.add(10, 20) for _ in range(3)]
    before = await engine.digests()
    [first] = [p for p in await points(qdrant, engine, shelf) if p["payload"]["document"] == str(ids[0])][:1]
    gone = {"must": [{"key": "document", "match": {"value": str(ids[1])}}]}
    half = {
        "must": [
            {"key": "document", "match": {"value": str(ids[2])}},
            {"key": "digest", "match": {"value": shelf.embedded(ids[2], 20).passages[0].digest.hex()}},
        ]
    }
    stale = {**first, "payload": {**first["payload"], "version": 9}, "vector": {"passage": [1.0] * 8}}

    await tampered(
        qdrant,
        engine,
        [{"delete": {"filter": gone}}, {"delete": {"filter": half}}, {"upsert": {"points": [stale]}}],
    )

    after = await engine.digests()
    assert all(before[key] != after.get(key) for key in {(shelf.organization, bucket(id)) for id in ids})
    held = {id: (await engine.held(shelf.organization, bucket(id))).get(id) for id in ids}
    assert held == {ids[0]: 0, ids[1]: None, ids[2]: 0}


async def test_what_was_done_in_qdrant_is_mended_by_telling_it_again(
    engine: QdrantVectors, shelf: Shelf, qdrant: QdrantServer
) -> None:
    id = await shelf.add(10, 20)
    before = await engine.digests()
    [first, _] = await points(qdrant, engine, shelf)
    stale = {**first, "payload": {**first["payload"], "version": 9}, "vector": {"passage": [1.0] * 8}}
    await tampered(qdrant, engine, [{"upsert": {"points": [stale]}}])

    await shelf.apply([shelf.embedded(id, 10, 20)])

    assert await engine.digests() == before


@pytest.mark.parametrize("quantization", ["scalar", "binary"])
async def test_smaller_vectors_are_compared_again_as_they_are(
    own_record: Record, qdrant: QdrantServer, quantization: str
) -> None:
    """S0-117: with quantization on, similarities after rescoring are those of the vectors themselves."""
    address = f"qdrant://{qdrant.address}/{quantization}?quantization={quantization}"
    engine = QdrantVectors(own_record, MODEL, address)
    organization = await organizations.create(own_record.system, f"shelf-{uuid7().hex}")
    shelf = Shelf(own_record, engine, organization.id)
    ids = [await shelf.add(degrees) for degrees in (0, 30, 60)]

    found = (await shelf.nearest(0, exact=False)).matches

    await engine.close()
    assert [match.id for match in found] == ids
    similarities = [match.similarity for match in found]
    assert numpy.allclose(similarities, numpy.cos(numpy.radians([0, 30, 60])), atol=1e-6)
