"""Partitions of the log are there before the month that needs them, whoever makes them, and in nobody's way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from octavo.postgres.server import Server
from tests.databases import administrator

PARTITIONS = """
SELECT array_agg(inhrelid::regclass::text ORDER BY inhrelid::regclass::text) AS names
FROM pg_inherits WHERE inhparent = 'octavo.event'::regclass
"""
EVENT = """
INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data,
    actor, actor_kind)
VALUES ($1, 1, pg_current_xact_id(), nextval('octavo.event_position'), gen_random_uuid(), 's', 1, 'a.b', '{}',
    'ann', 'user')
RETURNING tableoid::regclass::text
"""


def month_names(count: int) -> list[str]:
    year, month = datetime.now(UTC).year, datetime.now(UTC).month
    numbers = [divmod(month - 1 + ahead, 12) for ahead in range(count)]
    return [f"octavo.event_{year + years}_{month + 1:02}" for years, month in numbers]


async def test_opening_a_record_makes_this_month_and_two_ahead(fresh_record):
    row = await fresh_record.system.fetchrow(PARTITIONS)

    assert row["names"] == [*month_names(3), "octavo.event_default"]


async def test_many_that_make_partitions_at_once_make_each_once(fresh_record):
    made = await asyncio.gather(
        *(fresh_record.system.fetch("SELECT octavo.keep_event_partitions(6) AS made") for _ in range(8))
    )

    assert sorted(row["made"] for rows in made for row in rows) == [
        name.removeprefix("octavo.") for name in month_names(7)[3:]
    ]


async def test_events_of_this_month_lie_in_its_partition(server: Server, fresh_record, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        assert await admin.fetchval(EVENT, datetime.now(UTC)) == month_names(1)[0]


async def test_events_of_a_month_nobody_prepared_are_kept_and_no_obstacle(
    server: Server, fresh_record, fresh_database: str
):
    later = datetime.now(UTC).replace(day=1) + timedelta(days=32 * 5)
    async with administrator(server, fresh_database) as admin:
        where = await admin.fetchval(EVENT, later)

        made = await admin.fetch("SELECT octavo.keep_event_partitions(8) AS made")

        assert where == "octavo.event_default"
        assert len(made) == 5  # all but the one whose events are in the default partition
        assert await admin.fetchval("SELECT count(*) FROM octavo.event") == 1


async def test_writers_go_on_while_a_partition_is_made(server: Server, fresh_record, fresh_database: str):
    async with administrator(server, fresh_database) as writer, writer.transaction():
        await writer.fetchval(EVENT, datetime.now(UTC))

        made = await asyncio.wait_for(
            fresh_record.system.fetch("SELECT octavo.keep_event_partitions(4) AS made"), 10
        )

        assert len(made) == 2
        assert await writer.fetchval(EVENT, datetime.now(UTC)) == month_names(1)[0]


async def test_an_open_record_makes_them_again_and_again(server: Server, fresh_record, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        await admin.execute(f"DROP TABLE {month_names(3)[2]}")

        fresh_record._partitions.wake()  # a day has passed

        while month_names(3)[2] not in await admin.fetchval(PARTITIONS):
            pass
