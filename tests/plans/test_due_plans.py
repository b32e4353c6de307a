"""What is read of 100,000 runs that are owed, and of some thousands that died, in several organizations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from octavo.postgres.record import Record, open_record
from octavo.postgres.statements import load
from tests.databases import administrator, migrated_database, settings_of
from tests.plans.test_batch_plans import BIG, DEAD, FILL, OTHER, planned, scanned

__all__ = ["planned"]

FEW = [UUID(int=n) for n in range(10, 20)]
owed = load("octavo.pipelines.starting", "owed.sql")
failures = load("octavo.pipelines", "failures.sql")
OWED = """
INSERT INTO octavo.run_owed (organization_id, trigger, document_id, trigger_depth, owed_at)
SELECT $1::uuid, 'notes', md5($1::text || i)::uuid, 1, now() + i * interval '1 millisecond'
FROM generate_series(1, $2::integer) AS i
"""


@pytest.fixture(scope="module")
async def crowded(server: Any) -> Any:
    """Runs that are owed, and dead ones of which failed results are due."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            for organization, number in ((BIG, 100_000), (OTHER, 2_000), *((one, 100) for one in FEW)):
                await admin.execute(OWED, organization, number)
            for organization, number in ((BIG, 20_000), (OTHER, 2_000)):
                await admin.execute(FILL, organization, number)
            await admin.execute(DEAD)
            await admin.execute(
                "VACUUM ANALYZE octavo.run_owed, octavo.result_due, octavo.run, octavo.run_dead"
            )
        record = await open_record(settings_of(server, name))
        yield record
        await record.close()


async def test_who_is_owed_something_is_found_without_reading_what(planned: Any, crowded: Record):
    plan = await planned(owed["owing"], "100", crowded.system)

    assert plan.rows_of("run_owed") <= 2 * (len(FEW) + 3)
    assert plan.indexes <= {"run_owed_pkey", "run_owed_at"}


async def test_starting_what_is_owed_reads_a_piece(crowded: Record):
    async with crowded.app.transaction() as tx:
        row = await tx.fetchrow(owed["start_owed"], BIG, 100)
        read = await tx.fetchrow(
            "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'run_owed'"
        )

    # Its trigger and documents are gone, so nothing is owed of them.
    assert (row["started"], row["settled"], row["is_refused"]) == (0, 100, False)
    assert (read["seq_tup_read"], read["idx_tup_fetch"] <= 300) == (0, True)


async def test_what_is_due_is_read_in_pieces(planned: Any, crowded: Record):
    plan = await planned(failures["due"], f"'{UUID(int=0)}', '{UUID(int=0)}', 200", crowded.system)

    assert plan.rows_of("result_due") <= 200


async def test_how_runs_ended_is_found_by_their_ids(planned: Any, crowded: Record):
    rows = await crowded.system.fetch(failures["due"], UUID(int=0), UUID(int=0), 200)
    runs = ",".join(str(row["run_id"]) for row in rows if row["organization_id"] == BIG)

    plan = await planned(failures["find_due"], f"'{BIG}', '{{{runs}}}'")

    assert scanned(plan) == set()
    assert plan.rows_of("run") <= 200
    assert plan.rows_of("result_due") <= 200


async def test_failures_are_kept_by_reading_their_own_rows(planned: Any, crowded: Record):
    rows = await crowded.system.fetch(failures["due"], UUID(int=0), UUID(int=0), 200)
    runs = ",".join(str(row["run_id"]) for row in rows if row["organization_id"] == BIG)

    plan = await planned(failures["keep_failures"], f"'{BIG}', '{{{runs}}}', '[]'")

    assert plan.rows_of("result_due") <= 400
    assert plan.rows_of("run") == 0
