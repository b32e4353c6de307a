"""What comparing, mending and rebuilding an engine read among 100,000 documents, events and facts of ten organizations.

And what is read of the queries that were kept, 100,000 of them too.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.pool import Pool
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

comparing = load("octavo.projections", "comparing.sql")
days = load("octavo.projections", "analytics.sql")
facts = load("octavo.engines.analytics", "postgres.sql")
queries = load("octavo.store", "queries.sql")

BIG, SMALL = UUID(int=1), UUID(int=2)
ALL, BUCKETS, DAYS = 100_000, 256, 500
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)

# Half belongs to the first organization, the rest to nine others; an event each, recorded two hundred a day.
FILL = """
WITH numbered AS MATERIALIZED (
    SELECT
        n, lpad(to_hex(CASE WHEN n % 2 = 0 THEN 1 ELSE 2 + n / 2 % 9 END), 32, '0')::uuid AS organization,
        md5(n::text)::uuid AS id,
        timestamptz '2025-01-01 00:00+00' + n / 200 * interval '1 day' + n % 200 * interval '5 minutes' AS at
    FROM generate_series(1, $1::integer) AS n
),
heads AS (
    INSERT INTO octavo.document (
        organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind, updated_at,
        updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
    SELECT organization, id, 'default', 'note', 1, sha256(''), at, 'ann', 'user', at, 'ann', 'user', 1, 1, '1', n
    FROM numbered
),
events AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version, data,
        actor, actor_kind)
    SELECT at, 1, '1', n, organization, 'document-' || id, 1, 'document.created', id, 1, '{}', 'ann', 'user'
    FROM numbered
),
facts AS (
    INSERT INTO octavo.analytics_fact (
        organization_id, time, epoch, position_xid, id, recorded_at, type, kind, stream, document_id, document_type,
        actor, session, fields)
    SELECT
        organization, at, 1, '1', n, at, 'document.created', 'document', 'document-' || id, id, 'note', 'user:ann', '',
        '{}'
    FROM numbered
),
totals AS (
    INSERT INTO octavo.analytics_total (organization_id, grain, begins, type, kind, document_type, field, facts)
    SELECT
        organization, grain, date_trunc(grain, at, 'UTC') AS begins, 'document.created', 'document', 'note', '',
        count(*)
    FROM numbered
    CROSS JOIN (VALUES ('hour'), ('day')) AS grains (grain)
    GROUP BY organization, grain, begins
),
consents AS (
    INSERT INTO octavo.query_consent (organization_id, actor, actor_kind, days)
    SELECT DISTINCT organization, 'user' || n % 100, 'user'::octavo.actor_kind, 30 FROM numbered
    RETURNING 1
)
SELECT count(*) FROM consents
"""
# Of a thousand a query is overdue.
QUERIES = """
INSERT INTO octavo.remembered_query (
    organization_id, id, actor, actor_kind, text, mode, found, model_name, model_version, embedding, asked_at,
    expires_at)
SELECT
    document.organization_id, lpad(to_hex(document.position_id), 32, '0')::uuid, 'user' || document.position_id % 100,
    'user', 'refund', 'keyword', 1, 'plain', '1', '[1,0,0]', now() - interval '1 day',
    now() + CASE WHEN document.position_id % 1000 = 0 THEN -1 ELSE 1 END * interval '1 hour'
FROM octavo.document
"""


@pytest.fixture(scope="module")
async def crowded(server: Server) -> Any:
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute(FILL, ALL)
            await admin.execute(QUERIES)
            await admin.execute("VACUUM ANALYZE")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


class Planned:
    """Statements that are planned for their parameters, or for any, and run; what they write is taken back."""

    def __init__(self, planning: str, pool: Pool) -> None:
        self._planning = planning
        self._pool = pool

    async def __call__(self, text: str, *arguments: str) -> Plan:
        given = f"({', '.join(arguments)})" if arguments else ""
        async with self._pool.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(f"SET LOCAL plan_cache_mode = force_{self._planning}_plan")
            await connection.execute(f"PREPARE asked AS {text}")
            told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked{given}")
            await connection.execute("DEALLOCATE asked")
            await transaction.rollback()
        return Plan(msgspec.json.decode(told)[0]["Plan"])


@pytest.fixture(params=["custom", "generic"])
def system(request: pytest.FixtureRequest, crowded: Record) -> Planned:
    """As the role plans that serves all organizations."""
    return Planned(request.param, crowded.system)


@pytest.fixture(params=["custom", "generic"])
def app(request: pytest.FixtureRequest, crowded: Record) -> Planned:
    """As the role plans that serves one organization, under row-level security."""
    return Planned(request.param, crowded.app)


def read(plan: Plan, prefix: str) -> float:
    """Rows that were read of a table and of its partitions."""
    tables = {node["Relation Name"] for node in plan.executed if "Relation Name" in node}
    return sum(plan.rows_of(table) for table in tables if table.startswith(prefix))


def array(values: list[Any], kind: str) -> str:
    return f"ARRAY[{', '.join(repr(str(value)) for value in values)}]::{kind} []"


def number(place: int) -> UUID:
    """The id of the document, and of the event and query, of a place."""
    return UUID(hashlib.md5(str(place).encode()).hexdigest())


async def test_a_digest_of_all_heads_is_one_scan_of_them(system: Planned) -> None:
    for statement in (comparing.summaries, comparing.digests):
        plan = await system(statement)

        reads = [node for node in plan.executed if "Relation Name" in node]
        assert [node["Node Type"] for node in reads] == ["Seq Scan"]
        # Of a scan that several processes share, rows are told for each, rounded.
        assert abs(plan.rows_of("document") - ALL) <= reads[0]["Actual Loops"]


async def test_digests_of_one_organization_read_its_heads_alone(system: Planned) -> None:
    plan = await system(comparing.digests_of, array([SMALL], "uuid"))

    assert plan.rows_of("document") <= ALL / 2 / 9 + 1


async def test_the_documents_of_a_bucket_are_read_of_their_organization_alone(system: Planned) -> None:
    plan = await system(comparing.bucketed, f"'{SMALL}'", array([7], "integer"))

    assert plan.rows_of("document") <= ALL / 2 / 9 + 1


async def test_documents_that_differ_are_looked_up_by_their_ids(system: Planned) -> None:
    ids = [number(place) for place in range(2, 202, 2)]

    plan = await system(comparing.standing, f"'{BIG}'", array(ids, "uuid"))

    assert plan.rows_of("document") == len(ids)


async def test_a_page_of_a_rebuild_reads_its_page(system: Planned) -> None:
    plan = await system(comparing.live_keys, f"'{SMALL}'", f"'{UUID(int=0)}'", "1000")

    assert plan.rows_of("document") <= 1_000
    assert plan.sorts == []


async def test_where_the_log_ends_is_read_of_its_end(system: Planned) -> None:
    plan = await system(comparing.last_event)

    assert read(plan, "event") <= 30  # one of each partition


async def test_events_of_facts_are_looked_up_by_their_places(system: Planned) -> None:
    places = list(range(2, 1_002, 2))

    plan = await system(
        days.logged,
        f"'{BIG}'",
        array([1] * len(places), "integer"),
        array([1] * len(places), "xid8"),
        array(places, "bigint"),
    )

    assert read(plan, "event") <= len(places)


async def test_facts_of_a_day_are_read_of_their_organization_alone(system: Planned) -> None:
    plan = await system(
        facts.recorded, f"'{SMALL}'", f"'{BEGIN.date()}'", "'0001-01-02 00:00+00'", "0", "0", "5000"
    )

    assert read(plan, "analytics_fact") <= ALL / 2 / 9 + 1


async def test_facts_that_go_are_found_by_their_keys(system: Planned) -> None:
    places = range(2, 202, 2)
    times = [BEGIN + timedelta(days=place // 200, minutes=5 * (place % 200)) for place in places]

    plan = await system(
        facts.forget_some,
        f"'{BIG}'",
        array(times, "timestamptz"),
        array([1] * len(times), "integer"),
        array(list(places), "bigint"),
    )

    assert read(plan, "analytics_fact") <= len(times)


async def test_a_day_is_added_up_of_its_own_facts(system: Planned) -> None:
    span = f"'{BIG}'", f"'{BEGIN + timedelta(days=9)}'", f"'{BEGIN + timedelta(days=10)}'"
    async with system._pool.transaction() as transaction:
        await transaction.execute(facts.forget_totals_of, BIG, BEGIN, BEGIN + timedelta(days=DAYS))

    plan = await system(facts.roll, *span)

    assert read(plan, "analytics_fact") <= 200


async def test_the_rollups_of_a_day_are_found_without_those_of_other_days(system: Planned) -> None:
    since, until = BEGIN + timedelta(days=9), BEGIN + timedelta(days=10)
    for statement in (facts.forget_totals_of, facts.forget_classes_of, facts.forget_members_of):
        plan = await system(statement, f"'{SMALL}'", f"'{since}'", f"'{until}'")

        assert read(plan, "analytics_") <= 50


@pytest.mark.parametrize(
    "behind", [f"'{UUID(int=2**128 - 1)}'", f"'{UUID(int=50_000)}'"], ids=["first", "middle"]
)
async def test_a_page_of_kept_queries_reads_its_page(app: Planned, behind: str) -> None:
    organization = f"'{BIG}'"

    of_all = await app(queries.list_queries, organization, behind, "100")
    of_one = await app(queries.list_queries_of, organization, behind, "100", "'user2'", "'user'")

    assert of_all.rows_of("remembered_query") <= 110
    assert of_one.rows_of("remembered_query") <= 110


async def test_similar_queries_are_looked_for_among_the_newest(app: Planned) -> None:
    plan = await app(queries.similar_queries, f"'{BIG}'", "'{1,0,0}'", "'plain'", "'1'", "1000", "1", "10")

    assert plan.rows_of("remembered_query") <= 1_010


async def test_a_consent_and_what_was_kept_on_account_of_it_are_found_by_their_actor(app: Planned) -> None:
    plan = await app(queries.forget_actor, f"'{BIG}'", "'user2'", "'user'")

    assert plan.rows_of("remembered_query") <= 2 * ALL / 100  # each is read, and deleted
    assert plan.rows_of("query_consent") <= 2


async def test_queries_that_are_due_are_found_without_the_others(system: Planned) -> None:
    counted = await system(queries.count_due, "1000")
    gone = await system(queries.forget_due, "1000")

    assert counted.rows_of("remembered_query") <= ALL / 1000
    assert gone.rows_of("remembered_query") <= 2 * ALL / 1000
