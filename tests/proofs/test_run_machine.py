"""A hundred orders in which runs are started, claimed, ended, lost and found: what the suite tries a few of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from octavo.postgres.server import Server
from tests.committed.runs.machine import explore
from tests.databases import migrated_database

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]
EXAMPLES, STEPS = 100, 50


@pytest.fixture(scope="module")
async def database(server: Server) -> AsyncIterator[str]:
    async with migrated_database(server) as name:
        yield name


def test_no_order_of_calls_loses_or_doubles_a_run(server: Server, database: str, record_property):
    """S4-101, S4-103"""
    explore(server, database, examples=EXAMPLES, steps=STEPS, number=int(os.environ.get("OCTAVO_SEED", "1")))

    record_property("orders", EXAMPLES)
    record_property("steps_at_most", STEPS)
