"""Whether a record's schema is the one its migrations make, and what was changed by hand if it is not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any, Literal

import msgspec

from octavo.postgres.administration import administering
from octavo.postgres.application import owner_of
from octavo.postgres.ledger import Ledger, applications, pending
from octavo.postgres.migration import read_migrations
from octavo.postgres.schema import HEADER, dump_schema
from octavo.postgres.split import bare, split
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "drift.sql")

# How statements of a dump begin, and what they are about. PostgreSQL writes a dump, so its form is known.
_OBJECTS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"CREATE (?:UNIQUE )?INDEX (?P<a>\w+) ON", "index octavo.{a}"),
        (r"CREATE POLICY (?P<a>\S+) ON (?P<b>\S+)", "policy {a} on {b}"),
        (r"CREATE TABLE (?P<a>\S+)", "table {a}"),
        (r"CREATE (?P<a>FUNCTION|PROCEDURE) (?P<b>[\w.\"]+\(.*?\))(?: RETURNS|\s+LANGUAGE)", "{a} {b}"),
        (r"CREATE (?P<a>VIEW|DOMAIN|TYPE|SEQUENCE|TRIGGER) (?P<b>\S+)", "{a} {b}"),
        (r"ALTER TABLE (?:ONLY )?(?P<a>\S+)\s+ADD CONSTRAINT (?P<b>\S+)", "constraint {b} on {a}"),
        (r"ALTER (?P<a>\w+) (?:ONLY )?(?P<b>\S+) OWNER TO", "owner of {a} {b}"),
    )
)

Kind = Literal["missing", "extra", "changed", "invalid"]


class Drift(msgspec.Struct, frozen=True):
    """One difference: what it is about, the statement the migrations lead to, and the one found."""

    kind: Kind
    object: str
    expected: str = ""
    found: str = ""


class Verified(msgspec.Struct, frozen=True):
    """What `verify` saw: migrations that wait, and where the schema differs from what they all make."""

    pending: list[str]
    drift: list[Drift]

    @property
    def is_as_made(self) -> bool:
        """Whether nothing waits and nothing differs."""
        return not self.pending and not self.drift


async def verify(
    arguments: Mapping[str, Any], *, is_expected: Callable[[str], bool] = lambda _: False
) -> Verified:
    """Compare a record's schema with the one the migrations of this version make. Changes nothing.

    Reads the catalog with pg_dump: tables, columns, constraints, indexes, policies, functions, views, rights.
    Partitions of the log, which come and go, are left out.

    Args:
        arguments: what the driver's `connect` takes, for a role that reads everything.
        is_expected: whether something the migrations do not know is there by right, by its name here:
            `index octavo.…`.

    Raises:
        Unavailable, AccessDenied: the server does not answer, or refuses the role.
        RecordFault: pg_dump failed, as on a server newer than it. MigrationFault: ledger and files differ.
    """
    async with administering(arguments, 2.0, create=False) as connection:
        waiting = [migration.title for migration in pending(*await _history(connection))]
        invalid = {row["name"] for row in await connection.fetch(_sql.list_invalid_indexes)}
        given = {_right_of(name) for name in await applications(connection)}
    found = await asyncio.to_thread(dump_schema, arguments)
    expected = resources.files("octavo.postgres").joinpath("schema.sql").read_text(encoding="utf-8")
    differences = [
        one
        for one in compare(expected, found, invalid)
        if one.object not in given and not (one.kind in {"extra", "invalid"} and is_expected(one.object))
    ]
    return Verified(waiting, differences)


def compare(expected: str, found: str, invalid: set[str] | frozenset[str] = frozenset()) -> list[Drift]:
    """The differences of two dumps, by object; `invalid` are the indexes a dump leaves out."""
    wanted, there = _statements(expected), _statements(found)
    names = sorted({_object(statement) for statement in wanted ^ there})
    broken = {f"index {name}" for name in invalid}
    told = [drift for name in names for drift in _drifts(name, wanted - there, there - wanted, broken)]
    unknown = sorted(broken - {drift.object for drift in told})
    return [*told, *(Drift("invalid", name) for name in unknown)]


def _drifts(name: str, missing: set[str], extra: set[str], broken: set[str]) -> Iterator[Drift]:
    expected = "\n".join(sorted(one for one in missing if _object(one) == name))
    found = "\n".join(sorted(one for one in extra if _object(one) == name))
    kind: Kind = "changed" if expected and found else "missing" if expected else "extra"
    yield Drift("invalid" if name in broken else kind, name, expected, found)


def _statements(dump: str) -> set[str]:
    return {bare(statement) for statement in split(dump.removeprefix(HEADER))}


def _object(statement: str) -> str:
    for pattern, name in _OBJECTS:
        if match := pattern.match(statement):
            words = match.groupdict()
            return name.format(
                **{key: word.lower() if word.isupper() else word for key, word in words.items()}
            )
    return " ".join(statement.split())[:200]


def _right_of(application: str) -> str:
    return f"GRANT USAGE ON SCHEMA octavo TO {owner_of(application)}"


async def _history(connection: Any) -> tuple[Any, Any]:
    return read_migrations(), await Ledger(connection).entries()
