"""An epoch begins when the record wakes up on another server or timeline, and orders what comes after it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.errors import AccessDenied, MigrationNeeded, Unavailable
from octavo.postgres import server as embedded
from octavo.postgres.epoch import begin_epoch, keep_epoch
from octavo.postgres.record import open_record
from octavo.postgres.server import Server
from octavo.settings import Settings
from tests.databases import administrator, settings_of
from tests.migration.ledgers import ask

EPOCHS = "SELECT array_agg(number ORDER BY number) FROM octavo.epoch"
# What a restore on another server, or a server that took over, looks like to the record.
ELSEWHERE = {
    "another server": "UPDATE octavo.epoch SET system_identifier = system_identifier - 1",
    "another timeline": "UPDATE octavo.epoch SET timeline = timeline + 1",
}


async def test_a_record_begins_with_the_first_epoch_and_keeps_it(server: Server, fresh_database: str):
    for _ in range(2):
        record = await open_record(settings_of(server, fresh_database))
        assert record.epoch == 1
        await record.close()

    assert await ask(server, fresh_database, EPOCHS) == [1]


@pytest.mark.parametrize("change", ELSEWHERE)
async def test_many_that_open_it_elsewhere_begin_one_new_epoch(server, fresh_database, change):
    async with administrator(server, fresh_database) as admin:
        await admin.execute(ELSEWHERE[change])

    records = await asyncio.gather(*(open_record(settings_of(server, fresh_database)) for _ in range(5)))

    assert {record.epoch for record in records} == {2}
    assert await ask(server, fresh_database, EPOCHS) == [1, 2]
    for record in records:
        await record.close()


async def test_a_record_that_is_open_notices_with_its_next_connection(server, fresh_database):
    record = await open_record(settings_of(server, fresh_database, connection_lifetime_seconds=1e-9))
    async with administrator(server, fresh_database) as admin:
        await admin.execute(ELSEWHERE["another timeline"])

    row = await record.app.fetchrow("SELECT max(number) AS number FROM octavo.epoch")

    assert (row["number"], record.epoch) == (2, 2)
    await record.close()


async def test_a_process_that_may_not_begin_an_epoch_says_what_to_do(server, fresh_database):
    async with administrator(server, fresh_database) as admin:
        await admin.execute(ELSEWHERE["another server"])

    with pytest.raises(MigrationNeeded, match="another server or timeline"):
        await open_record(settings_of(server, fresh_database, record_system=""))


async def test_a_restore_begins_an_epoch_although_the_server_is_the_same(server, fresh_database):
    async with administrator(server, fresh_database) as admin:
        assert await begin_epoch(admin) == 2
        assert await begin_epoch(admin) == 3
        assert await keep_epoch(admin) == 3


async def test_a_new_epoch_waits_for_the_writers_of_the_old_one(fresh_record, server):
    """Else an event of the old epoch could be committed behind one of the new, and a reader would miss it."""
    async with fresh_record.app.transaction() as writer:
        seen = await writer.fetchrow(
            "SELECT max(number) AS number, pg_current_xact_id() AS xid FROM octavo.epoch"
        )
        beginning = asyncio.create_task(begin_epoch(fresh_record.system))
        async with administrator(server) as admin:
            while not await admin.fetchval(
                "SELECT true FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
            ):
                pass
        assert not beginning.done()
        row = await writer.fetchrow("SELECT max(number) AS number FROM octavo.epoch")

    assert (seen["number"], row["number"], await beginning) == (1, 1, 2)


@pytest.fixture
def data() -> Iterator[Path]:
    """The data directory of a server that the test starts and stops."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-epoch-"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder, ignore_errors=True)


def start_with(data: Path, signal: str, **settings: str) -> Server:
    """Start the server anew, with one of PostgreSQL's signal files."""
    embedded.stop(data, force=True)
    file = (data / "cluster").resolve() / signal
    file.touch()
    shutil.chown(file, file.parent.stat().st_uid, file.parent.stat().st_gid)
    return embedded.open_server(data, settings=settings)


async def test_a_real_recovery_to_a_new_timeline_begins_an_epoch(data):
    """PostgreSQL recovers from its (empty) archive and goes on, as after a restore to a point in time."""
    before = await open_record(Settings(record=str(data)))
    await before.close()

    server = await asyncio.to_thread(
        start_with, data, "recovery.signal", restore_command="false", hot_standby="off"
    )
    after = await open_record(Settings(record=str(data)))

    row = await after.app.fetchrow("SELECT array_agg(timeline ORDER BY number) AS lines FROM octavo.epoch")
    assert (before.epoch, after.epoch, row["lines"]) == (1, 2, [1, 2])
    await after.close()
    server.close()


async def test_a_standby_is_refused_clearly(data):
    before = await open_record(Settings(record=str(data)))
    await before.close()
    server = await asyncio.to_thread(start_with, data, "standby.signal")

    with pytest.raises(Unavailable, match="it is a standby"):
        await open_record(Settings(record=str(data)))

    server.close()


async def test_the_role_of_calls_cannot_begin_an_epoch(fresh_record, server, fresh_database):
    with pytest.raises(AccessDenied):
        await begin_epoch(fresh_record.app)

    assert await ask(server, fresh_database, EPOCHS) == [1]
