"""How the ledger of sources is looked into among 100,000 of them, of several organizations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_find_plans import Plan

BIG, OTHER = UUID(int=1), UUID(int=2)
SMALL = [UUID(int=n) for n in range(100, 150)]

# A tenth are members of archives, a hundred in each.
SOURCES = """
INSERT INTO octavo.source (organization_id, namespace, path_key, path, bytes, modified_ns, sha256, container_key)
SELECT
    $1, 'default', sha256(('p' || i)::bytea), '/files/' || i % 100 || '/' || i, 1, 1, sha256('x'),
    CASE WHEN i % 10 = 0 THEN sha256(('a' || i / 1000)::bytea) END
FROM generate_series(1, $2::integer) AS i
"""
sources = load("octavo.store", "sources.sql")
ARCHIVE = "sha256('a7')"


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Organizations with 100,000 and 20,000 sources, and fifty with twenty."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in [(BIG, 100_000), (OTHER, 20_000), *((one, 20) for one in SMALL)]:
                await admin.execute(SOURCES, organization, number)
            await admin.execute("ANALYZE octavo.source")
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


@pytest.fixture(params=["custom", "generic"])
def planned(request: pytest.FixtureRequest, crowded: Record) -> Any:
    """A statement's executed plan, planned for its parameters or for any."""

    async def plan(text: str, arguments: str) -> Plan:
        async with crowded.app.transaction() as tx:
            await tx.execute(f"SET LOCAL plan_cache_mode = force_{request.param}_plan")
            await tx.execute(f"PREPARE asked AS {text}")
            rows = await tx.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({arguments})")
            await tx.execute("DEALLOCATE asked")
        return Plan(msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Plan"])

    return plan


async def test_the_members_of_an_archive_are_found_without_the_other_files(planned: Any):
    plan = await planned(sources["sources_in"], f"'{BIG}', 'default', {ARCHIVE}, '', 1000")

    assert plan.indexes == {"source_container"}
    assert plan.rows_of("source") == 100


async def test_files_are_looked_up_by_their_keys(planned: Any):
    keys = "ARRAY[sha256('p1'), sha256('p2'), sha256('nothing')]"
    plan = await planned(sources["known_sources"], f"'{BIG}', 'default', {keys}")

    assert plan.indexes == {"source_pkey"}
    assert plan.rows_of("source") == 2
