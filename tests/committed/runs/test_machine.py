"""The states of a run held against a plain model; `tests/proofs` goes deeper."""

from __future__ import annotations

from octavo.postgres.server import Server
from tests.committed.runs.machine import explore


def test_no_order_of_calls_pauses_and_jumps_loses_or_doubles_a_run(server: Server, database: str):
    """S4-101, S4-103: no stale claim is ever accepted, and every run has one ticket or one end."""
    explore(server, database, examples=12, steps=25)
