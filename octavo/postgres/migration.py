"""Migrations as files: numbered `.sql` with a phase, Octavo's or an application's, read and checked, not run.

The lines of comment at the top of a file say how it is run:

    -- phase: expand | backfill | contract
    -- transaction: none              for CREATE INDEX CONCURRENTLY; each statement bears to be run again
    -- chunk: 5000                    a backfill in chunks of at most so many rows; see `octavo.postgres.backfill`
    -- table: shop.item               whose rows the backfill goes through, for its estimate
    -- accept: rewrites (ten rows)    a finding of `octavo migrate check` that is meant, and why
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise, takewhile
from typing import Literal, get_args

import msgspec

from octavo.errors import MigrationFault
from octavo.postgres.split import bare, split

# expand: the old code goes on working. backfill: data is brought along. contract: the old code stops working.
Phase = Literal["expand", "backfill", "contract"]
PHASES: tuple[Phase, ...] = get_args(Phase)

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z][a-z0-9_]*)\.sql")
_HEADER = re.compile(r"-- (?P<key>phase|transaction|chunk|table): (?P<value>[\w.]+)")
_ACCEPT = re.compile(r"-- accept: (?P<finding>\w+) \(.+\)")
_MOST_CHUNK_ROWS = 100_000


class Migration(msgspec.Struct, frozen=True):
    """One file of changes to the schema.

    `transactional` is False for a file with the line `-- transaction: none`, which
    `CREATE INDEX CONCURRENTLY` needs; its statements run one by one and are written to be run again.
    `chunk_rows` is how many rows a chunk of a backfill has at most, 0 for what is no such backfill; `table`
    tells whose rows it goes through. `accepted` are the findings of the check that are meant.
    """

    number: int
    name: str
    phase: Phase
    transactional: bool
    sql: str
    chunk_rows: int = 0
    table: str = ""
    accepted: frozenset[str] = frozenset()

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the text: an applied file may never change."""
        return sha256(self.sql.encode()).digest()

    @property
    def title(self) -> str:
        """The file's name without its ending: `0001_record`."""
        return f"{self.number:04}_{self.name}"

    def statements(self) -> list[str]:
        """Its statements one by one, each with the comments before it."""
        return split(self.sql)


def read_migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations in `folder`, by number; by default those of this version.

    Raises:
        MigrationFault: a file whose name or header cannot be understood, or two of one number.
    """
    place = folder if folder is not None else resources.files("octavo.postgres").joinpath("migrations")
    files = sorted((file for file in place.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    migrations = [parse(file.name, file.read_text(encoding="utf-8")) for file in files]
    for former, latter in pairwise(migrations):
        if former.number == latter.number:
            raise MigrationFault(
                f"{former.title} and {latter.title} have one number",
                remedy="give the newer one the next number",
            )
    return migrations


def required_number(migrations: Sequence[Migration]) -> int:
    """The migration that must be applied for this version to work: the last that is no contraction."""
    return max((migration.number for migration in migrations if migration.phase != "contract"), default=0)


def parse(file: str, text: str) -> Migration:
    """One migration from a file's name and text.

    Raises:
        MigrationFault: the name or the header cannot be understood.
    """
    sql = text.replace("\r\n", "\n")
    place = _FILE.fullmatch(file)
    header = _header(sql)
    phase = header.get("phase")
    if place is None or phase not in PHASES:
        raise MigrationFault(
            f"{file} is no migration",
            remedy="name it 0007_what_it_does.sql and begin it with `-- phase: expand|backfill|contract`",
        )
    migration = Migration(
        int(place["number"]),
        place["name"],
        phase,
        header.get("transaction") != "none",
        sql,
        _chunk_rows(file, header),
        header.get("table", ""),
        frozenset(match["finding"] for line in _top(sql) if (match := _ACCEPT.fullmatch(line))),
    )
    _check_form(file, migration)
    return migration


def _chunk_rows(file: str, header: Mapping[str, str]) -> int:
    written = header.get("chunk", "0")
    if not written.isdigit() or int(written) > _MOST_CHUNK_ROWS:
        raise MigrationFault(
            f"{file} asks for chunks of {written} rows", remedy=f"give a number from 1 to {_MOST_CHUNK_ROWS}"
        )
    return int(written)


def _check_form(file: str, migration: Migration) -> None:
    if not migration.transactional and "$$" in migration.sql:
        raise MigrationFault(
            f"{file} has no transaction and holds a dollar-quoted body",
            remedy="put functions and DO blocks into a migration with a transaction",
        )
    if not migration.chunk_rows:
        return
    if migration.phase != "backfill" or not migration.transactional:
        raise MigrationFault(
            f"{file} works in chunks, which only a backfill with transactions can",
            remedy="begin it with `-- phase: backfill`, and leave out `-- transaction: none`",
        )
    if "$2" not in bare(migration.sql):
        raise MigrationFault(
            f"{file} works in chunks and does not limit them",
            remedy="end its last statement's first part with LIMIT $2, the rows of a chunk",
        )


def _header(sql: str) -> dict[str, str]:
    matches = (_HEADER.fullmatch(line) for line in _top(sql))
    return {match["key"]: match["value"] for match in matches if match}


def _top(sql: str) -> list[str]:
    return [line.strip() for line in takewhile(lambda line: line.startswith("--"), sql.splitlines())]
