"""Why no session-level setting exists anywhere: behind a transaction pooler it becomes somebody else's."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg

from octavo.postgres.record import Record
from octavo.store import organizations
from octavo.store.organizations import Organization
from tests.databases import administrator
from tests.isolation.pooler import pgbouncer

# One row for each organization, by which it can be recognised.
ROW = """
INSERT INTO octavo.stream (organization_id, name, sequence, epoch, position_xid, position_id)
VALUES ($1, 'one', 1, 1, pg_current_xact_id(), 1)
"""
READ = "SELECT organization_id FROM octavo.stream"


async def twenty_organizations(record: Record) -> list[Organization]:
    """Organizations with a row each."""
    made = [await organizations.create(record.system, f"leak-{uuid.uuid4().hex}") for _ in range(20)]
    for organization in made:
        await record.system.execute(ROW, organization.id)
    return made


async def sticky(url: str, organization: Organization) -> asyncpg.Connection:
    """A client as it is often written: it binds its organization once, when it connects."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    await connection.execute(f"SELECT set_config('octavo.organization', '{organization.id}', false)")
    return connection


async def read(connection: asyncpg.Connection) -> list[uuid.UUID]:
    """What it believes to be its rows; in a transaction, since the driver needs two steps for a statement."""
    async with connection.transaction():
        return [row["organization_id"] for row in await connection.fetch(READ)]


async def test_a_sticky_setting_gives_one_client_the_rows_of_the_next(server, fresh_record, fresh_database):
    """S1-027: the reason; two clients, one server connection, one after the other."""
    ann, bob = (await twenty_organizations(fresh_record))[:2]

    with pgbouncer(server, pool_size=1) as pooler:
        url = pooler.url("octavo_app", fresh_database)
        first = await sticky(url, ann)
        assert await read(first) == [ann.id]
        second = await sticky(url, bob)
        leaked = await read(first)
        await first.close()
        await second.close()

    assert leaked == [bob.id]


async def test_under_load_most_reads_of_sticky_clients_are_another_organizations(
    server, fresh_record, fresh_database
):
    made = await twenty_organizations(fresh_record)

    with pgbouncer(server, pool_size=3) as pooler:
        url = pooler.url("octavo_app", fresh_database)
        clients = [(await sticky(url, organization), organization) for organization in made]

        async def reads(number: int) -> int:
            wrong = 0
            for turn in range(30):
                client, organization = clients[(number + 8 * turn) % 16 if turn % 2 else number]
                async with locks[client]:
                    wrong += await read(client) != [organization.id]
            return wrong

        locks = {client: asyncio.Lock() for client, _ in clients}
        wrong = sum(await asyncio.gather(*(reads(number) for number in range(8))))
        for client, _ in clients:
            await client.close()

    assert wrong > 120  # of 240


async def test_a_role_bound_to_nothing_reads_nothing(server, fresh_record, fresh_database):
    await twenty_organizations(fresh_record)

    async with administrator(server, fresh_database) as admin:
        await admin.execute("SET ROLE octavo_app")

        assert await admin.fetch(READ) == []
