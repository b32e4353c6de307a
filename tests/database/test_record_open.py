"""A record opens when it can be trusted, and says at once what is wrong when not."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.errors import (
    AccessDenied,
    InvalidSetting,
    MigrationFault,
    MigrationNeeded,
    RecordFault,
    Unavailable,
)
from octavo.postgres import server as embedded
from octavo.postgres.connect import check_version
from octavo.postgres.migrator import migrate
from octavo.postgres.record import open_record
from octavo.postgres.server import Server
from octavo.settings import Settings
from tests.databases import administrator, empty_database, settings_of, url_of
from tests.migration.ledgers import LAST, admin_of, one_more, with_these


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="octavo-open-"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.destroy(folder / "data", force=True)
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_directory_becomes_a_migrated_record_and_opens_again(data):
    """S0-228"""
    for spelling in (str(data), f"embedded:{data}"):
        record = await open_record(Settings(record=spelling))
        row = await record.app.fetchrow("SELECT current_user AS role, count(*) AS rows FROM octavo.document")
        assert dict(row) == {"role": "octavo_app", "rows": 0}
        assert (record.epoch, record.pooled, record.has_system) == (1, False, True)
        await record.close()
        await record.close()


async def test_many_that_open_one_directory_at_once_all_get_it(data):
    records = await asyncio.gather(*(open_record(Settings(record=str(data))) for _ in range(4)))

    told = [await record.app.fetchrow("SELECT count(*) AS epochs FROM octavo.epoch") for record in records]

    assert [row["epochs"] for row in told] == [1, 1, 1, 1]
    for record in records:
        await record.close()


async def test_opening_that_is_cancelled_gives_the_server_back(data):
    opening = asyncio.create_task(open_record(Settings(record=str(data))))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    record = await open_record(Settings(record=str(data)))  # waits for the start the thread goes on with
    await record.close()

    assert await asyncio.to_thread(embedded.stop, data)  # without force: nobody holds a share


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("octavo_admin", "is a superuser"),
        ("octavo_backup", "bypasses row-level security"),
        ("octavo_system", "is a member of octavo_system"),
    ],
)
async def test_a_role_that_would_see_all_organizations_is_refused(server: Server, record, role, why):
    settings = settings_of(server, "octavo", record=url_of(server, role, "octavo"))

    with pytest.raises(AccessDenied, match=f"the role {role} {why}") as refused:
        await open_record(settings)

    assert "IN ROLE octavo_app" in refused.value.remedy


@pytest.mark.parametrize(
    ("making", "why"),
    [
        ("CREATE ROLE {role} LOGIN", "is no member of octavo_app"),
        ("CREATE ROLE {role} LOGIN IN ROLE octavo_app, octavo_owner", "is a member of octavo_owner"),
        (
            "CREATE ROLE {role} LOGIN NOINHERIT IN ROLE octavo_app, octavo_system",
            "is a member of octavo_system",
        ),
        (
            "CREATE ROLE {role} LOGIN IN ROLE octavo_app; ALTER ROLE {role} SET octavo.organization = 'x'",
            "has the setting octavo.organization",
        ),
    ],
)
async def test_a_role_made_wrongly_is_refused(server: Server, record, making, why):
    async with administrator(server) as admin:
        await admin.execute(making.format(role="made_wrongly"))
        try:
            with pytest.raises(AccessDenied, match=f"the role made_wrongly {why}"):
                await open_record(
                    settings_of(server, "octavo", record=url_of(server, "made_wrongly", "octavo"))
                )
        finally:
            await admin.execute("DROP ROLE made_wrongly")


async def test_a_role_of_ones_own_in_octavo_app_is_welcome(server: Server, record):
    async with administrator(server) as admin:
        await admin.execute("CREATE ROLE my_client LOGIN IN ROLE octavo_app")
        try:
            opened = await open_record(
                settings_of(server, "octavo", record=url_of(server, "my_client", "octavo"))
            )
            row = await opened.app.fetchrow(
                "SELECT current_user AS role, count(*) AS rows FROM octavo.document"
            )
            await opened.close()
        finally:
            await admin.execute("DROP ROLE my_client")

    assert dict(row) == {"role": "my_client", "rows": 0}


async def test_a_system_url_of_another_role_is_refused(server: Server, record):
    settings = settings_of(server, "octavo", record_system=url_of(server, "octavo_app", "octavo"))

    with pytest.raises(AccessDenied, match="record_system is no member of octavo_system"):
        await open_record(settings)


async def test_without_a_system_role_calls_work_and_system_work_says_what_is_missing(server: Server, record):
    opened = await open_record(settings_of(server, "octavo", record_system=""))

    assert await opened.app.fetchrow("SELECT 1")
    assert not opened.has_system
    with pytest.raises(InvalidSetting, match="record_system is not set") as refused:
        await opened.gate_holders()
    assert "OCTAVO_RECORD_SYSTEM" in refused.value.remedy
    await opened.close()


async def test_a_database_without_the_schema_names_the_command(server: Server, record):
    async with empty_database(server) as name:
        with pytest.raises(MigrationNeeded, match="has no Octavo schema") as refused:
            await open_record(settings_of(server, name))

    assert "octavo migrate up" in refused.value.remedy


async def test_an_older_schema_names_what_is_missing_and_the_command(server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        await admin.execute("DELETE FROM octavo.migration WHERE number = $1", LAST)

    with pytest.raises(MigrationNeeded, match=f"{LAST:04}_.* is missing") as refused:
        await open_record(settings_of(server, fresh_database))

    assert "octavo migrate up" in refused.value.remedy


async def test_a_newer_schema_that_was_contracted_is_refused(server: Server, fresh_database: str):
    contracted = with_these(one_more("SELECT 1;", phase="contract"))
    await migrate(admin_of(server, fresh_database), migrations=contracted)

    with pytest.raises(MigrationFault, match="does not know"):
        await open_record(settings_of(server, fresh_database))


async def test_a_missing_database_is_told(server: Server, record):
    with pytest.raises(MigrationNeeded, match="no database of the name"):
        await open_record(settings_of(server, "nowhere"))


def test_a_server_that_is_too_old_is_refused():
    with pytest.raises(RecordFault, match="is PostgreSQL 16; Octavo needs 17 or newer"):
        check_version(16)


async def test_nothing_at_the_url_is_told_with_the_place(unused_tcp_port):
    with pytest.raises(Unavailable, match=f"{unused_tcp_port}"):
        await open_record(Settings(record=f"postgresql://ann@127.0.0.1:{unused_tcp_port}/octavo"))


@pytest.mark.parametrize(
    "url", ["postgresql://ann@localhost:port/octavo", "postgresql://ann@h/x?sslmode=maybe"]
)
async def test_a_url_that_is_none_is_an_invalid_setting_and_not_repeated(url):
    with pytest.raises(InvalidSetting, match="URL cannot be used") as refused:
        await open_record(Settings(record=url))

    assert url not in str(refused.value)


async def test_limits_are_set_on_the_server_and_nothing_is_sticky(server: Server, record):
    opened = await open_record(
        settings_of(server, "octavo", statement_timeout_seconds=3.5, transaction_timeout_seconds=7)
    )

    row = await opened.app.fetchrow(
        "SELECT current_setting('statement_timeout') AS statement, current_setting('transaction_timeout') AS all,"
        " current_setting('timezone') AS zone, current_setting('octavo.organization', true) AS bound"
    )

    assert dict(row) == {"statement": "3500ms", "all": "7s", "zone": "UTC", "bound": None}
    await opened.close()
