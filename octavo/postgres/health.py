"""How the record is: does it answer, how fast, and who holds its feed back."""

from __future__ import annotations

import time

import msgspec

from octavo.postgres.pool import Pool
from octavo.postgres.statements import load

_sql = load("octavo.postgres", "health.sql")
# The first may have to connect, and one hiccup of the machine makes no slow record.
_PINGS = 3


class GateHolder(msgspec.Struct, frozen=True):
    """An open writing transaction: the feed shows no event that came after its first change.

    `pid` is None for a prepared transaction, which `prepared` names then. `query` is the beginning of its
    last statement, for transactions of the record's own database only.
    """

    pid: int | None
    prepared: str | None
    age_seconds: float
    state: str | None
    application: str | None
    database: str
    role: str
    query: str | None

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.prepared is None else f"prepared transaction {self.prepared!r}"
        return f"{who} of {self.role} in database {self.database}, open for {self.age_seconds:.1f} s"


class Health(msgspec.Struct, frozen=True):
    """The record's state as this process sees it; `gate_holder` is None when nobody holds the feed back."""

    round_trip_ms: float
    open_connections: int
    version: str
    epoch: int
    pooled: bool
    gate_holder: GateHolder | None


async def ping(pool: Pool) -> tuple[float, str]:
    """Milliseconds of one round trip, the fastest of a few, and the server's version."""
    took, version = float("inf"), ""
    for _ in range(_PINGS):
        begun = time.perf_counter()
        row = await pool.fetchrow(_sql.ping)
        took = min(took, time.perf_counter() - begun)
        assert row is not None
        version = row["version"]
    return took * 1000, version


async def gate_holders(system: Pool, older_than_seconds: float = 0.0) -> list[GateHolder]:
    """Open writing transactions of the whole server, the one that holds the feed back most first."""
    rows = await system.fetch(_sql.gate_holders, older_than_seconds)
    return [GateHolder(**row) for row in rows]
