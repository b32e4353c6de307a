"""The plans of searches under row-level security, at 100,000 passages of several organizations (record.md 1)."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

import pytest

from octavo.engines.search.postgres import CANDIDATES, LOOKED_AT, PostgresSearch
from octavo.engines.search.postgres_index import SEGMENT_PASSAGES
from octavo.engines.search.postgres_words import NEWEST_PASSAGES, vocabulary
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.roles.search import Found, Order, Query, Weights
from octavo.search import facets
from octavo.search.parse import parse
from octavo.store.filters import compile_lookup
from octavo.values.condition import parse_subject
from octavo.values.filter import parse as parse_filter
from tests.databases import administrator, migrated_database, settings_of

PASSAGES = 100_000
LARGE, SMALL = UUID(int=1), UUID(int=2)

# Three quarters belong to the first organization, the rest to nine others; every document has the word `common`,
# one in a hundred `mid…`, one in a thousand `rare…`.
FILL = """
WITH numbered AS MATERIALIZED (
    SELECT
        n, lpad(to_hex(CASE WHEN n % 4 < 3 THEN 1 ELSE 2 + (n / 4) % 9 END), 32, '0')::uuid AS organization,
        lpad(to_hex(n), 32, '0')::uuid AS id,
        'common mid' || n % 100 || ' rare' || n % 1000 || ' text of document number ' || n AS text
    FROM generate_series(1, $1) AS n
),
placed AS MATERIALIZED (
    SELECT
        *, n % 8 >= 4 AS is_long, get_byte(uuid_send(organization), 15) * 1000 + n / 4 % 2 * 500
            + (row_number() OVER (PARTITION BY organization, n % 8 >= 4 ORDER BY n) - 1) / $2 AS segment
    FROM numbered
),
segments AS (
    INSERT INTO octavo.search_segment (organization_id, segment, is_long, passages)
    SELECT organization, segment, is_long, count(*) FROM placed GROUP BY organization, segment, is_long
),
configurations AS (
    INSERT INTO octavo.search_configuration (organization_id, configuration, has_trigrams)
    SELECT DISTINCT organization, 'english', true FROM placed
),
texts AS (
    INSERT INTO octavo.search_text (
        organization_id, document_id, ordinal, configuration, title, start_character, end_character, text
    )
    SELECT organization, id, 0, 'english', 'Title ' || n, 0, length(text), text FROM placed
),
filters AS (
    INSERT INTO octavo.document_filter (
        organization_id, document_id, namespace, type, created_at, created_by, updated_at, updated_by, version,
        fields, metadata
    )
    SELECT
        organization, id, 'default', 'article', now(), 'ann', now(), 'ann', 1,
        jsonb_build_object('status', 'status ' || n % 1000), '{}'
    FROM placed
),
heads AS (
    INSERT INTO octavo.document (
        organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind,
        updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id
    )
    SELECT
        organization, id, 'default', 'article', 1, sha256(''), now(), 'ann', 'user', now(), 'ann', 'user', 1, 1, '1', n
    FROM placed
)
INSERT INTO octavo.search_passage (
    organization_id, document_id, ordinal, passages, segment, namespace, type, version, words, titles, trigram_text
)
SELECT
    organization, id, 0, CASE WHEN is_long THEN 2 ELSE 1 END, segment, 'default', 'article', 1,
    to_tsvector('english', text),
    to_tsvector('simple', 'title ' || n), CASE WHEN n % 50 = 0 THEN text END
FROM placed
"""


class Told:
    """The record's pool, that tells the plan of each statement it is asked, as a connection that has planned it."""

    def __init__(self, record: Record) -> None:
        self.plans: list[dict[str, Any]] = []
        self._pool = record.app

    async def fetch(self, statement: str, *arguments: object) -> Any:
        async with self._pool.transaction(read_only=True) as transaction:
            name = f"asked_{len(self.plans)}"
            await transaction.execute(f"PREPARE {name} AS {statement}")
            values = ", ".join(map(_literal, arguments))
            [row] = await transaction.fetch(
                f"EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, FORMAT JSON) EXECUTE {name} ({values})"
            )
            self.plans.append(json.loads(row[0])[0]["Plan"])
            await transaction.execute(f"DEALLOCATE {name}")
        return await self._pool.fetch(statement, *arguments)


class Watched:
    """A record whose searches are told."""

    shard = 0
    has_system = False

    def __init__(self, record: Record) -> None:
        self.app = Told(record)


@pytest.fixture(scope="module")
async def filled(server: Server) -> Any:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(FILL, PASSAGES, SEGMENT_PASSAGES)
            await admin.execute("VACUUM ANALYZE")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture
def watched(filled: Record) -> Watched:
    return Watched(filled)


async def search(
    watched: Watched, text: str, organization: UUID = LARGE, **query: Any
) -> tuple[Found, list[dict]]:
    found = await PostgresSearch(watched).search(  # type: ignore[arg-type]  # a record as far as searching asks
        Query(organization=organization, words=parse(text), limit=10, **query)
    )
    return found, [node for plan in watched.app.plans for node in _nodes(plan)]


def of_passages(nodes: list[dict]) -> list[dict]:
    """The nodes that read passages, but for those that were never run."""
    return [node for node in nodes if "search_passage" in _relation(node) and node["Actual Loops"]]


def filtered(first: int) -> tuple[str, list[object]]:
    return compile_lookup(parse_filter({"status": "status 7"}), first=first)


QUERIES = {
    "two words": ("common rare7", {}),
    "alternatives": ("mid1 OR mid2 OR common", {}),
    "a phrase": ('"rare7 text"', {}),
    "a common word": ("common", {}),
    "a word of titles": ("title", {}),
    "an exclusion": ("mid7 -rare7", {}),
    "types and namespaces": ("mid7", {"types": ["article"], "namespaces": ["default"]}),
    "a filter": ("common", {"condition": filtered}),
    "weights": ("mid7", {"weights": Weights(title=20)}),
    "a boost": ("common", {"boosts": {"article": 2.0}}),
    "an order": ("mid7", {"order": Order(parse_subject("@created_at"), True)}),
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("organization", [LARGE, SMALL], ids=["large", "small"])
async def test_words_are_found_by_their_index_and_never_by_reading_an_organization(
    watched, name, organization
):
    """S0-071: EXPLAIN of a text query shows a bitmap index scan."""
    text, query = QUERIES[name]

    _, nodes = await search(watched, text, organization, **query)

    reading = of_passages(nodes)
    assert any(node["Index Name"] == "search_passage_words" for node in reading if "Index Name" in node)
    assert all(node["Node Type"] != "Seq Scan" for node in reading)
    assert all("words @@" not in node.get("Filter", "") for node in reading if not _is_by_document(node))


async def test_a_common_word_looks_at_no_more_than_one_segment_at_a_time(watched):
    found, nodes = await search(watched, "common")

    looked_at = [node for node in nodes if node.get("Index Name") == "search_passage_words"]
    assert found.capped
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in looked_at) <= 2 * SEGMENT_PASSAGES
    heaps = [node for node in of_passages(nodes) if node["Node Type"] == "Bitmap Heap Scan"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in heaps) <= 2 * CANDIDATES


async def test_a_rare_word_is_looked_for_in_the_newest_segments_and_then_a_shelf_at_a_time(watched):
    _, nodes = await search(watched, "rare1")

    # Of short documents two segments and a shelf, and as many of long ones.
    looked_at = [node for node in nodes if node.get("Index Name") == "search_passage_words"]
    assert sum(node["Actual Loops"] for node in looked_at) == 6


async def test_what_stands_on_a_shelf_is_found_once_though_its_newest_segments_were_looked_at(watched):
    _, nodes = await search(watched, "rare1")

    heaps = [node for node in of_passages(nodes) if node["Node Type"] == "Bitmap Heap Scan"]
    found = sum(node["Actual Rows"] * node["Actual Loops"] for node in heaps)
    assert round(found) == PASSAGES // 1000


async def test_a_boost_looks_for_its_types_among_a_bounded_number_of_passages(watched):
    _, nodes = await search(watched, "common", boosts={"note": 2.0})

    heaps = [node for node in of_passages(nodes) if node["Node Type"] == "Bitmap Heap Scan"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in heaps) <= 2 * CANDIDATES + LOOKED_AT


async def test_without_a_boost_nothing_is_looked_for_by_type(watched):
    _, nodes = await search(watched, "common")

    heaps = [node for node in of_passages(nodes) if node["Node Type"] == "Bitmap Heap Scan"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in heaps) <= 2 * CANDIDATES


async def test_an_explanation_reads_the_passages_of_the_page_by_their_keys(watched):
    found, _ = await search(watched, "common mid2", explain=True)

    reading = of_passages(_nodes(watched.app.plans[-1]))
    assert len(found.matches) == 10
    assert {node["Node Type"] for node in reading} == {"Index Scan"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in reading) == 10


async def test_a_small_organization_pays_for_its_own_passages_only(watched):
    _, nodes = await search(watched, "common OR title OR text", SMALL)

    looked_at = [node for node in nodes if "search_passage" in node.get("Index Name", "")]
    own = PASSAGES // 4 // 9 + 1
    assert looked_at
    assert all(node["Actual Rows"] <= own for node in looked_at)


async def test_heads_and_texts_are_read_for_the_page_only(watched):
    found, nodes = await search(watched, "common")

    reading = [node for node in nodes if _relation(node) in {"document", "search_text"}]
    assert len(found.matches) == 10
    assert len(reading) == 3
    assert all(node["Node Type"] == "Index Scan" and node["Actual Loops"] <= 11 for node in reading)


async def test_trigrams_are_found_by_their_index(watched):
    _, nodes = await search(watched, "documents numberr")

    assert any(node.get("Index Name") == "search_passage_trigrams" for node in of_passages(nodes))


@pytest.mark.parametrize("organization", [LARGE, SMALL], ids=["large", "small"])
async def test_facets_look_each_document_up_that_matches_and_no_other(watched, organization):
    query = Query(organization=organization, words=parse("mid7 OR common"), limit=10)
    asked = facets.parse(["@type", "status"], 10)

    found = await facets.count(watched.app, PostgresSearch(watched), query, asked, 10)

    reading = [
        node for node in _nodes(watched.app.plans[-1]) if _relation(node) in {"document", "document_filter"}
    ]
    assert [count.value for count in found[0].values] == ["article"]
    assert reading
    assert all(node["Node Type"] in {"Index Scan", "Index Only Scan"} for node in reading)
    assert all(node["Actual Rows"] * node["Actual Loops"] <= facets.COUNTED for node in reading)


async def test_words_for_a_misspelt_one_are_read_off_the_newest_passages_only(watched):
    known = await vocabulary(watched.app, SMALL, ["d"])

    reading = [node for node in _nodes(watched.app.plans[0]) if _relation(node) == "search_text"]
    assert known["document"] > 0
    assert [node["Scan Direction"] for node in reading] == ["Backward"]
    assert sum(node["Actual Rows"] for node in reading) <= NEWEST_PASSAGES


async def test_a_search_is_planned_once_a_connection(filled):
    """The plan PostgreSQL makes for known values would be made again for each search."""
    engine = PostgresSearch(filled)
    for number in range(20):
        await engine.search(Query(organization=LARGE, words=parse(f"common rare{number}"), limit=10))

    async with filled.app.transaction() as transaction:
        rows = await transaction.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%by_words%'"
        )

    assert sum(row["generic_plans"] for row in rows) > 0
    assert sum(row["custom_plans"] for row in rows) == 0


async def test_what_a_search_sets_ends_with_its_statement(filled):
    await PostgresSearch(filled).search(Query(organization=LARGE, words=parse("common"), limit=10))

    row = await filled.app.fetchrow(
        "SELECT current_setting('plan_cache_mode') AS mode, current_setting('octavo.organization', true) AS bound"
    )

    assert (row["mode"], row["bound"] or "") == ("auto", "")


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for inner in plan.get("Plans", []) for node in _nodes(inner))]


def _relation(node: dict[str, Any]) -> str:
    index = node.get("Index Name", "")
    return str(node.get("Relation Name") or re.sub(r"_(pkey|words|titles|trigrams)$", "", index))


def _is_by_document(node: dict[str, Any]) -> bool:
    """A look into one document, for exclusions and for words that stand apart."""
    return "document_id" in node.get("Index Cond", "") + node.get("Recheck Cond", "")


def _literal(value: Any) -> str:
    if value is None or isinstance(value, int | float):
        return "NULL" if value is None else str(value)
    if isinstance(value, list) and value and isinstance(value[0], UUID):
        return f"'{{{', '.join(map(str, value))}}}'"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]" if value else "'{}'"
    return "'" + str(value).replace("'", "''") + "'"
