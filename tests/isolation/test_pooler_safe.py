"""Behind a real PgBouncer in transaction mode every read and write is the right organization's."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

import octavo
from octavo.errors import InvalidInput, InvalidSetting, MigrationFault, StatementTimeout
from octavo.postgres.migrator import migrate
from octavo.postgres.record import Record, open_record
from octavo.settings import Settings
from octavo.store import organizations
from tests.databases import administrator
from tests.isolation.pooler import Pooler

ORGANIZATIONS = 20
TASKS = 8
DOCUMENTS = 8


@pytest.fixture
async def pooled(behind: Settings) -> AsyncIterator[Record]:
    record = await open_record(behind)
    yield record
    await record.close()


def opened(behind: Settings) -> octavo.Octavo:
    """The whole database behind the pooler."""
    given = {
        name: getattr(behind, name) for name in ("record", "record_system", "record_direct", "pool_size")
    }
    return octavo.open(given.pop("record"), background=False, **given)


async def test_a_pooler_is_recognised_and_a_direct_connection_is_not(pooled, fresh_record):
    assert (pooled.pooled, pooled.system.pooled) == (True, True)
    assert (fresh_record.pooled, fresh_record.system.pooled) == (False, False)


async def test_eight_tasks_write_and_read_twenty_organizations_and_none_sees_anothers(
    behind, server, fresh_database
):
    """S1-027: 3,200 reads, by id, by name, by version and by history, through three server connections."""
    async with opened(behind) as db:
        names = [f"org-{number:02}" for number in range(ORGANIZATIONS)]
        made = {name: await db.organizations.create(name) for name in names}
        docs = {name: db.organization(name).documents for name in names}

        async def write(task: int) -> list[tuple[str, uuid.UUID]]:
            put = []
            for number in range(ORGANIZATIONS):
                name = names[(number + task) % ORGANIZATIONS]
                document = await docs[name].put("note", {"of": name}, name=f"by task {task}")
                put.append((name, document.id))
            return put

        written = [
            one for put in await asyncio.gather(*(write(task) for task in range(TASKS))) for one in put
        ]

        async def read(task: int) -> tuple[int, int]:
            reads = wrong = 0
            for turn in range(5):
                for name, id in written[task + turn :: 2]:
                    document = await docs[name].get(id)
                    wrong += document.body != {"of": name}
                    reads += 1
            return reads, wrong

        told = await asyncio.gather(*(read(task) for task in range(TASKS)))

    assert sum(reads for reads, _ in told) >= 3_000
    assert sum(wrong for _, wrong in told) == 0
    async with administrator(server, fresh_database) as admin:
        rows = await admin.fetch(
            "SELECT head.organization_id, body.value ->> 'of' AS of FROM octavo.document AS head"
            " INNER JOIN octavo.body ON body.organization_id = head.organization_id AND body.hash = head.body_hash"
        )
    assert len(rows) == ORGANIZATIONS * TASKS
    assert all(made[row["of"]].id == row["organization_id"] for row in rows)


async def test_an_id_of_another_organization_is_not_found(behind):
    async with opened(behind) as db:
        for name in ("ann", "bob"):
            await db.organizations.create(name)
        hers = await db.organization("ann").documents.put("note", {"secret": True})

        with pytest.raises(octavo.errors.NotFound):
            await db.organization("bob").documents.get(hers.id)


async def test_transactions_of_two_organizations_interleave_without_mixing(behind, server, fresh_database):
    async with opened(behind) as db:
        for name in ("ann", "bob"):
            await db.organizations.create(name)
        first, second = db.organization("ann"), db.organization("bob")

        async with first.transaction() as hers, second.transaction() as his:
            for number in range(5):
                await hers.documents.put("note", {"of": "ann", "number": number})
                await his.documents.put("note", {"of": "bob", "number": number})
            counts = [
                (
                    await tx.fetchrow(
                        "SELECT count(*) AS rows, min(organization_id::text) AS id FROM octavo.document"
                    )
                )
                for tx in (hers, his)
            ]

        assert [row["rows"] for row in counts] == [5, 5]
        assert counts[0]["id"] != counts[1]["id"]


async def test_what_a_users_own_sql_sets_reaches_nobody_else(behind, pooled):
    async with opened(behind) as db:
        await db.organizations.create("ann")
        async with db.organization("ann").transaction() as tx:
            await tx.execute(
                "SELECT set_config('octavo.organization', octavo.current_organization()::text, false)"
            )
            await tx.execute("SET statement_timeout = '77s'")

    seen = await asyncio.gather(
        *(
            pooled.app.fetchrow(
                "SELECT current_setting('octavo.organization', true) AS bound, count(*) AS rows FROM octavo.stream"
            )
            for _ in range(30)
        )
    )

    assert {row["bound"] or "" for row in seen} == {""}


async def test_limits_hold_behind_a_pooler_and_stay_in_their_transaction(behind):
    short = Settings(**{name: getattr(behind, name) for name in ("record", "record_system", "record_direct")},
                     statement_timeout_seconds=2.0, pool_size=3)  # fmt: skip
    first, second = await open_record(short), await open_record(behind)

    with pytest.raises(StatementTimeout):
        await first.app.fetchrow("SELECT pg_sleep(60)")
    seen = await asyncio.gather(
        *(second.app.fetchrow("SELECT current_setting('statement_timeout') AS timeout") for _ in range(12))
    )

    assert {row["timeout"] for row in seen} == {"30s"}
    await first.close()
    await second.close()


async def test_a_cancelled_statement_leaves_the_pooler_usable(pooled):
    for turns in range(0, 40, 2):
        task = asyncio.create_task(pooled.app.fetchrow("SELECT pg_sleep(0.01)"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await asyncio.gather(*(pooled.app.fetchrow("SELECT 1 AS one") for _ in range(16)))


async def test_listening_goes_past_the_pooler_or_says_how(behind, pooled):
    assert pooled.listen["dsn"] == behind.record_direct

    blind = await open_record(Settings(record=behind.record, record_system=behind.record_system, pool_size=2))
    with pytest.raises(InvalidSetting, match="behind a connection pooler") as refused:
        _ = blind.listen
    assert "OCTAVO_RECORD_DIRECT" in refused.value.remedy
    await blind.close()


async def test_a_direct_url_that_is_not_direct_is_refused(behind):
    given = {"record": behind.record, "record_system": behind.record_system, "record_direct": behind.record}

    with pytest.raises(InvalidSetting, match="record_direct leads through a connection pooler"):
        await open_record(Settings(**given))


async def test_a_migration_through_a_pooler_is_refused(pooler: Pooler, fresh_database):
    with pytest.raises(MigrationFault, match="a connection pooler stands between"):
        await migrate({"dsn": pooler.url("octavo_admin", fresh_database)})


async def test_binding_a_second_organization_in_one_transaction_is_refused(pooled):
    ids = [(await organizations.create(pooled.system, f"two-{number}")).id for number in range(2)]

    async def both() -> None:
        async with pooled.app.transaction() as transaction:
            for id in ids:
                await transaction.fetch(
                    "SELECT name FROM octavo.stream WHERE organization_id = $1::octavo.organization", id
                )

    with pytest.raises(InvalidInput, match="one_organization_a_transaction"):
        await both()
