"""The record tells how it is, and who holds its feed back."""

from __future__ import annotations

import pytest

from octavo.postgres.server import Server
from tests.databases import administrator, empty_database


async def test_health_is_one_round_trip_and_what_is_known(fresh_record):
    health = await fresh_record.health()

    assert 0 < health.round_trip_ms < 10_000
    assert (health.epoch, health.pooled, health.open_connections >= 2) == (1, False, True)
    assert health.version.startswith("1")


async def test_nobody_holds_the_feed_when_nobody_writes(fresh_record, server: Server, fresh_database: str):
    async with (
        administrator(server, fresh_database) as reader,
        reader.transaction(isolation="repeatable_read"),
    ):
        await reader.fetch("SELECT FROM octavo.document")

        assert [
            holder.pid for holder in await fresh_record.gate_holders() if holder.database == fresh_database
        ] == []


async def test_an_open_writer_is_named_with_its_query(fresh_record, server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as writer, writer.transaction():
        await writer.execute("SET LOCAL application_name = 'nightly job'")
        await writer.execute("CREATE TABLE public.held ()")
        pid = await writer.fetchval("SELECT pg_backend_pid()")
        [holder] = [one for one in await fresh_record.gate_holders() if one.pid == pid]
        health = await fresh_record.health()

    assert (holder.application, holder.database, holder.role) == (
        "nightly job",
        fresh_database,
        "octavo_admin",
    )
    assert holder.query == "SELECT pg_backend_pid()"
    assert holder.age_seconds >= 0
    assert health.gate_holder is not None


async def test_a_lock_for_update_is_a_writer_too(fresh_record, server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as locker, locker.transaction():
        await locker.fetch("SELECT FROM octavo.epoch FOR UPDATE")
        pid = await locker.fetchval("SELECT pg_backend_pid()")

        assert pid in [holder.pid for holder in await fresh_record.gate_holders()]


async def test_a_writer_in_another_database_is_named_without_its_query(fresh_record, server: Server):
    async with empty_database(server) as name, administrator(server, name) as writer, writer.transaction():
        await writer.execute("CREATE TABLE public.elsewhere ()")
        pid = await writer.fetchval("SELECT pg_backend_pid()")
        [holder] = [one for one in await fresh_record.gate_holders() if one.pid == pid]

    assert (holder.database, holder.query) == (name, None)


async def test_a_prepared_transaction_is_named_although_it_runs_in_no_process(
    fresh_record, server: Server, fresh_database: str
):
    async with administrator(server, fresh_database) as writer:
        await writer.execute("BEGIN; CREATE TABLE public.prepared (); PREPARE TRANSACTION 'two phases'")
        try:
            [holder] = [one for one in await fresh_record.gate_holders() if one.prepared]
        finally:
            await writer.execute("ROLLBACK PREPARED 'two phases'")

    assert (holder.pid, holder.prepared, holder.state) == (None, "two phases", "prepared")
    assert str(holder).startswith("prepared transaction 'two phases' of octavo_admin in database")


async def test_only_those_open_long_enough_are_told(fresh_record, server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as writer, writer.transaction():
        await writer.execute("CREATE TABLE public.young ()")

        assert await fresh_record.gate_holders(older_than_seconds=3600) == []


@pytest.mark.parametrize(
    "question", ["SELECT octavo.keep_event_partitions(1)", "SELECT error FROM octavo.migration"]
)
async def test_the_role_of_calls_may_not_ask_what_the_system_may(fresh_record, question):
    with pytest.raises(Exception, match="refuses this to the connected role"):
        await fresh_record.app.fetch(question)
