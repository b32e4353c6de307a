"""Which record an index outside of it belongs to: positions mean nothing in another, or after a restore."""

from __future__ import annotations

import msgspec

from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner

_sql = load("octavo.engines.search", "candidates.sql")


class Life(msgspec.Struct, frozen=True):
    """A record, and the number of its log's present life."""

    record: str
    number: int

    @property
    def name(self) -> str:
        """What an index of this life is called."""
        return f"{self.record}-{self.number}"


async def life_of(runner: Runner) -> Life:
    """The present life of the record's log."""
    row = await runner.fetchrow(_sql.life)
    assert row is not None
    return Life(f"record-{row['system_identifier']}-{row['database']}", row["number"])
