"""Triggers and schedules get out with the documents and in again, equal, and start nothing by that."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest

from octavo.operations.export import export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.pipelines.queueing import runs
from octavo.pipelines.starting import schedules, triggers
from octavo.postgres.record import Record
from octavo.store import changes, reads, tags
from octavo.store.changes import Draft
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.pipeline import parse_reference
from tests.backups import scope_of


@pytest.fixture
def source(record: Record, organization: Organization) -> Scope:
    return scope_of(record, organization.id)


@pytest.fixture
def target(record: Record, other_organization: Organization) -> Scope:
    return scope_of(record, other_organization.id, origin=Origin(Actor("importer", "service")))


async def put(scope: Scope, type: str, body: Any, *, name: str | None = None) -> UUID:
    return (await changes.put(scope, Draft.of(scope, type, body, name=name))).id


async def pipeline(scope: Scope, name: str, tag: str | None = None) -> None:
    inside = msgspec.structs.replace(scope, namespace="octavo")
    id = await put(inside, "octavo.pipeline", {"steps": [{"component": "count"}]}, name=name)
    if tag is not None:
        await tags.move(inside, id, tag, 1)


async def trigger(scope: Scope, name: str, reference: str, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "type": "invoice",
        "on": ["updated"],
        "where": {"status": "final"},
        "priority": 7,
        "debounce_seconds": 2.5,
        "recursive": True,
        "max_depth": 4,
        **changed,
    }
    await triggers.put(scope, triggers.Wanted.of(name, parse_reference(reference), **fields))


async def schedule(scope: Scope, name: str, document: UUID | None = None, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "cron": "0 6 * * mon-fri",
        "timezone": "Europe/Berlin",
        "document": document,
        "input": {"n": 1},
        "priority": 3,
        "catch_up": "all",
        "overlap": False,
        **changed,
    }
    wanted = schedules.Wanted.of(name, parse_reference("digest"), **fields)
    await schedules.put(scope, wanted)


@pytest.fixture
async def stocked(source: Scope) -> Scope:
    """An organization with two pipelines, two triggers of two namespaces, two schedules and an invoice."""
    await pipeline(source, "extract", "production")
    await pipeline(source, "digest")
    invoice = await put(source, "invoice", {"status": "final"})
    await trigger(source, "invoices", "extract@production")
    letters = msgspec.structs.replace(source, namespace="post")
    await trigger(letters, "letters", "digest", type="letter", on=["created", "updated"], where={})
    await triggers.pause(source, "letters", paused=True)
    await schedule(source, "morning", invoice)
    await schedule(source, "never", cron="* * * * *", overlap=True)
    await schedules.pause(source, "never")
    return source


async def export(record: Record, scope: Scope, directory: Path, **options: Any) -> Any:
    return await export_documents(record.app, scope, None, directory, **options)


async def imported(record: Record, scope: Scope, directory: Path, **options: Any) -> ImportReport:
    return await import_documents(record.app, scope, None, directory, **options)


async def state(scope: Scope) -> object:
    """Everything that triggers and schedules are, but for when and by whom they were kept."""
    return (
        [
            (
                one.name, one.namespace, one.type, one.pipeline, one.on, one.where, one.priority,
                one.debounce_seconds, one.recursive, one.max_depth, one.is_paused,
            )
            for one in await triggers.listing(scope)
        ],
        [
            (
                one.name, one.pipeline, one.cron, one.timezone, one.document_id, one.input, one.priority,
                one.catch_up, one.overlap, one.paused, one.next_at,
            )
            for one in await schedules.listing(scope, after="", limit=100)
        ],
    )  # fmt: skip


async def test_triggers_and_schedules_come_back_equal_in_another_organization(
    record, stocked, target, tmp_path
):
    out = await export(record, stocked, tmp_path / "export")
    back = await imported(record, target, tmp_path / "export")

    assert (out.triggers, out.schedules, out.failed) == (2, 2, 0)
    assert (back.triggers, back.schedules, back.failed) == (2, 2, 0)
    assert await state(target) == await state(stocked)


async def test_an_import_starts_no_run_of_the_triggers_it_brings(record, stocked, target, tmp_path):
    await trigger(stocked, "all", "digest", type="invoice", on=["created"], where={})
    await export(record, stocked, tmp_path / "export")

    await imported(record, target, tmp_path / "export")

    assert (await runs.listing(target)).runs == []
    await put(target, "invoice", {"status": "draft"})
    assert [run.trigger for run in (await runs.listing(target)).runs] == ["all"]


async def test_a_second_import_changes_nothing(record, stocked, target, tmp_path):
    await export(record, stocked, tmp_path / "export")
    await imported(record, target, tmp_path / "export")
    before = await triggers.listing(target), await schedules.listing(target, after="", limit=9)

    again = await imported(record, target, tmp_path / "export")

    assert (again.triggers, again.schedules, again.failed) == (0, 0, 0)
    now = await triggers.listing(target), await schedules.listing(target, after="", limit=9)
    assert now[0] == before[0]
    assert [one.updated_at for one in now[1]] == [one.updated_at for one in before[1]]


async def test_one_that_was_changed_here_becomes_what_was_exported(record, stocked, tmp_path):
    await export(record, stocked, tmp_path / "export")
    before = await state(stocked)
    await trigger(stocked, "invoices", "digest", where={})
    await triggers.pause(stocked, "letters", paused=False)
    await schedule(stocked, "morning", priority=9)
    await schedules.resume(stocked, "never")

    back = await imported(record, stocked, tmp_path / "export")

    assert (back.triggers, back.schedules) == (2, 2)
    assert await state(stocked) == before


async def test_a_schedule_is_due_from_the_import_on_and_makes_up_for_nothing(
    record, stocked, target, tmp_path
):
    await schedules.resume(stocked, "never")
    await record.system.execute(
        "UPDATE octavo.schedule SET next_at = next_at - interval '30 days', last_at = now() - interval '31 days' "
        "WHERE organization_id = $1",
        stocked.organization,
    )
    await export(record, stocked, tmp_path / "export")

    await imported(record, target, tmp_path / "export")

    (row,) = await record.system.fetch("SELECT clock_timestamp() AS moment")
    minutely = await schedules.get(target, "never")
    assert row["moment"] - timedelta(minutes=1) < minutely.next_at
    assert (minutely.last_at, (await schedules.get(target, "morning")).last_at) == (None, None)
    assert await schedules.firings(target, "never", before=None, limit=9) == []


async def test_new_ids_are_those_that_schedules_are_about(record, stocked, target, tmp_path):
    await export(record, stocked, tmp_path / "export")

    back = await imported(record, target, tmp_path / "export", keep_ids=False)

    old = (await schedules.get(stocked, "morning")).document_id
    new = (await schedules.get(target, "morning")).document_id
    assert (back.failed, new) == (0, uuid5(target.organization, str(old)))
    assert (await reads.get(target, new)).type == "invoice"


async def test_what_misses_its_pipeline_or_document_is_one_clear_line_and_the_rest_goes_on(
    record, stocked, target, tmp_path
):
    await export(record, stocked, tmp_path / "export")
    documents = tmp_path / "export" / "documents.jsonl"
    kept = [line for line in documents.read_text().splitlines() if json.loads(line)["name"] == "digest"]
    documents.write_text("\n".join(kept) + "\n")

    back = await imported(record, target, tmp_path / "export")

    told = [str(problem) for problem in back.problems]
    assert (back.triggers, back.schedules, back.failed) == (1, 1, 2)
    assert told[0].startswith("triggers.jsonl, line 1: there is no pipeline 'extract@production'")
    assert told[1].startswith("schedules.jsonl, line 1: there is no document ")


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("triggers.jsonl", '{"name": "t", "type": "note"}', "missing required field `pipeline`"),
        ("triggers.jsonl", '{"name": "t", "type": "note", "pipeline": "digest", "onn": []}', "unknown field"),
        ("triggers.jsonl", '{"name": "t", "type": "note", "pipeline": "digest", "on": []}', "no change"),
        ("triggers.jsonl", '{"name": "a b", "type": "note", "pipeline": "digest"}', "is not a name"),
        ("triggers.jsonl", '{"name": "t", "type": "n", "pipeline": "digest", "namespace": "a b"}', "regex"),
        ("schedules.jsonl", '{"name": "s", "pipeline": "digest", "cron": "never"}', "never"),
        ("schedules.jsonl", '{"name": "s", "pipeline": "digest"', "this is no line of an export"),
    ],
)
async def test_a_line_that_is_none_is_reported_and_the_rest_goes_on(
    record, stocked, target, tmp_path, name, line, told
):
    await export(record, stocked, tmp_path / "export")
    path = tmp_path / "export" / name
    path.write_text(line + "\n" + path.read_text())

    back = await imported(record, target, tmp_path / "export")

    (problem,) = back.problems
    assert str(problem).startswith(f"{name}, line 1: ")
    assert told in str(problem)
    assert (back.triggers, back.schedules) == (2, 2)


async def test_a_part_of_the_documents_brings_no_triggers_and_schedules(record, stocked, tmp_path):
    out = await export(record, stocked, tmp_path / "export", type="invoice")

    assert (out.triggers, out.schedules) == (0, 0)
    assert not (tmp_path / "export" / "triggers.jsonl").exists()


async def test_a_dry_run_keeps_none(record, stocked, target, tmp_path):
    await export(record, stocked, tmp_path / "export")

    back = await imported(record, target, tmp_path / "export", dry_run=True)

    assert (back.triggers, back.schedules, await state(target)) == (0, 0, ([], []))


async def test_another_organizations_are_not_exported(record, stocked, target, tmp_path):
    out = await export(record, target, tmp_path / "export")

    assert (out.triggers, out.schedules) == (0, 0)
