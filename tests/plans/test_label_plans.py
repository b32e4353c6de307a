"""How labels and links are found at 100,000 documents of an organization among others: by which index, reading how
many rows; each plan with statistics and without, for its parameters and for any.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from octavo.store.filters import compile_lookup
from octavo.store.question import count_statement
from octavo.values.filter import parse
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import BIG, DOCUMENTS, FILL, OTHER, SMALL, Crowd, Plan

_links = load("octavo.store", "links.sql")
_labels = load("octavo.store", "labels.sql")
LEAST = UUID(int=0)
TABLES = "document_filter", "document", "label", "document_label", "link_type", "link"

HEADS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, name, version, body_hash, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT
    organization_id, document_id, namespace, type, name, 1, sha256(document_id::text::bytea), created_at, created_by,
    'user', updated_at, updated_by, 'user', 1, 1, '1', 1
FROM octavo.document_filter WHERE organization_id = $1
"""
# Each document has one of 'invoice' (a tenth), 'order' (nine tenths), and one in 2,000 has 'legal' too.
LABELS = """
WITH made AS (
    INSERT INTO octavo.label (organization_id, id, name, created_at, created_by, created_by_kind)
    SELECT $1, gen_random_uuid(), name, now(), 'ann', 'user' FROM unnest(ARRAY['invoice', 'order', 'legal']) AS name
    RETURNING id, name
)
INSERT INTO octavo.document_label (
    organization_id, document_id, label_id, confidence, assigned_at, assigned_by, assigned_by_kind)
SELECT $1, document_id, made.id, i % 100 / 100.0, now(), 'ann', 'user'
FROM (
    SELECT document_id, substring(name FROM 5)::integer AS i FROM octavo.document_filter WHERE organization_id = $1
) AS d
INNER JOIN made ON made.name = CASE WHEN i * 31 % 10 = 0 THEN 'invoice' ELSE 'order' END
    OR (made.name = 'legal' AND i * 7 % 2000 = 0)
"""
# A chain through all documents; every tenth document cites the first one, which is similar to ten others.
LINKS = """
WITH made AS (
    INSERT INTO octavo.link_type (organization_id, name, is_symmetric, created_at, created_by, created_by_kind)
    SELECT $1, name, name = 'similar', now(), 'ann', 'user' FROM unnest(ARRAY['next', 'cites', 'similar']) AS name
    RETURNING name
), d AS (
    SELECT md5($1::uuid::text || i)::uuid AS id, md5($1::uuid::text || i + 1)::uuid AS next_id, i,
        md5($1::uuid::text || 1)::uuid AS hub
    FROM generate_series(1, $2 - 1) AS i
)
INSERT INTO octavo.link (
    organization_id, source_id, target_id, type, is_symmetric, created_at, created_by, created_by_kind, updated_at)
SELECT $1, id, next_id, 'next', false, now(), 'ann', 'user'::octavo.actor_kind, now()
FROM d WHERE (SELECT count(*) FROM made) = 3
UNION ALL
SELECT $1, id, hub, 'cites', false, now(), 'ann', 'user', now() FROM d WHERE i % 10 = 0
UNION ALL
SELECT $1, least(id, hub), greatest(id, hub), 'similar', true, now(), 'ann', 'user', now() FROM d WHERE i % 10000 = 5
"""
HUB = "SELECT md5($1::uuid::text || 1)::uuid"


@pytest.fixture(scope="module")
async def labelled(server) -> Any:
    """An organization of 100,000 labelled and linked documents, one of 20,000, and three hundred of twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("SET session_replication_role = replica")  # no look at a key for each row
            for table in TABLES:
                await admin.execute(f"ALTER TABLE octavo.{table} SET (autovacuum_enabled = off)")
            for organization, documents in [(BIG, DOCUMENTS), (OTHER, 20_000), *((s, 20) for s in SMALL)]:
                await admin.execute(FILL, organization, documents)
                await admin.execute(HEADS, organization)
                await admin.execute(LABELS, organization)
                await admin.execute(LINKS, organization, documents)
        record = await open_record(settings_of(server, name))
        yield record, name
        await record.close()


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
async def statistics(request, server, labelled) -> Record:
    record, name = labelled
    if request.param == "with statistics":
        async with administrator(server, name) as admin:
            for table in TABLES:
                await admin.execute(f"VACUUM ANALYZE octavo.{table}")
    return record


@pytest.fixture(params=["custom", "generic"])
def crowd(request, statistics) -> Crowd:
    return Crowd(statistics, request.param)


async def counted(crowd: Crowd, where: dict[str, Any]) -> Plan:
    scope = crowd.scope()
    statement = count_statement(parse({**where, "@namespace": "default"}), scope.limits, None)
    return await crowd.explain(statement.text, [BIG, *statement.arguments])


async def linked(
    crowd: Crowd, *, outwards: bool = True, inwards: bool = True, type: str | None = None
) -> Plan:
    [hub] = await crowd.record.system.fetch(HUB, BIG)
    return await crowd.explain(
        _links.links_of_document,
        [BIG, hub["md5"], type, outwards, inwards, "", LEAST, False, 11, LEAST],
    )


@pytest.mark.parametrize("order", ["-@created_at", "@updated_at", "@name", "@id", "price"])
async def test_documents_of_a_rare_label_are_found_by_the_index_of_labels(crowd: Crowd, order):
    """S0-089"""
    plan = await crowd.plan(where={"@labels": "legal"}, order=order)

    assert "document_label_label" in plan.indexes
    assert plan.rows_of("document_filter") < 64 + 60
    assert plan.rows_of("document_label") < 64 + 200


async def test_documents_of_a_common_label_are_found_by_walking(crowd: Crowd):
    plan = await crowd.plan(where={"@labels": "order"})

    assert plan.rows_of("document_filter") < 400
    assert plan.rows_of("document_label") < 400


async def test_a_rare_label_leads_beside_a_common_value(crowd: Crowd):
    plan = await crowd.plan(where={"@labels": "legal", "status": "published"})

    assert "document_filter_fields" not in plan.indexes
    assert plan.rows_of("document_filter") < 64 + 60


async def test_a_rare_value_leads_beside_a_common_label(crowd: Crowd):
    plan = await crowd.plan(where={"@labels": "invoice", "customer": "c70"})

    assert "document_filter_fields" in plan.indexes
    assert plan.rows_of("document_filter") < 64 + 20
    assert plan.rows_of("document_label") < 64 + 1_100


async def test_the_rarer_of_two_labels_leads(crowd: Crowd):
    for names in (["legal", "order"], ["order", "legal"]):
        plan = await crowd.plan(where={"@labels": {"$all": names}})

        assert plan.rows_of("document_filter") < 64 + 60
        assert plan.rows_of("document_label") < 64 + 1_300


async def test_a_label_or_a_rare_value_are_found_by_both_indexes(crowd: Crowd):
    plan = await crowd.plan(where={"$or": [{"@labels": "legal"}, {"customer": "c77"}]})

    assert {"document_label_label", "document_filter_fields"} <= plan.indexes
    assert plan.rows_of("document_filter") < 64 + 70


async def test_documents_of_a_label_are_counted_by_its_index(crowd: Crowd):
    plan = await counted(crowd, {"@labels": "legal"})

    assert "document_label_label" in plan.indexes
    assert plan.rows_of("document_filter") <= 60


async def test_a_search_asks_the_documents_of_a_rare_label_only(crowd: Crowd):
    condition, arguments = compile_lookup(parse({"@labels": "legal"}), first=2)
    plan = await crowd.explain(
        "SELECT document_id FROM octavo.lookup WHERE organization_id = $1::octavo.organization AND "
        + condition,
        [BIG, *arguments],
    )

    assert plan.rows_of("document_filter") <= 60


async def test_a_small_organization_never_pays_for_a_large_one(crowd: Crowd):
    plan = await crowd.plan(SMALL[7], where={"@labels": "order"})

    assert plan.rows_of("document_filter") <= 60
    assert plan.rows_of("document_label") <= 120


async def test_a_label_is_looked_up_by_its_name(crowd: Crowd):
    """S0-087"""
    plan = await crowd.explain(_labels.count_label, [BIG, "Legal"])

    assert "label_key" in plan.indexes
    assert plan.rows_of("label") == 1


async def test_links_from_a_document_are_found_by_its_index(crowd: Crowd):
    """S0-094"""
    plan = await linked(crowd, inwards=False)

    assert "link_pkey" in plan.indexes
    assert plan.rows_of("link") <= 14


async def test_links_to_a_document_are_found_by_their_index_and_a_page_reads_a_page(crowd: Crowd):
    """S0-095: 10,000 documents cite this one."""
    plan = await linked(crowd, outwards=False)

    assert "link_target" in plan.indexes
    assert plan.rows_of("link") <= 30
    assert plan.rows_of("document") <= 60


async def test_links_of_a_type_are_found_by_their_index(crowd: Crowd):
    """S0-096"""
    plan = await crowd.explain(
        _links.links_of_type, [BIG, "cites", datetime.max.replace(tzinfo=UTC), LEAST, LEAST, 11]
    )

    assert "link_of_type" in plan.indexes
    assert plan.rows_of("link") <= 12
    assert plan.rows_of("document") <= 24


async def test_a_link_is_found_by_its_ends(crowd: Crowd):
    plan = await linked(crowd, type="similar")

    assert plan.rows_of("link") <= 24


async def test_a_walk_from_a_document_that_ten_thousand_cite_reads_no_more_than_it_tells(
    crowd: Crowd, statistics
):
    [hub] = await crowd.record.system.fetch(HUB, BIG)
    before = await _tuples(statistics)
    plan = await crowd.explain(_links.neighbours_of_document, [BIG, hub["md5"], None, True, True, 3, 50])
    after = await _tuples(statistics)

    assert sum(node["Actual Rows"] for node in plan.executed if node["Node Type"] == "Function Scan") == 50
    assert after - before < 1_000
    assert plan.rows_of("document") == 51


async def _tuples(record: Record) -> int:
    """Rows of octavo.link read so far."""
    async with record.system.transaction() as transaction:
        await transaction.execute("SELECT pg_stat_force_next_flush()")
    row = await record.system.fetchrow(
        "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_user_tables WHERE relname = 'link'"
    )
    assert row is not None
    return int(row["rows"])
