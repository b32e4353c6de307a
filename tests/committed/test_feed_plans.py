"""Reading costs what is read: the plans of the reads, with and without knowledge of the parameters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from octavo.feed.reader import WINDOW
from octavo.postgres.server import Server
from octavo.postgres.statements import load
from tests.databases import administrator, connect, migrated_database

_sql = {
    **load("octavo.feed", "feed.sql"),
    **load("octavo.store", "events.sql"),
    **load("octavo.store", "tags.sql"),
}

SMALL = UUID(int=1)
FILL = """INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type,
        data, actor, actor_kind)
    SELECT '2026-11-01'::timestamptz + n * interval '1 minute', 0, (n / 3 + 3)::text::xid8, n,
        lpad(to_hex(CASE WHEN n % 100 = 0 THEN 1 ELSE 2 + n % 20 END), 32, '0')::uuid, 'order-' || n % 1000, n,
        CASE WHEN n % 1000 = 0 THEN 'order.lost' ELSE 'order.placed' END, '{}', 'ann', 'user'
    FROM generate_series(1, 100000) AS n"""
TYPES = {
    "read_all": "int, xid8, bigint, bigint",
    "read_organization": "int, xid8, bigint, bigint, octavo.organization",
    "read_all_filtered": "int, xid8, bigint, bigint, text[], text, uuid, bigint",
    "read_organization_filtered": "int, xid8, bigint, bigint, text[], text, uuid, bigint, octavo.organization",
    "read_stream": "octavo.organization, text, bigint, text[], bigint",
    "tag_history": "octavo.organization, text, text, bigint",
    "read_history": "octavo.organization, int, xid8, bigint, timestamptz, timestamptz, bigint, bigint, text[], uuid, "
    "text, octavo.actor_kind, text, text",
}
FILTER = f"ARRAY['order.lost'], NULL, NULL, {WINDOW}"
ORDER, OWN = "epoch_position_xid_id", "organization_id_epoch_position_xid_id"
# Statement, what follows its four first parameters, role, and the index that answers it.
READS = {
    "all": ("read_all", "", "octavo_system", ORDER),
    "one organization": ("read_organization", f", '{SMALL}'", "octavo_app", OWN),
    "all, filtered": ("read_all_filtered", f", {FILTER}", "octavo_system", ORDER),
    "one organization, filtered": ("read_organization_filtered", f", {FILTER}, '{SMALL}'", "octavo_app", OWN),
}


@pytest.fixture(scope="module")
async def filled(server: Server) -> AsyncIterator[str]:
    """A log of 100,000 events in four partitions, of which one organization has every hundredth."""
    async with migrated_database(server) as name:
        async with administrator(server, name) as admin:
            await admin.execute("SELECT octavo.keep_event_partitions(2)")
            await admin.execute(FILL)
            await admin.execute("VACUUM ANALYZE octavo.event")
        yield name


# Statement, its parameters, and the index that answers it.
LOOKS = {
    "a stream": ("read_stream", f"'{SMALL}', 'order-100', 50, NULL, 20", "organization_id_stream_sequence"),
    "the history of a tag": (
        "tag_history",
        f"'{SMALL}', 'order-100', NULL, 20",
        "organization_id_stream_sequence",
    ),
    "back over all": (
        "read_history",
        f"'{SMALL}', 2147483647, '9', 9, NULL, NULL, 20, 20" + ", NULL" * 6,
        OWN,
    ),
}


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("start", ["0, '0', 0", "0, '20000', 0", "1, '1', 0"], ids=["start", "middle", "end"])
@pytest.mark.parametrize("read", READS)
async def test_a_read_looks_at_no_more_than_it_returns(
    server: Server, filled: str, read: str, start: str, mode: str
):
    statement, rest, role, index = READS[read]
    connection = await connect(server, role, filled)
    try:
        nodes = await _plan(connection, mode, statement, f"{start}, 500{rest}")
    finally:
        await connection.close()

    scans = [node for node in nodes if node.get("Relation Name", "").startswith("event")]
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    assert all(
        node["Index Name"].endswith(f"{index}_idx")
        for node in nodes
        if "Index Name" in node and "event" in node["Index Name"]
    )
    assert sum(node.get("Rows Removed by Filter", 0) for node in scans) == 0, "rows of others were read"
    if "filtered" not in read:
        assert sum(node["Actual Rows"] for node in scans) <= 500 + 2 * len(scans)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("look", LOOKS)
async def test_a_look_into_one_organizations_log_reads_no_others(
    server: Server, filled: str, look: str, mode: str
):
    """S3-030, S3-031: by the index of the stream, or by that of the organization's log."""
    statement, arguments, index = LOOKS[look]
    connection = await connect(server, "octavo_app", filled)
    try:
        nodes = await _plan(connection, mode, statement, arguments)
    finally:
        await connection.close()

    scans = [node for node in nodes if node.get("Relation Name", "").startswith("event")]
    looked_at = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
    assert looked_at <= 150, "the stream has 100 events, and a page 20"
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert used
    assert all(name.endswith(f"{index}_idx") for name in used)


@pytest.mark.parametrize("read", ["all, filtered", "one organization, filtered"])
async def test_a_filtered_read_looks_at_one_window(server: Server, filled: str, read: str):
    statement, rest, role, _ = READS[read]
    connection = await connect(server, role, filled)
    try:
        nodes = await _plan(connection, "force_generic_plan", statement, f"0, '0', 0, 500{rest}")
    finally:
        await connection.close()

    looked_at = max(
        node["Actual Rows"] for node in nodes if node.get("Relation Name", "").startswith("event")
    )
    assert looked_at <= WINDOW


async def _plan(
    connection: asyncpg.Connection, mode: str, statement: str, arguments: str
) -> list[dict[str, Any]]:
    await connection.execute(f"SET plan_cache_mode = {mode}")
    await connection.execute(f"PREPARE reading ({TYPES[statement]}) AS {_sql[statement]}")
    told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE reading ({arguments})")
    return list(_nodes(json.loads(told)[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
