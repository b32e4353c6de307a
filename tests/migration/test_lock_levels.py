"""What a migration locks, rewrites, reads and breaks is found before it runs, and the way out is told."""

from __future__ import annotations

import re

import pytest

from octavo.postgres.findings import Finding
from octavo.postgres.lock_levels import Step, check
from octavo.postgres.migration import Migration, parse
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from tests.databases import administrator, empty_database

HERE = """
CREATE TABLE thing (id bigint PRIMARY KEY, name varchar(20), price integer, other_id bigint);
CREATE TABLE other (id bigint PRIMARY KEY, label varchar(20));
CREATE VIEW names AS SELECT name FROM thing;
CREATE FUNCTION twice(value integer) RETURNS integer LANGUAGE sql RETURN value * 2;
CREATE TABLE log (day date NOT NULL, text text) PARTITION BY RANGE (day);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
"""


BAD = [
    ("ALTER TABLE thing ALTER COLUMN price TYPE bigint", "rewrites", "add a new column"),
    ("ALTER TABLE thing ADD COLUMN key uuid DEFAULT gen_random_uuid()", "rewrites", "backfill in chunks"),
    ("ALTER TABLE thing ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY", "rewrites", "new column"),
    (
        "ALTER TABLE thing ADD COLUMN cents integer GENERATED ALWAYS AS (price * 100) STORED",
        "rewrites",
        "new",
    ),
    ("ALTER TABLE thing SET UNLOGGED", "rewrites", "new column"),
    ("ALTER TABLE thing ALTER COLUMN name SET NOT NULL", "blocks", "IS NOT NULL) NOT VALID"),
    ("ALTER TABLE thing ADD CHECK (price > 0)", "blocks", "NOT VALID"),
    (
        "ALTER TABLE thing ADD FOREIGN KEY (other_id) REFERENCES other",
        "blocks",
        "add it NOT VALID, and VALIDATE it",
    ),
    ("ALTER TABLE thing ADD UNIQUE (name)", "blocks", "unique index CONCURRENTLY"),
    ("CREATE INDEX thing_name ON thing (name)", "blocks", "CONCURRENTLY IF NOT EXISTS"),
    ("CREATE INDEX log_day ON log (day)", "blocks", "CONCURRENTLY IF NOT EXISTS"),
    ("ALTER TABLE thing ADD COLUMN must text NOT NULL", "fails", "constant DEFAULT"),
    ("UPDATE thing SET price = price + 1", "unbounded", "-- chunk: 5000"),
    ("DELETE FROM thing WHERE price = 0", "unbounded", "-- chunk: 5000"),
    ("LOCK TABLE thing; SELECT count(*) FROM other", "blocks", "a file of its own"),
    ("DROP VIEW names; ALTER TABLE thing DROP COLUMN name", "breaks", "-- phase: contract"),
    ("ALTER TABLE thing RENAME TO things", "breaks", "-- phase: contract"),
    ("ALTER TABLE thing RENAME COLUMN price TO cost", "breaks", "-- phase: contract"),
    ("DROP FUNCTION twice(integer)", "breaks", "-- phase: contract"),
    ("DROP TABLE thing CASCADE", "cascades", "without CASCADE"),
    ("-- phase: expand\n-- transaction: none\nVACUUM FULL thing", "rewrites", "new column"),
    (
        "-- phase: expand\n-- transaction: none\nCREATE INDEX CONCURRENTLY thing_name ON thing (name)",
        "not_repeatable",
        "IF NOT EXISTS",
    ),
]
GOOD = [
    ["ALTER TABLE thing ADD COLUMN note text"],
    ["ALTER TABLE thing ADD COLUMN state text NOT NULL DEFAULT 'new'"],
    ["ALTER TABLE thing ADD COLUMN seen timestamptz DEFAULT now()"],
    ["ALTER TABLE other ALTER COLUMN label TYPE text"],  # its rows are stored in the same way
    ["CREATE TABLE new (id bigint PRIMARY KEY, thing_id bigint REFERENCES thing); CREATE INDEX ON new (id)"],
    ["ALTER TABLE thing ADD CONSTRAINT dear CHECK (price > 0) NOT VALID"],
    [
        "ALTER TABLE thing ADD CONSTRAINT other FOREIGN KEY (other_id) REFERENCES other NOT VALID",
        "ALTER TABLE thing VALIDATE CONSTRAINT other",
    ],
    [
        "ALTER TABLE thing ADD CONSTRAINT named CHECK (name IS NOT NULL) NOT VALID",
        "ALTER TABLE thing VALIDATE CONSTRAINT named",
        "ALTER TABLE thing ALTER COLUMN name SET NOT NULL",
    ],
    [
        "-- phase: expand\n-- transaction: none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS thing_a ON thing (name)"
    ],
    ["-- phase: expand\n-- transaction: none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS log_a ON log (day)"],
    [
        "-- phase: expand\n-- transaction: none\n"
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS thing_b ON thing (id)",
        "ALTER TABLE thing ADD CONSTRAINT thing_b UNIQUE USING INDEX thing_b",
    ],
    ["CREATE OR REPLACE FUNCTION twice(value integer) RETURNS integer LANGUAGE sql RETURN value + value"],
    ["-- phase: contract\nALTER TABLE thing DROP COLUMN price"],
    ["-- phase: contract\nDROP VIEW names"],
    [
        "-- phase: backfill\n-- chunk: 10\n"
        "WITH chunk AS (SELECT id FROM thing WHERE id > coalesce(($1::jsonb ->> 'id')::bigint, 0)"
        " ORDER BY id LIMIT $2 FOR UPDATE), filled AS (UPDATE thing SET price = 1 FROM chunk"
        " WHERE thing.id = chunk.id) SELECT count(*) AS rows, max(id) AS id FROM chunk"
    ],
]
_NAMES = re.compile(r"\b(?=(?:thing|other|names|twice|log)(?:_|\b))")


def files(*texts: str, first: int = 2) -> list[Migration]:
    """Migrations of these texts; those without a phase expand."""
    return [
        parse(f"{number:04}_step.sql", text if text.startswith("--") else f"-- phase: expand\n{text}")
        for number, text in enumerate(texts, first)
    ]


async def tried(server: Server, *texts: str) -> list[Step]:
    return await tried_on(server, HERE, list(texts))


async def findings(server: Server, *texts: str) -> list[Finding]:
    return [found for step in await tried(server, *texts) for found in step.findings]


def of_case(number: int, text: str) -> str:
    """The text with tables of its own, so that all cases are tried out at once."""
    return _NAMES.sub(f"c{number}_", text)


@pytest.fixture(scope="module")
async def found(server: Server, record: Record) -> dict[int, list[Finding]]:
    """What was found in each case: first the bad ones, then the good ones."""
    cases = [[statement] for statement, _, _ in BAD] + GOOD
    texts = [(number, of_case(number, text)) for number, case in enumerate(cases) for text in case]
    here = "\n".join(of_case(number, HERE) for number in range(len(cases)))
    steps = await tried_on(server, here, [text for _, text in texts])
    assert int(steps[-1].migration[:4]) == len(texts) + 1, steps[-1]  # nothing ended it early
    by_number: dict[int, list[Finding]] = {number: [] for number in range(len(cases))}
    for step in steps:
        by_number[texts[int(step.migration[:4]) - 2][0]] += step.findings
    return by_number


async def tried_on(server: Server, here: str, texts: list[str]) -> list[Step]:
    migrations = files(here, *texts, first=1)
    steps = await check(server.running.dsn("octavo_admin"), migrations=migrations, application="lock_levels")
    return [step for step in steps if step.migration != "0001_step"]


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda number: BAD[number][0])
def test_a_statement_that_keeps_others_waiting_is_found(found, number):
    """S4-120"""
    _, kind, remedy = BAD[number]

    assert kind in {one.kind for one in found[number]}, found[number]
    assert remedy in next(one.remedy for one in found[number] if one.kind == kind)


@pytest.mark.parametrize("number", range(len(GOOD)), ids=lambda number: GOOD[number][-1])
def test_a_step_that_keeps_nobody_waiting_passes(found, number):
    assert found[len(BAD) + number] == []


@pytest.mark.parametrize(
    "statement", ["SELECT 1 FROM nothing", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)"]
)
async def test_a_migration_that_does_not_run_ends_the_check(server, statement):
    [one] = await findings(server, statement, "SELECT 1")

    assert (one.kind, one.remedy) == ("fails", "mend it; nothing after it was checked")


async def test_a_constraint_validated_where_it_is_added_is_found(server):
    """VALIDATE alone lets writers go on; the lock of ADD, held in the same transaction, does not."""
    [found] = await findings(
        server,
        "ALTER TABLE thing ADD CONSTRAINT dear CHECK (price > 0) NOT VALID;"
        "ALTER TABLE thing VALIDATE CONSTRAINT dear",
    )

    assert (found.kind, found.remedy.partition(",")[0]) == ("blocks", "validate it in a file of its own")


async def test_the_lock_of_each_statement_is_told(server):
    steps = await tried(server, "ALTER TABLE thing ADD COLUMN note text; SELECT count(*) FROM other")

    assert [step.locks.get("lock_levels.thing") for step in steps] == ["AccessExclusiveLock"] * 2
    assert steps[1].locks["lock_levels.other"] == "AccessShareLock"


async def test_a_finding_that_is_meant_is_accepted_with_its_reason(server):
    text = (
        "-- phase: expand\n-- accept: rewrites (ten rows)\nALTER TABLE thing ALTER COLUMN price TYPE bigint"
    )

    found = await findings(server, text)

    assert [(one.kind, one.accepted) for one in found] == [("rewrites", True)]


async def test_a_check_leaves_no_database_behind(server):
    await findings(server, "SELECT 1 FROM nothing")

    async with administrator(server) as admin:
        left = await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname LIKE 'octavo\\_check%'")
    assert left == 0


async def test_no_migration_of_octavo_keeps_others_waiting(server):
    """S4-120: the gate for our own; a new migration that fails here is told what to do instead."""
    steps = await check(server.running.dsn("octavo_admin"))

    refused = [
        f"{step.migration}: {step.statement}: {found.message}; {found.remedy}"
        for step in steps
        for found in step.findings
        if not found.accepted
    ]
    assert refused == []


async def test_what_blocks_on_empty_tables_blocks_on_full_ones(server):
    """The check looks at empty tables: PostgreSQL takes the same locks and reads when there are rows."""
    async with empty_database(server) as name, administrator(server, name) as admin:
        await admin.execute("CREATE TABLE thing (id bigint, name text)")
        reads = "SELECT pg_stat_get_xact_numscans('thing'::regclass)"
        for fill in ("SELECT", "INSERT INTO thing SELECT n, n FROM generate_series(1, 1000) AS n"):
            await admin.execute(fill)
            async with admin.transaction():
                before = await admin.fetchval(reads)
                await admin.execute("ALTER TABLE thing ADD CHECK (id > 0)")
                assert await admin.fetchval(reads) == before + 1
