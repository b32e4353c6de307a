"""The migrations of this version: numbered `.sql` files with a phase, read and checked, not run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Literal, get_args

import msgspec

from octavo.errors import MigrationFault

# expand: the old code goes on working. backfill: data is brought along. contract: the old code stops working.
Phase = Literal["expand", "backfill", "contract"]
PHASES: tuple[Phase, ...] = get_args(Phase)

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z][a-z0-9_]*)\.sql")
_HEADER = re.compile(r"-- (?P<key>phase|transaction): (?P<value>\w+)")
_END = re.compile(r";[ \t]*(?:--[^\n]*)?(?:\n|$)")


class Migration(msgspec.Struct, frozen=True):
    """One file of changes to the schema.

    `transactional` is False for a file with the line `-- transaction: none`, which
    `CREATE INDEX CONCURRENTLY` needs; its statements run one by one and are written to be run again.
    """

    number: int
    name: str
    phase: Phase
    transactional: bool
    sql: str

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the text: an applied file may never change."""
        return sha256(self.sql.encode()).digest()

    @property
    def title(self) -> str:
        """The file's name without its ending: `0001_record`."""
        return f"{self.number:04}_{self.name}"

    def statements(self) -> list[str]:
        """What is sent at once: the whole file, or each statement of one without transaction."""
        if self.transactional:
            return [self.sql]
        return [part.strip() for part in _END.split(self.sql) if _is_statement(part)]


def read_migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations in `folder`, by number; by default those of this version.

    Raises:
        MigrationFault: a file whose name or header cannot be understood, or two of one number.
    """
    place = folder or resources.files("octavo.postgres").joinpath("migrations")
    files = sorted((file for file in place.iterdir() if file.name.endswith(".sql")), key=lambda f: f.name)
    migrations = [_read(file.name, file.read_text(encoding="utf-8")) for file in files]
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


def _read(file: str, text: str) -> Migration:
    sql = text.replace("\r\n", "\n")
    place = _FILE.fullmatch(file)
    header = _header(sql)
    phase = header.get("phase")
    if place is None or phase not in PHASES:
        raise MigrationFault(
            f"{file} is no migration",
            remedy="name it 0007_what_it_does.sql and begin it with `-- phase: expand|backfill|contract`",
        )
    transactional = header.get("transaction") != "none"
    if not transactional and "$$" in sql:
        raise MigrationFault(
            f"{file} has no transaction and holds a dollar-quoted body",
            remedy="put functions and DO blocks into a migration with a transaction",
        )
    return Migration(int(place["number"]), place["name"], phase, transactional, sql)


def _header(sql: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        if match := _HEADER.fullmatch(line.strip()):
            found[match["key"]] = match["value"]
    return found


def _is_statement(part: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in part.splitlines())
