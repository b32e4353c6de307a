"""Migrations as an operator runs them: on the record that the settings name, Octavo's own or an application's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from octavo.errors import InvalidInput, InvalidSetting
from octavo.postgres import drift, lock_levels, migrator
from octavo.postgres.applying import Applied
from octavo.postgres.backfill import Report
from octavo.postgres.drift import Verified
from octavo.postgres.ledger import OCTAVO, MigrationStatus
from octavo.postgres.lock_levels import Step
from octavo.postgres.migration import Migration, Phase, read_migrations
from octavo.postgres.record import URL_SCHEMES
from octavo.postgres.scratch import scratch_server
from octavo.postgres.server import Server, open_server
from octavo.settings import Settings

# Indexes that types declare; `octavo type` looks after them.
_DECLARED = re.compile(r"index octavo\.type_(?:key|guard|unique)_[0-9a-f]{16}")


class Source:
    """Which migrations are meant: Octavo's own, or those of an application in a folder.

    Args:
        folder: where the application's `.sql` files are.
        name: the application, and the schema it has.

    Raises:
        InvalidInput: only one of the two is given, or there is no such folder.
        MigrationFault: a file cannot be understood.
    """

    def __init__(self, folder: str | Path | None = None, name: str | None = None) -> None:
        if (folder is None) != (name is None):
            raise InvalidInput(
                "an application's migrations have a folder and a name",
                remedy="give both: --migrations ./migrations --name shop",
            )
        self.application = name or OCTAVO
        self.migrations: Sequence[Migration] | None = None
        if folder is not None:
            place = Path(folder)
            if not place.is_dir():
                raise InvalidInput(f"there is no folder {place}", remedy="make it, or name another")
            self.migrations = read_migrations(place)


@asynccontextmanager
async def administrator(settings: Settings, url: str | None = None) -> AsyncIterator[Mapping[str, Any]]:
    """What an administrator connects with: the URL, record_admin, or the embedded server, kept running meanwhile.

    Raises:
        InvalidSetting: the record is a PostgreSQL of your own, and nobody says who administers it.
        ServerFault: the embedded server cannot be started.
    """
    if address := url or settings.record_admin:
        yield {"dsn": address}
        return
    if settings.record.startswith(URL_SCHEMES):
        raise InvalidSetting(
            "no administrator's URL is given", remedy="pass --admin postgresql://… or set OCTAVO_RECORD_ADMIN"
        )
    server = await asyncio.to_thread(_embedded, settings)
    try:
        yield server.running.dsn("octavo_admin")
    finally:
        server.close()


def _embedded(settings: Settings) -> Server:
    return open_server(
        Path(settings.record.removeprefix("embedded:")).expanduser(),
        start_timeout=settings.start_timeout_seconds,
        idle_stop=settings.idle_stop_seconds,
    )


async def up(
    settings: Settings,
    source: Source,
    *,
    admin: str | None = None,
    until: Phase = "contract",
    report: Report | None = None,
) -> list[Applied]:
    """Apply what waits; see `octavo.postgres.migrator.migrate`."""
    async with administrator(settings, admin) as arguments:
        return await migrator.migrate(
            arguments,
            migrations=source.migrations,
            application=source.application,
            until=until,
            report=report,
        )


async def plan(
    settings: Settings, source: Source, *, admin: str | None = None, until: Phase = "contract"
) -> list[Migration]:
    """What `up` would apply, with its SQL."""
    async with administrator(settings, admin) as arguments:
        return await migrator.plan(
            arguments, migrations=source.migrations, application=source.application, until=until
        )


async def status(settings: Settings, source: Source, *, admin: str | None = None) -> list[MigrationStatus]:
    """What is applied, failed or waits; without a folder those of every application the ledger knows too."""
    async with administrator(settings, admin) as arguments:
        told = await migrator.status(arguments, migrations=source.migrations, application=source.application)
        if source.application == OCTAVO:
            told += await migrator.status_of_applications(arguments)
        return told


async def verify(settings: Settings, *, admin: str | None = None) -> Verified:
    """Whether the schema is what the migrations make; see `octavo.postgres.drift.verify`."""
    async with administrator(settings, admin) as arguments:
        return await drift.verify(arguments, is_expected=lambda what: bool(_DECLARED.fullmatch(what)))


async def check(source: Source) -> list[Step]:
    """Try migrations out on a PostgreSQL started for it; see `octavo.postgres.lock_levels.check`."""
    scratch = scratch_server()
    server = await asyncio.to_thread(scratch.__enter__)
    try:
        return await lock_levels.check(
            server.running.dsn("octavo_admin"),
            migrations=source.migrations,
            application=source.application,
        )
    finally:
        await asyncio.to_thread(scratch.__exit__, None, None, None)
