"""What `octavo status` and `octavo doctor` tell of the record."""

from __future__ import annotations

import json

import msgspec
import pytest

import octavo
from octavo.engines.blobs.files import FileBlobs
from octavo.operations import health
from octavo.postgres.record import Record
from octavo.postgres.server import Server
from octavo.store import changes, organizations
from octavo.store.scope import Scope
from octavo.values.position import parse
from tests.backups import put, put_file, scope_of
from tests.databases import administrator, settings_of


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast this machine answers while it tests is no finding."""
    monkeypatch.setattr(health, "SLOW_MS", 60_000.0)


@pytest.fixture
async def scope(fresh_record: Record) -> Scope:
    return scope_of(fresh_record, (await organizations.create(fresh_record.system, "acme")).id)


async def test_a_report_counts_what_is_there(fresh_record: Record, scope: Scope, tmp_path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    kept = await put(scope, {"n": 1})
    await changes.patch(scope, kept.id, {"n": 2})
    await changes.delete(scope, (await put(scope, {"n": 1})).id)
    await changes.purge(scope, (await put(scope, {"n": 3})).id)
    last = await put_file(scope, blobs, b"x" * 1000, name="file")
    await put_file(scope, blobs, b"x" * 1000, name="the same file")

    told = await health.report(fresh_record)

    assert (told.organizations, told.documents, told.deleted) == (1, 3, 1)
    assert (told.versions, told.events, told.files) == (6, 8, 2)
    assert told.estimated == []
    assert told.epoch == 1
    assert last.position < parse(told.position)
    assert {size.name for size in told.tables} >= {"octavo.document", "octavo.event", "octavo.body"}
    assert told.size_bytes > sum(size.size_bytes for size in told.tables) > 0


async def test_large_tables_are_estimated(
    fresh_record: Record, scope: Scope, monkeypatch: pytest.MonkeyPatch, server: Server, fresh_database: str
) -> None:
    for n in range(30):
        await put(scope, {"n": n})
    async with administrator(server, fresh_database) as admin:
        await admin.execute("ANALYZE")
    monkeypatch.setattr(health, "COUNTED_ROWS", 20)

    told = await health.report(fresh_record)

    assert {"documents", "versions", "events"} <= set(told.estimated)
    assert (told.documents, told.versions, told.events) == (30, 30, 30)


async def test_a_report_is_plain_data(fresh_record: Record, scope: Scope) -> None:
    await put(scope, {"n": 1})

    told = await health.report(fresh_record)

    assert json.loads(json.dumps(told.as_dict()))["documents"] == 1


async def test_a_report_names_who_holds_the_log_back(
    fresh_record: Record, scope: Scope, server: Server, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "OLD_GATE_SECONDS", 0.0)
    async with administrator(server, fresh_database) as admin, admin.transaction():
        await admin.execute("SELECT pg_current_xact_id()")
        told = await health.report(fresh_record)

    assert "octavo_admin" in str(told.gate)
    assert any(holder.role == "octavo_admin" for holder in told.gate_holders)


async def test_a_report_tells_how_far_search_is_behind(server: Server, fresh_database: str) -> None:
    settings = msgspec.structs.asdict(settings_of(server, fresh_database))
    async with octavo.open(background=False, **settings) as db:
        await db.organizations.create("acme")
        acme = db.organization("acme")
        written = [await acme.documents.put("article", {"n": n}) for n in range(7)]
        before = await health.report(db.record, list(db.projections.values()))
        await db.projections.drain(written[-1].position)
        after = await health.report(db.record, list(db.projections.values()))

    [behind] = [told for told in before.projections if told.name.startswith("search")]
    [caught_up] = [told for told in after.projections if told.name.startswith("search")]
    assert (behind.events, behind.filling) == (7, True)
    assert behind.seconds > 0
    assert (caught_up.events, caught_up.last_error) == (0, None)


async def test_a_healthy_record_passes_every_check(fresh_record: Record) -> None:
    checks = await health.checks(fresh_record)

    assert [check for check in checks if not check.ok] == []
    assert len(checks) == 8


async def failing(record: Record) -> dict[str, str]:
    return {check.name: check.remedy for check in await health.checks(record) if not check.ok}


async def test_events_outside_of_their_partition_are_found(
    fresh_record: Record, server: Server, fresh_database: str
) -> None:
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type,"
            " data, actor, actor_kind) VALUES ('1999-01-01', 1, '3', 1, gen_random_uuid(), 's', 1, 'a.b', '{}',"
            " 'a', 'user')"
        )

    assert list(await failing(fresh_record)) == ["partitions are ahead"]


async def test_an_invalid_index_is_found(fresh_record: Record, server: Server, fresh_database: str) -> None:
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'octavo.tag_name'::regclass"
        )

    assert list(await failing(fresh_record)) == ["indexes are valid"]


async def test_a_long_writer_is_found(
    fresh_record: Record, server: Server, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "OLD_GATE_SECONDS", 0.0)
    async with administrator(server, fresh_database) as admin, admin.transaction():
        await admin.execute("SELECT pg_current_xact_id()")
        found = await failing(fresh_record)

    assert "end that transaction" in found["the log moves on"]


async def test_a_schema_that_a_later_version_contracted_is_found(
    fresh_record: Record, server: Server, fresh_database: str
) -> None:
    async with administrator(server, fresh_database) as admin:
        await admin.execute(
            "INSERT INTO octavo.migration (number, name, phase, checksum, state, started_at, completed_at, applied_by)"
            " VALUES (999, 'later', 'contract', sha256('x'), 'completed', now(), now(), 'x')"
        )

    assert list(await failing(fresh_record)) == ["the schema fits"]


async def test_a_record_that_is_gone_is_one_failing_check(fresh_record: Record) -> None:
    await fresh_record.close()

    checks = await health.checks(fresh_record)

    assert [(check.name, check.ok) for check in checks] == [("PostgreSQL answers", False)]
