"""What each statement of a migration locks, reads and breaks, as PostgreSQL itself does it.

The migrations are run on a scratch database, one statement after the other, and after each PostgreSQL is asked:
which locks are held on tables that were there before, was one rewritten, was one read from end to end. Nothing is
concluded from the text of a statement but the advice, so nothing is missed that a parser does not know: a domain's
check, a volatile default, a constraint that makes a scan needless. Empty tables suffice: PostgreSQL goes through
them in the same way.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from octavo.postgres import findings
from octavo.postgres.administration import administering
from octavo.postgres.application import become
from octavo.postgres.concurrently import run_one_by_one
from octavo.postgres.findings import Finding, Sight
from octavo.postgres.ledger import OCTAVO, Ledger
from octavo.postgres.migration import Migration
from octavo.postgres.migrator import known_migrations, migrate, prepare
from octavo.postgres.split import bare
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS

_sql = load("octavo.postgres", "lock_levels.sql")


class Step(msgspec.Struct, frozen=True):
    """One statement of a migration: the strongest lock on each table that was there before, and what was found."""

    migration: str
    statement: str
    locks: dict[str, str]
    findings: list[Finding]


async def check(
    arguments: Mapping[str, Any],
    *,
    migrations: Sequence[Migration] | None = None,
    application: str = OCTAVO,
) -> list[Step]:
    """Try migrations out on a scratch database and tell what they would do to a record in use.

    Args:
        arguments: what the driver's `connect` takes, for a superuser of a server that may be played with; a
            database is made there and dropped.
        migrations: by default those of this version of Octavo; an application gives its own.
        application: whose they are.

    Returns:
        A step a statement; `findings` is empty where nothing is wrong. The check ends with a migration that
        fails, which is a finding too.

    Raises:
        MigrationFault: a file cannot be understood. Unavailable: the server does not answer.
    """
    known = known_migrations(migrations, application)
    async with _scratch_database(arguments) as database:
        if application != OCTAVO:
            await migrate(database)
        async with administering(database, 10.0) as connection:
            await prepare(Ledger(connection, application), connection)
            return [step async for step in _steps(connection, known, application)]


@asynccontextmanager
async def _scratch_database(arguments: Mapping[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
    name = f"octavo_check_{secrets.token_hex(6)}"
    try:
        yield {**arguments, "database": name}
    finally:
        async with administering({**arguments, "database": "postgres"}, 10.0) as connection:
            await connection.execute(await connection.fetchval(_sql.format_drop_database, name))


async def _steps(
    connection: asyncpg.Connection, migrations: Sequence[Migration], application: str
) -> AsyncIterator[Step]:
    for migration in migrations:
        trial = _Trial(connection, migration, application)
        await trial.begin()
        try:
            for step in await trial.run():
                yield step
        except DRIVER_ERRORS as error:
            yield Step(migration.title, trial.statement, {}, [findings.failed(migration, error)])
            return


class _Trial:
    """One migration, tried out."""

    def __init__(self, connection: asyncpg.Connection, migration: Migration, application: str) -> None:
        self._connection = connection
        self._migration = migration
        self._application = application
        self._there: dict[int, Any] = {}
        self._functions: set[str] = set()
        self._seen: dict[int, Sight] = {}
        self.statement = ""

    async def begin(self) -> None:
        """Remember what is there."""
        rows = await self._connection.fetch(_sql.list_relations)
        self._there = {row["oid"]: dict(row) for row in rows}
        self._functions = await self._list_functions()

    async def run(self) -> list[Step]:
        """Run it, statement by statement, and look."""
        if not self._migration.transactional:
            return await self._one_by_one()
        async with self._connection.transaction():
            await self._become()
            self._seen = await self._look()
            steps = [await self._step(statement) for statement in self._migration.statements()]
            await self._connection.execute("RESET ROLE")
        return await self._with_breaks(steps)

    async def _one_by_one(self) -> list[Step]:
        steps = [await self._alone(statement) for statement in self._migration.statements()]
        try:
            await self._run_beside_writers(self._migration.statements())
        except DRIVER_ERRORS as error:
            steps[-1].findings.append(findings.not_repeatable(self._migration, error))
        return await self._with_breaks(steps)

    async def _alone(self, statement: str) -> Step:
        before = await self._look()
        try:
            async with self._connection.transaction():
                await self._become()
                self._seen = await self._look()
                return await self._step(statement)
        except (asyncpg.ActiveSQLTransactionError, asyncpg.FeatureNotSupportedError):
            # It works beside writers, or not at all inside a transaction: then only what it left can be seen.
            await self._run_beside_writers([statement])
            self._seen = before
            return Step(
                self._migration.title, _short(statement), {}, list(self._judge(statement, await self._look()))
            )

    async def _run_beside_writers(self, statements: Sequence[str]) -> None:
        try:
            await self._become(lasting=True)
            await run_one_by_one(
                self._connection, statements, schema=self._application, patience_seconds=10.0
            )
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("RESET ROLE; RESET search_path")

    async def _step(self, statement: str) -> Step:
        self.statement = _short(statement)
        if self._migration.chunk_rows and statement == self._migration.statements()[-1]:
            await self._connection.fetch(statement, None, self._migration.chunk_rows)
            return Step(self._migration.title, self.statement, {}, [])
        await self._connection.execute(statement)
        now = await self._look()
        found = list(self._judge(statement, now))
        self._seen = now
        locks = {sight.name: sight.strongest for sight in now.values() if sight.strongest}
        return Step(self._migration.title, self.statement, locks, found)

    def _judge(self, statement: str, now: Mapping[int, Sight]) -> Iterator[Finding]:
        yield from findings.of_statement(self._migration, bare(statement), self._seen, now)

    async def _with_breaks(self, steps: list[Step]) -> list[Step]:
        """Add what is not there any more, or now demanded of old writers, to the migration's last step."""
        after = {row["oid"]: dict(row) for row in await self._connection.fetch(_sql.list_relations)}
        lost = sorted(self._functions - await self._list_functions())
        if steps:
            steps[-1].findings.extend(findings.of_schema(self._migration, self._there, after, lost))
        return steps

    async def _look(self) -> dict[int, Sight]:
        rows = await self._connection.fetch(
            _sql.observe, [oid for oid, relation in self._there.items() if relation["has_rows"]]
        )
        return {
            row["oid"]: Sight(row["name"], row["file"], row["scans"], tuple(row["locks"])) for row in rows
        }

    async def _list_functions(self) -> set[str]:
        return {row["name"] for row in await self._connection.fetch(_sql.list_functions)}

    async def _become(self, *, lasting: bool = False) -> None:
        if self._application != OCTAVO:
            await become(self._connection, self._application, lasting=lasting)


def _short(statement: str) -> str:
    words = " ".join(bare(statement).split())
    return words if len(words) <= 100 else words[:97] + "…"
