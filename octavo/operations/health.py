"""What the record holds, how far its projections are, and what goes wrong slowly: `octavo status` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from octavo.errors import OctavoError
from octavo.postgres import admission
from octavo.postgres.health import GateHolder, Health
from octavo.postgres.migration import read_migrations
from octavo.postgres.pool import Pool, Row
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.projections.runner import Runner, Status
from octavo.values.position import Position

_sql = load("octavo.operations", "health.sql")

# Tables with more rows than this, by the statistics, are not counted but estimated.
COUNTED_ROWS = 1_000_000
EVENTS_COUNTED = 100_000
# A gate older than this is worth a word: readers of the log wait for it.
OLD_GATE_SECONDS = 5.0
OLD_SNAPSHOT_SECONDS = 3600.0
SLOW_MS = 50.0
FROZEN_AGE = 1_500_000_000  # transactions; the server stops at about 2,100,000,000
_COUNTED = {
    "organizations": "octavo.organization_profile",
    "documents": "octavo.document_filter",
    "versions": "octavo.version",
    "bodies": "octavo.body",
    "events": "octavo.event",
    "files": "octavo.content",
}


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a projection is.

    `events` are those it has not taken yet, counted up to 100,000; `seconds` since the first was recorded.
    `parked` are documents the engine cannot take; `documents_per_second` those this process gave it of late.
    """

    name: str
    position: str
    filling: bool
    leads: bool
    last_error: str | None
    events: int
    seconds: float
    parked: int = 0
    documents_per_second: float = 0.0


class Size(msgspec.Struct, frozen=True):
    """Bytes of a table on disk, with its indexes."""

    name: str
    size_bytes: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How an open database is.

    Attributes:
        position: every event before it can be read by now.
        migration: number of the last one of the schema.
        documents, deleted: live ones, and those that `restore` can bring back.
        files: versions that came from files.
        estimated: names of the counts that are estimates, since the tables are large.
        size_bytes: of the database, without original files. tables: of each table, the largest first.
        round_trip_ms: one statement there and back.
        projections: how far each view derived from the log is.
        gate_holders: open writing transactions; they hold readers of the log back.
        gate: the one that has done so for more than 5 seconds; None when there is none.
    """

    postgresql: str
    epoch: int
    position: str
    migration: int
    pooled: bool
    round_trip_ms: float
    open_connections: int
    organizations: int
    documents: int
    deleted: int
    versions: int
    bodies: int
    events: int
    files: int
    estimated: list[str]
    size_bytes: int
    tables: list[Size]
    projections: list[Lag]
    gate_holders: list[GateHolder]
    gate: str | None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


async def report(record: Record, runners: Sequence[Runner] = ()) -> Report:
    """How the database is; up to a million rows a table are counted, more are estimated.

    Args:
        record: the open record, with the role that serves all organizations.
        runners: the projections whose lag is wanted.

    Raises:
        InvalidSetting: there is no such role. Unavailable: the record does not answer.
    """
    health: Health = await record.health()
    tables = await record.system.fetch(_sql.tables)
    known = await _row(record.system, _sql.record)
    estimates = {row["name"]: row["estimated_rows"] for row in tables}
    holders = await record.gate_holders()
    old = [holder for holder in holders if holder.age_seconds >= OLD_GATE_SECONDS]
    return Report(
        postgresql=health.version,
        epoch=known["epoch"],
        position=str(Position(record.shard, known["epoch"], known["gate"], 0)),
        migration=known["migration"],
        pooled=health.pooled,
        round_trip_ms=health.round_trip_ms,
        open_connections=health.open_connections,
        **await _counts(record.system, estimates),
        estimated=[name for name, table in _COUNTED.items() if _is_large(table, estimates)],
        size_bytes=known["size_bytes"],
        tables=[Size(row["name"], row["size_bytes"]) for row in tables],
        projections=[await _lag(record.system, await runner.status()) for runner in runners],
        gate_holders=holders,
        gate=str(old[0]) if old else None,
    )


async def checks(record: Record, runners: Sequence[Runner] = ()) -> list[Check]:
    """What `octavo doctor` looks at in an open database; a record that does not answer is a failing check."""
    try:
        seen = await _row(record.system, _sql.look)
        return [
            *_answers(await record.health()),
            await _schema(record.system),
            _log(await record.gate_holders(OLD_GATE_SECONDS)),
            *_slow_damage(seen),
            *[_served(await runner.status()) for runner in runners],
        ]
    except OctavoError as error:
        return [_check("PostgreSQL answers", ok=False, detail=error.message, remedy=error.remedy)]


def _answers(health: Health) -> Iterator[Check]:
    yield _check("PostgreSQL answers", ok=True, detail=f"{health.version}, {health.round_trip_ms:.1f} ms")
    yield _check(
        "it answers quickly",
        ok=health.round_trip_ms < SLOW_MS,
        detail=f"{health.round_trip_ms:.1f} ms a round trip",
        remedy="look at the machine's load and its disk",
    )


async def _schema(system: Pool) -> Check:
    newest = max(migration.number for migration in read_migrations())
    try:
        await admission.check_schema(system)
    except OctavoError as error:
        return _check("the schema fits", ok=False, detail=error.message, remedy=error.remedy)
    return _check("the schema fits", ok=True, detail=f"migrations up to {newest:04}")


def _log(holders: Sequence[GateHolder]) -> Check:
    return _check(
        "the log moves on",
        ok=not holders,
        detail="; ".join(map(str, holders)) or "no transaction holds its readers back",
        remedy="end that transaction; readers of the log wait for it",
    )


def _slow_damage(seen: Row) -> Iterator[Check]:
    yield _check(
        "partitions are ahead",
        ok=not seen["missing_partitions"] and not seen["late_bytes"],
        detail=f"{seen['missing_partitions']} missing, {seen['late_bytes']} bytes outside of their month's",
        remedy="keep a process with the system's role open: it makes them, two months ahead",
    )
    yield _check(
        "pages are whole",
        ok=not seen["damaged_pages"],
        detail=f"{seen['damaged_pages']} checksum failures",
        remedy="the disk damages data: make a backup to another disk now, and restore it there",
    )
    yield _check(
        "indexes are valid",
        ok=not seen["invalid_indexes"],
        detail=seen["invalid_indexes"] or "all",
        remedy="migrate again: what an interrupted migration left is made anew",
    )
    age = seen["oldest_snapshot_seconds"] or 0.0
    yield _check(
        "vacuum gets on",
        ok=age < OLD_SNAPSHOT_SECONDS and seen["frozen_age"] < FROZEN_AGE,
        detail=f"oldest snapshot {age:.0f} s, {seen['frozen_age']:,} transactions since the last freeze",
        remedy="end the oldest transaction, then VACUUM",
    )


def _served(status: Status) -> Check:
    return _check(
        f"{status.name} is served",
        ok=status.last_error is None,
        detail=status.last_error
        or f"at {status.position}"
        + (", being filled" if status.filling else "")
        + (f", {status.parked} parked: see `octavo engines parked`" if status.parked else ""),
        remedy="see the log of the process that keeps it",
    )


def _check(name: str, *, ok: bool, detail: str, remedy: str = "") -> Check:
    return Check(name, ok, detail, "" if ok else remedy)


async def _counts(system: Pool, estimates: Mapping[str, int]) -> dict[str, int]:
    counts = {name: await _count(system, table, estimates) for name, table in _COUNTED.items()}
    if _is_large("octavo.document", estimates):  # purged ones count too then
        return {**counts, "deleted": max(estimates["octavo.document"] - counts["documents"], 0)}
    return {**counts, "deleted": (await _row(system, _sql.count_deleted))["rows"]}


async def _count(system: Pool, table: str, estimates: Mapping[str, int]) -> int:
    if _is_large(table, estimates):
        return estimates[table]
    return int((await _row(system, _sql.count_rows.replace("{table}", table)))["rows"])


def _is_large(table: str, estimates: Mapping[str, int]) -> bool:
    return estimates.get(table, 0) > COUNTED_ROWS


async def _lag(system: Pool, status: Status) -> Lag:
    place = status.position
    row = await _row(system, _sql.events_behind, place.epoch, place.xid, place.id, EVENTS_COUNTED)
    return Lag(
        name=status.name,
        position=str(place),
        filling=status.filling,
        leads=status.leads,
        last_error=status.last_error,
        events=row["events"],
        seconds=row["seconds"] or 0.0,
        parked=status.parked,
        documents_per_second=status.documents_per_second,
    )


async def _row(system: Pool, statement: str, *arguments: object) -> Row:
    row = await system.fetchrow(statement, *arguments)
    assert row is not None
    return row
