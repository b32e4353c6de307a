"""What can be wrong with a step of a migration, judged from what PostgreSQL did, and the way out of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from octavo.postgres.migration import Migration

Kind = Literal["rewrites", "blocks", "unbounded", "fails", "breaks", "cascades", "not_repeatable"]

# From the weakest to the strongest; the last four keep writers out, the last readers too.
MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
_BLOCKS_WRITERS = MODES[4:]

_CASCADES = re.compile(r"DROP\b.*\bCASCADE\b", re.IGNORECASE | re.DOTALL)

# What to do instead of a statement that reads a whole table while writers wait: the first that fits.
_INSTEAD = (
    (r"\bINDEX\b", "build it CONCURRENTLY IF NOT EXISTS, in a file with `-- transaction: none`"),
    (r"\bVALIDATE\b", "validate it in a file of its own, after the one that adds it"),
    (r"\bUSING\s+INDEX\b", "declare the columns NOT NULL first, by a validated CHECK"),
    (
        r"\b(UNIQUE|PRIMARY\s+KEY)\b",
        "build a unique index CONCURRENTLY in an earlier file, then ADD CONSTRAINT … USING INDEX",
    ),
    (
        r"\b(FOREIGN\s+KEY|REFERENCES|CHECK)\b",
        "add it NOT VALID, and VALIDATE it in a file of its own after it",
    ),
    (
        r"\bNOT\s+NULL\b",
        "add CHECK (… IS NOT NULL) NOT VALID, VALIDATE it in a later file, and SET NOT NULL in one after that",
    ),
    (r"\bREFRESH\b", "refresh it CONCURRENTLY, in a file with `-- transaction: none`"),
)


class Sight(msgspec.Struct, frozen=True):
    """A table as a transaction sees it: the file of its rows, how often it was read whole, the locks on it."""

    name: str
    file: int | None
    scans: int
    locks: tuple[str, ...]

    @property
    def strongest(self) -> str:
        """The strongest lock, or nothing."""
        return max(self.locks, key=MODES.index, default="")


class Finding(msgspec.Struct, frozen=True):
    """Something a migration does to a record in use, and the remedy; `accepted` when the file says it is meant."""

    kind: Kind
    message: str
    remedy: str
    accepted: bool = False


def of_statement(
    migration: Migration, statement: str, before: Mapping[int, Sight], now: Mapping[int, Sight]
) -> Iterator[Finding]:
    """What one statement did to tables that were there before its migration."""
    kept = [(before[oid], now[oid]) for oid in before.keys() & now.keys()]
    if _CASCADES.search(statement):
        yield _finding(
            migration,
            "cascades",
            "drops whatever depends on it",
            "name what is to be dropped, without CASCADE",
        )
    for was, sight in kept:
        if was.file != sight.file:
            yield _finding(
                migration,
                "rewrites",
                f"rewrites {sight.name} while nobody can read it",
                "add a new column, fill it by a backfill in chunks, and drop the old one in a contraction",
            )
    rewritten = {sight.name for was, sight in kept if was.file != sight.file}
    read = [sight for was, sight in kept if sight.scans > was.scans and sight.name not in rewritten]
    holding = [sight for sight in now.values() if sight.strongest in _BLOCKS_WRITERS]
    for sight in read:
        yield from _of_reading(migration, statement, sight, holding)


def _of_reading(
    migration: Migration, statement: str, sight: Sight, holding: Sequence[Sight]
) -> Iterator[Finding]:
    if holding:
        worst = max(holding, key=lambda held: (held.name == sight.name, MODES.index(held.strongest)))
        yield _finding(
            migration,
            "blocks",
            f"reads the whole of {sight.name} while {worst.name} is locked in {worst.strongest}",
            _instead(statement),
        )
    elif "RowExclusiveLock" in sight.locks:
        yield _finding(
            migration,
            "unbounded",
            f"changes {sight.name} from end to end in one transaction",
            "make it a backfill in chunks: `-- phase: backfill` and `-- chunk: 5000`",
        )


def of_schema(
    migration: Migration,
    before: Mapping[int, Mapping[str, Any]],
    after: Mapping[int, Mapping[str, Any]],
    lost_functions: Sequence[str],
) -> Iterator[Finding]:
    """What the whole migration took from code that runs already, or demands of it."""
    for oid, was in before.items():
        yield from _of_required(migration, was, after.get(oid))
        if migration.phase != "contract":
            yield from _of_lost(migration, was, after.get(oid))
    if migration.phase != "contract":
        for function in lost_functions:
            yield _breaks(migration, f"the function {function}")


def _of_required(
    migration: Migration, was: Mapping[str, Any], is_now: Mapping[str, Any] | None
) -> Iterator[Finding]:
    if is_now is None:
        return
    for column in (name for name in is_now["required"] if name not in was["columns"]):
        yield _finding(
            migration,
            "fails",
            f"demands {was['name']}.{column} of rows that do not have it",
            "give it a constant DEFAULT, or add it without NOT NULL and fill it by a backfill",
        )


def _of_lost(
    migration: Migration, was: Mapping[str, Any], is_now: Mapping[str, Any] | None
) -> Iterator[Finding]:
    if is_now is None or is_now["name"] != was["name"]:
        yield _breaks(migration, was["name"])
        return
    for column in was["columns"]:
        if column not in is_now["columns"]:
            yield _breaks(migration, f"{was['name']}.{column}")


def _breaks(migration: Migration, what: str) -> Finding:
    return _finding(
        migration,
        "breaks",
        f"takes {what} from code that runs already",
        "put it into a migration with `-- phase: contract`, applied when no old code runs",
    )


def not_repeatable(migration: Migration, error: BaseException) -> Finding:
    """A file without a transaction that cannot go on after an interruption."""
    return _finding(
        migration,
        "not_repeatable",
        f"cannot be run again after an interruption: {_words(error)}",
        "write IF NOT EXISTS or IF EXISTS, so that a second run passes over what is done",
    )


def failed(migration: Migration, error: BaseException) -> Finding:
    """A migration that does not run at all."""
    return _finding(migration, "fails", f"fails: {_words(error)}", "mend it; nothing after it was checked")


def _finding(migration: Migration, kind: Kind, message: str, remedy: str) -> Finding:
    return Finding(kind, message, remedy, kind in migration.accepted)


def _instead(statement: str) -> str:
    for pattern, remedy in _INSTEAD:
        if re.search(pattern, statement, re.IGNORECASE):
            return remedy
    return "put it into a file of its own, or into a backfill in chunks"


def _words(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
