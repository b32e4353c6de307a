"""How the nearest passages are found among 51,000 of ten organizations: by which index, reading how many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from octavo.engines.vectors.postgres import A_DOCUMENT, FEW, PostgresVectors
from octavo.engines.vectors.postgres_shelves import INDEXED_FROM
from octavo.engines.vectors.qdrant_nearest import SELECTED as QDRANT_SELECTED
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.postgres.statements import load
from octavo.roles.embedder import Model
from octavo.roles.vectors import Nearest, NearestQuery
from octavo.store.filters import compile_lookup
from octavo.values.filter import parse
from tests.database.test_search_plans import Told
from tests.databases import administrator, migrated_database, settings_of

MODEL = Model("plain", "1", 8)
LARGE, SMALL = UUID(int=1), UUID(int=2)
OF_LARGE, OF_OTHERS = 15_000, 4_000
FIRST_SHELF = 1

# Ten organizations, the first one large; each document has one passage, one of 100 types, languages and authors.
FILL = """
WITH numbered AS MATERIALIZED (
    SELECT organization AS shelf, lpad(to_hex(organization), 32, '0')::uuid AS organization, n,
        md5(organization || ' ' || n)::uuid AS id
    FROM generate_series(1, 10) AS organization,
        generate_series(1, CASE WHEN organization = 1 THEN $1::integer ELSE $2::integer END) AS n
),
shelves AS (
    INSERT INTO octavo.vector_shelf (organization_id, shelf, model, passages, is_indexed) OVERRIDING SYSTEM VALUE
    SELECT organization, shelf, 1, count(*), shelf = 1 FROM numbered GROUP BY organization, shelf
),
documents AS (
    INSERT INTO octavo.vector_document (organization_id, shelf, document_id, version, passages)
    SELECT organization, shelf, id, 1, 1 FROM numbered
),
texts AS (
    INSERT INTO octavo.vector_text (
        organization_id, shelf, document_id, ordinal, start_character, end_character, text)
    SELECT organization, shelf, id, 0, 0, 4, 'text' FROM numbered
),
filters AS (
    INSERT INTO octavo.document_filter (
        organization_id, document_id, namespace, type, created_at, created_by, updated_at, updated_by, version,
        fields, metadata)
    SELECT organization, id, 'default', 'type' || n % 100, now(), 'ann', now(), 'ann', 1,
        jsonb_build_object('status', 'status ' || n % 200, 'half', n % 2), '{}'
    FROM numbered
),
heads AS (
    INSERT INTO octavo.document (
        organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind,
        updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
    SELECT organization, id, 'default', 'type' || n % 100, 1, sha256(''), now(), 'ann', 'user', now(), 'ann', 'user',
        1, 1, '1', n
    FROM numbered
)
INSERT INTO octavo.vector_passage (
    organization_id, shelf, document_id, ordinal, namespace, type, language, author, created_at, digest, embedding)
SELECT organization, shelf, id, 0, 'default', 'type' || n % 100, 'l' || n % 100, 'user:u' || n % 100,
    timestamptz '2026-01-01' + n * interval '1 hour', sha256(id::text::bytea),
    (SELECT array_agg(get_byte(decode(md5(id::text), 'hex'), place) - 127.5) FROM generate_series(0, 7) AS place)
        ::real[]::halfvec
FROM numbered
"""


class Statements(Told):
    """The record's pool, that tells the plan of each search; what looks at a shelf is counted."""

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self.looks = 0

    async def fetchrow(self, statement: str, *arguments: object) -> Any:
        self.looks += 1
        return await self._pool.fetchrow(statement, *arguments)


class Watched:
    """A record whose searches are told."""

    shard = 0
    has_system = False

    def __init__(self, record: Record) -> None:
        self.app = Statements(record)


@pytest.fixture(scope="module")
async def filled(server: Server) -> Any:
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        await PostgresVectors(record, MODEL).position()
        async with administrator(server, name) as admin:
            await admin.execute(FILL, OF_LARGE, OF_OTHERS)
            await admin.execute("SELECT octavo.index_vectors($1, $2)", FIRST_SHELF, MODEL.dimensions)
            await admin.execute("VACUUM ANALYZE")
        yield record
        await record.close()


class Asked:
    """An engine that was asked: its answer, the plans of its statements."""

    def __init__(self, record: Record) -> None:
        self.watched = Watched(record)
        self.engine = PostgresVectors(self.watched, MODEL)  # type: ignore[arg-type]  # a record as far as asking goes

    async def nearest(self, organization: UUID = LARGE, **query: Any) -> tuple[Nearest, list[dict[str, Any]]]:
        del self.watched.app.plans[:]
        vector = np.array([1, 0.5, 0, 0, 0, 0, 0, 0.1], dtype=np.float32)
        found = await self.engine.nearest(
            NearestQuery(organization=organization, vector=vector, limit=10, **query)
        )
        nodes = [node for plan in self.watched.app.plans for node in _nodes(plan)]
        return found, [node for node in nodes if node["Actual Loops"] and _is_of_passages(node)]


@pytest.fixture
def asked(filled: Record) -> Asked:
    return Asked(filled)


def condition(where: dict[str, Any]) -> Any:
    filter = parse(where)
    return lambda first: compile_lookup(filter, first=first)


async def test_a_small_organization_is_compared_whole_and_reads_none_of_the_others(asked):
    found, reading = await asked.nearest(SMALL)

    assert found.exact
    assert len(found.matches) == 10
    assert all(node["Node Type"] != "Seq Scan" for node in reading)
    assert sum(_read(node) for node in reading if node["Node Type"] != "Bitmap Index Scan") == OF_OTHERS
    assert OF_OTHERS < INDEXED_FROM


async def test_a_large_organization_is_asked_of_its_own_index(asked):
    """S0-005: the plan shows the vector index in use."""
    found, reading = await asked.nearest()

    assert not found.exact
    assert len(found.matches) == 10
    assert [node["Index Name"] for node in reading] == [f"vector_passage_nearest_{FIRST_SHELF}"]
    assert _read(reading[0]) == 10 * A_DOCUMENT


@pytest.mark.parametrize(
    ("narrowing", "index"),
    [
        ({"types": ["type7"]}, "vector_passage_type"),
        ({"languages": ["l7"]}, "vector_passage_language"),
        ({"authors": ["user:u7"]}, "vector_passage_author"),
        ({"types": ["type7"], "namespaces": ["default"]}, "vector_passage_type"),
    ],
    ids=str,
)
async def test_what_leaves_few_passages_is_compared_whole_by_its_index(asked, narrowing, index):
    found, reading = await asked.nearest(**narrowing)

    assert found.exact
    assert len(found.matches) == 10
    assert index in {node.get("Index Name") for node in reading}
    assert all(_read(node) <= FEW for node in reading)


async def test_a_filter_that_leaves_few_documents_is_asked_first(asked):
    found, reading = await asked.nearest(condition=condition({"status": "status 7"}))

    assert found.exact
    assert len(found.matches) == 10
    assert sum(_read(node) for node in reading) <= OF_LARGE / 200


@pytest.mark.parametrize(
    "narrowing",
    [{"namespaces": ["default"]}, {"condition": condition({"half": 1})}],
    ids=["namespace", "filter"],
)
async def test_what_leaves_much_is_asked_of_the_index_as_it_comes(asked, narrowing):
    found, reading = await asked.nearest(**narrowing)

    assert not found.exact
    assert len(found.matches) == 10
    assert f"vector_passage_nearest_{FIRST_SHELF}" in {node.get("Index Name") for node in reading}


async def test_a_narrowing_that_left_much_is_asked_of_the_index_at_once_the_next_time(asked):
    await asked.nearest(namespaces=["default"])

    found, reading = await asked.nearest(namespaces=["default"])

    assert not found.exact
    assert len(found.matches) == 10
    assert [node["Index Name"] for node in reading] == [f"vector_passage_nearest_{FIRST_SHELF}"]
    assert _read(reading[0]) == 10 * A_DOCUMENT


async def test_a_narrowing_that_left_little_is_compared_at_once_the_next_time(asked):
    first, _ = await asked.nearest(types=["type7"])

    found, reading = await asked.nearest(types=["type7"])

    assert found.exact
    assert found.matches == first.matches
    assert {node["Index Name"] for node in reading if "Index Name" in node} == {"vector_passage_type"}
    assert sum(_read(node) for node in reading if node["Node Type"] != "Bitmap Index Scan") == OF_LARGE / 100


async def test_what_was_known_of_a_shelf_that_is_retired_finds_nothing_of_it(filled):
    """The number of a shelf is remembered; what stands on it until it is swept is found no more."""
    engine = PostgresVectors(filled, MODEL)
    query = NearestQuery(organization=LARGE, vector=np.eye(8, dtype=np.float32)[0], limit=10)
    known = await engine.nearest(query)
    await filled.system.execute("UPDATE octavo.vector_shelf SET is_retired = true WHERE shelf = 1")
    try:
        found = await engine.nearest(query)
    finally:
        await filled.system.execute("UPDATE octavo.vector_shelf SET is_retired = false WHERE shelf = 1")

    assert len(known.matches) == 10
    assert found.matches == []


async def test_a_question_is_one_statement_once_the_shelf_is_known(asked):
    await asked.nearest()
    looked = asked.watched.app.looks

    await asked.nearest()
    await asked.nearest(types=["type7"])

    assert looked == 1
    assert asked.watched.app.looks == looked
    assert len(asked.watched.app.plans) == 1


async def test_an_index_finds_nearly_all_that_a_comparison_finds(asked):
    """S0-005, S0-117: recall against brute force."""
    near, _ = await asked.nearest()
    compared, reading = await asked.nearest(exact=True)

    assert compared.exact
    assert all("nearest" not in node.get("Index Name", "") for node in reading)
    assert len({one.id for one in near.matches} & {one.id for one in compared.matches}) >= 9


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def _is_of_passages(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") == "vector_passage" or "vector_passage" in node.get("Index Name", "")


def _read(node: dict[str, Any]) -> int:
    return round(node["Actual Rows"] * node["Actual Loops"])


@pytest.mark.parametrize(
    ("where", "found"), [({"status": "status 7"}, 75), ({"half": 1}, QDRANT_SELECTED + 1)]
)
async def test_an_engine_outside_the_record_is_told_few_documents_by_reading_few(filled, where, found):
    """What Qdrant asks of the record when a filter leaves few: never more than it can use."""
    told = Told(filled)
    filter, values = compile_lookup(parse(where), first=3)
    statement = load("octavo.engines.vectors", "qdrant.sql").selected.format(condition=filter)

    rows = await told.fetch(statement, LARGE, QDRANT_SELECTED + 1, *values)

    reading = [node for node in _nodes(told.plans[0]) if node.get("Relation Name")]
    assert len(rows) == found
    assert sum(_read(node) for node in reading) <= 2 * found + 100
