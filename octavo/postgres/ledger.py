"""The ledger of migrations: what was applied, when and by whom, and what waits.

Octavo's own migrations and those of applications stand in two tables of one form, because an older version of
Octavo reads the first and must find nothing there that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import asyncpg
import msgspec

from octavo.errors import MigrationFault
from octavo.postgres.migration import PHASES, Migration, Phase
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "ledger.sql")

OCTAVO = "octavo"

Entries = Mapping[int, Mapping[str, Any]]
State = Literal["completed", "failed", "started", "pending", "changed", "unknown"]


class MigrationStatus(msgspec.Struct, frozen=True):
    """What the ledger says of one migration.

    `state` is `pending` when it waits, `started` when it runs or was interrupted, `changed` when the file is
    no longer the one that was applied, and `unknown` when a newer version applied it. `rows_done` and
    `rows_estimated` tell how far a backfill in chunks came.
    """

    number: int
    name: str
    phase: str
    state: State
    error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: int | None = None
    applied_by: str | None = None
    application: str = OCTAVO
    rows_done: int | None = None
    rows_estimated: int | None = None


class Ledger:
    """The entries of one application, or of Octavo itself, read and written on the administrator's connection."""

    def __init__(self, connection: asyncpg.Connection, application: str = OCTAVO) -> None:
        self._connection = connection
        self._is_ours = application == OCTAVO
        self.application = application

    async def is_there(self) -> bool:
        """Whether the record has this ledger."""
        question = _sql.has_ledger if self._is_ours else _sql.has_ledger_of_applications
        return bool(await self._connection.fetchval(question))

    async def make(self) -> None:
        """Make Octavo's own ledger; that of applications comes with a migration."""
        async with self._connection.transaction():
            await self._connection.execute(_sql.create_ledger)

    async def entries(self) -> Entries:
        """The rows by number; none where there is no ledger."""
        if not await self.is_there():
            return {}
        rows = await self._ask(_sql.read, _sql.read_of_application)
        return {row["number"]: dict(row) for row in rows}

    async def start(self, migration: Migration) -> None:
        """Say that a migration begins, in a transaction of its own."""
        told = (migration.number, migration.name, migration.phase, migration.checksum)
        await self._ask(_sql.start, _sql.start_of_application, *told)

    async def complete(self, migration: Migration) -> int:
        """Say that it is done, in its transaction if it has one; returns milliseconds since its start."""
        [row] = await self._ask(_sql.complete, _sql.complete_of_application, migration.number)
        return int(row["duration_ms"])

    async def fail(self, migration: Migration, error: str) -> None:
        """Say why it failed."""
        await self._ask(_sql.fail, _sql.fail_of_application, migration.number, error)

    async def _ask(self, ours: str, of_application: str, *arguments: object) -> Sequence[Any]:
        if self._is_ours:
            return await self._connection.fetch(ours, *arguments)
        return await self._connection.fetch(of_application, self.application, *arguments)


def creation() -> str:
    """The SQL that makes Octavo's own ledger."""
    return _sql.create_ledger


async def applications(connection: asyncpg.Connection) -> list[str]:
    """Whose migrations the ledger holds, beside Octavo's."""
    if not await connection.fetchval(_sql.has_ledger_of_applications):
        return []
    return [row["application"] for row in await connection.fetch(_sql.list_applications)]


def pending(known: Sequence[Migration], ledger: Entries, until: Phase = "contract") -> list[Migration]:
    """The migrations that wait, after a check that ledger and files tell one history.

    Migrations of a newer version that only expand or fill in are borne: the older version goes on working, as
    it must while a deployment rolls.

    Raises:
        MigrationFault: an applied file was changed, a newer version contracted the schema, or a file was added
            in between.
    """
    completed = {number: row for number, row in ledger.items() if row["state"] == "completed"}
    _check_history({migration.number: migration for migration in known}, completed)
    waiting = [migration for migration in known if migration.number not in completed]
    last = max(completed, default=0)
    for migration in waiting:
        if migration.number < last:
            raise MigrationFault(
                f"migration {migration.title} comes before {last:04}, which is applied already",
                remedy="give it the next free number",
                migration=migration.title,
            )
    allowed = PHASES[: PHASES.index(until) + 1]
    stop = next((i for i, migration in enumerate(waiting) if migration.phase not in allowed), len(waiting))
    return waiting[:stop]


def _check_history(known: Mapping[int, Migration], completed: Entries) -> None:
    for number, row in completed.items():
        title = f"{number:04}_{row['name']}"
        if number not in known:
            if row["phase"] != "contract" and number > max(known, default=0):
                continue
            raise MigrationFault(
                f"the record has migration {title}, which this version does not know",
                remedy="use the newer version that made it, or restore a backup from before it",
                migration=title,
            )
        if bytes(row["checksum"]) != known[number].checksum:
            raise MigrationFault(
                f"migration {title} was changed after it was applied",
                remedy="put the file back as it was, and make the change in a new migration",
                migration=title,
            )


def told_of(
    migration: Migration | None,
    row: Mapping[str, Any] | None,
    *,
    application: str = OCTAVO,
    came: Mapping[str, Any] | None = None,
) -> MigrationStatus:
    """The status of a migration, from its file, its entry, and how far its backfill came; one may be missing."""
    if row is None:
        assert migration is not None
        return MigrationStatus(
            migration.number, migration.name, migration.phase, "pending", application=application
        )
    written = as_written(row, application=application, came=came)
    if migration is None:
        return msgspec.structs.replace(written, state="unknown")
    if written.state == "completed" and bytes(row["checksum"]) != migration.checksum:
        return msgspec.structs.replace(written, state="changed")
    return written


def as_written(
    row: Mapping[str, Any], *, application: str, came: Mapping[str, Any] | None = None
) -> MigrationStatus:
    """An entry as it stands, and how far its backfill came."""
    told = (
        "number",
        "name",
        "phase",
        "state",
        "error",
        "started_at",
        "completed_at",
        "duration_ms",
        "applied_by",
    )
    rows = {name: came[name] for name in ("rows_done", "rows_estimated")} if came else {}
    return MigrationStatus(**{name: row[name] for name in told}, application=application, **rows)
