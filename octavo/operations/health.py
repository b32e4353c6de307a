"""What an operator wants to know of an open database: what it holds, how far it is, and what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.projections.runner import Runner, Status

_sql = load("octavo.operations", "health.sql")
# A gate older than this is worth a word: readers wait for it.
OLD_GATE_SECONDS = 5.0
SLOW_MS = 50.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How an open database is.

    Attributes:
        documents, deleted: live ones, and those that `restore` can bring back.
        files: versions that came from files.
        size_bytes: of the database, without original files.
        round_trip_ms: one statement there and back.
        projections: how far each view derived from the log is.
        gate: who holds the log's readers back for more than 5 seconds; None when nobody does.
    """

    postgresql: str
    epoch: int
    pooled: bool
    round_trip_ms: float
    open_connections: int
    organizations: int
    documents: int
    deleted: int
    versions: int
    events: int
    files: int
    size_bytes: int
    projections: list[Status]
    gate: str | None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data; positions as text."""
        return {
            **msgspec.structs.asdict(self),
            "projections": [_projection(status) for status in self.projections],
        }


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


async def report(record: Record, runners: list[Runner]) -> Report:
    """How the database is, counted exactly; takes the time of a scan of its tables.

    Raises:
        InvalidSetting: there is no role that serves all organizations.
    """
    health = await record.health()
    row = await record.system.fetchrow(_sql.count_everything)
    assert row is not None
    holders = await record.gate_holders(OLD_GATE_SECONDS)
    return Report(
        postgresql=health.version,
        epoch=health.epoch,
        pooled=health.pooled,
        round_trip_ms=health.round_trip_ms,
        open_connections=health.open_connections,
        projections=[await runner.status() for runner in runners],
        gate=str(holders[0]) if holders else None,
        **dict(row),
    )


async def checks(record: Record, runners: list[Runner]) -> list[Check]:
    """What `octavo doctor` looks at in an open database."""
    return [check async for check in _each_check(record, runners)]


async def _each_check(record: Record, runners: list[Runner]) -> AsyncIterator[Check]:
    health = await record.health()
    yield Check("PostgreSQL answers", True, f"{health.version}, {health.round_trip_ms:.1f} ms")
    yield Check(
        "it answers quickly",
        health.round_trip_ms < SLOW_MS,
        f"{health.round_trip_ms:.1f} ms a round trip",
        "look at the machine's load and its disk",
    )
    for holder in await record.gate_holders(OLD_GATE_SECONDS):
        yield Check(
            "the log moves on", False, str(holder), "end that transaction; readers of the log wait for it"
        )
    for runner in runners:
        for check in _projection_checks(await runner.status()):
            yield check


def _projection_checks(status: Status) -> Iterator[Check]:
    yield Check(
        f"{status.name} is served",
        status.last_error is None,
        status.last_error or f"at {status.position}" + (", being filled" if status.filling else ""),
        "see the log of the process that keeps it",
    )


def _projection(status: Status) -> dict[str, Any]:
    return {**msgspec.structs.asdict(status), "position": str(status.position)}
