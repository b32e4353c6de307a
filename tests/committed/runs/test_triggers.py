"""Triggers: the run of a change comes into being with it, whoever makes the change, and runs never chase each other."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

import octavo
from octavo.errors import InvalidFilter, InvalidInput, LimitExceeded, NotFound
from octavo.postgres.statements import load
from octavo.values.run import Run
from octavo.workspace import Workspace
from tests.committed.runs.steps import GATES, Gate


@pytest.fixture
async def watched(piped: Workspace) -> Workspace:
    """An organization in which each change of a note starts a run of `double`."""
    await piped.triggers.put("notes", "double", type="note")
    return piped


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Any:
    GATES[request.node.name] = Gate()
    yield GATES[request.node.name]
    GATES.pop(request.node.name).opened.set()


async def started(view: Workspace, document: octavo.Document) -> list[Run]:
    """The runs about a document, the newest first."""
    return (await view.runs.list(document=document.id)).runs


async def test_a_document_that_arrives_has_its_run(watched):
    """S3-048: the key names the event and the trigger."""
    document = await watched.acting("user:ann", session="talk").documents.put("note", {"number": 1})

    (run,) = await started(watched, document)
    assert (run.trigger, run.state, run.document_version, str(run.actor), run.session) == (
        "notes", "queued", 1, "user:ann", "talk",
    )  # fmt: skip
    assert run.unique_key == f"trigger:notes:{document.id}:1"
    (event,) = await watched.events.stream(f"run-{run.id}")
    assert (event.type, event.data["trigger"], event.causation) == (
        "run.queued", "notes", f"document-{document.id}:1",
    )  # fmt: skip


async def test_a_worker_executes_what_a_trigger_started(db, watched):
    document = await watched.documents.put("note", {"number": 4})

    async with db.worker():
        done = await watched.runs.wait((await started(watched, document))[0].id)

    assert (done.state, done.output, done.trigger) == ("completed", {"double": {"number": 8}}, "notes")


async def put_by_name(view: Workspace, document: octavo.Document) -> None:
    await view.documents.put("note", {"number": 2}, name="n")


async def put_by_id(view: Workspace, document: octavo.Document) -> None:
    await view.documents.put("note", {"number": 2}, id=document.id)


async def put_expecting(view: Workspace, document: octavo.Document) -> None:
    await view.documents.put("note", {"number": 2}, name="n", expect=document.version)


async def put_many(view: Workspace, document: octavo.Document) -> None:
    await view.documents.put_many([{"type": "note", "name": "n", "body": {"number": 2}}])


async def patch(view: Workspace, document: octavo.Document) -> None:
    await view.documents.patch(document.id, {"number": 2})


async def patch_metadata(view: Workspace, document: octavo.Document) -> None:
    await view.documents.patch(document.id, {}, metadata={"reviewed": True})


async def update_many(view: Workspace, document: octavo.Document) -> None:
    await view.documents.update_many("note", {"number": 2}, where={"number": 1})


async def revert(view: Workspace, document: octavo.Document) -> None:
    await view.documents.patch(document.id, {"number": 2})
    await view.documents.revert(document.id, 1)


async def restore(view: Workspace, document: octavo.Document) -> None:
    await view.documents.delete(document.id)
    await view.documents.restore(document.id)


WAYS: list[Callable[[Workspace, octavo.Document], Awaitable[None]]] = [
    put_by_name, put_by_id, put_expecting, put_many, patch, patch_metadata, update_many, revert, restore,
]  # fmt: skip


@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
async def test_whatever_changes_a_document_its_newest_version_has_a_run(db, watched, change):
    document = await watched.documents.put("note", {"number": 1}, name="n")
    await db.record.system.execute("DELETE FROM octavo.run_queue")
    await db.record.system.execute("DELETE FROM octavo.run")

    await change(watched, document)

    newest = await watched.documents.get(document.id)
    assert newest.version > 1
    assert (await started(watched, document))[0].document_version == newest.version


async def test_an_import_is_an_arrival(watched, tmp_path):
    lines = tmp_path / "documents.jsonl"
    lines.write_text('{"type": "note", "name": "n", "body": {"number": 2}}\n')

    await watched.import_from(lines)

    assert len(await started(watched, await watched.documents.get("note", name="n"))) == 1


async def test_every_document_of_a_bulk_has_a_run(watched):
    documents = await watched.documents.put_many(
        [{"type": "note", "body": {"number": number}} for number in range(50)]
    )

    runs = (await watched.runs.list()).runs
    assert {run.document_id for run in runs} == {document.id for document in documents}
    assert len(runs) == 50


async def test_what_makes_no_version_starts_nothing(watched):
    document = await watched.documents.put("note", {"number": 1}, name="n")
    before = await started(watched, document)

    await watched.documents.put("note", {"number": 1}, name="n")
    await watched.documents.tag(document.id, "production")
    await watched.documents.label(document.id, "legal")
    await watched.documents.delete(document.id)

    assert [(run.id, run.document_version) for run in await started(watched, document)] == [
        (run.id, 1) for run in before
    ]


async def test_a_change_that_is_rolled_back_starts_nothing(watched):
    async def fail() -> None:
        async with watched.transaction() as tx:
            await tx.documents.put("note", {"number": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert (await watched.runs.list()).runs == []


async def test_a_put_sends_one_statement_also_where_a_trigger_fires(db, watched):
    await watched.documents.put("note", {"number": 1})
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)

    await watched.documents.put("note", {"number": 2})

    stop()
    assert len([statement for statement in sent if "notify" not in statement]) == 1


async def test_a_run_that_waits_is_about_the_newest_version(watched):
    document = await watched.documents.put("note", {"number": 1})
    for number in (2, 3, 4):
        await watched.documents.patch(document.id, {"number": number})

    (run,) = await started(watched, document)
    assert (run.document_version, run.state) == (4, "queued")


async def test_a_change_while_a_run_is_under_way_has_a_run_of_its_own(db, acme, gate, request):
    await acme.pipelines.put("p", [{"component": "wait_for_document"}])
    await acme.triggers.put("notes", "p", type="note")
    async with db.worker():
        document = await acme.documents.put("note", {"number": 1, "gate": request.node.name})
        await gate.came.wait()
        await acme.documents.patch(document.id, {"number": 2})
        gate.opened.set()
        runs = await started(acme, document)
        done = [await acme.runs.wait(run.id) for run in runs]

    assert [(run.document_version, run.output["wait_for_document"]["number"]) for run in done] == [
        (2, 2), (1, 1),
    ]  # fmt: skip


async def test_a_run_that_ends_late_does_not_undo_what_a_newer_one_wrote(db, acme, gate, request):
    await acme.pipelines.put("p", [{"component": "wait_for_document", "into": "out"}])
    await acme.triggers.put("notes", "p", type="note")
    async with db.worker():
        document = await acme.documents.put("note", {"number": 1, "gate": request.node.name})
        (late,) = await started(acme, document)
        await gate.came.wait()
        await acme.documents.patch(document.id, {"number": 2, "gate": ""})
        await acme.runs.wait((await started(acme, document))[0].id)
        gate.opened.set()
        late = await acme.runs.wait(late.id)

    assert (late.state, late.output) == ("completed", {"wait_for_document": {"number": 1}})
    assert (await acme.documents.get(document.id)).body["out"] == {"number": 2}


FILTERS = [
    ({"status": "final"}, {"status": "final"}, {"status": "draft"}),
    ({"status": {"$ne": "draft"}}, {}, {"status": "draft"}),
    ({"status": {"$in": ["a", "b"]}}, {"status": "b"}, {"status": "c"}),
    ({"total": {"$gte": 10, "$lt": 20}}, {"total": 10}, {"total": 20}),
    ({"$or": [{"a": 1}, {"b": {"$not": {"$eq": 2}}}]}, {"b": 3}, {"b": 2}),
    ({"$nor": [{"a": 1}, {"b": 2}]}, {}, {"b": 2}),
    ({"address.city": {"$exists": True}}, {"address": {"city": "Bern"}}, {"address": {}}),
    ({"lines": {"$elemMatch": {"price": {"$gt": 5}}}}, {"lines": [{"price": 6}]}, {"lines": [{"price": 5}]}),
]


@pytest.mark.parametrize(("where", "passes", "fails"), FILTERS, ids=str)
async def test_a_trigger_fires_for_what_its_filter_holds_for(piped, where, passes, fails):
    await piped.triggers.put("notes", "double", type="note", where=where)

    wanted = await piped.documents.put("note", passes)
    other = await piped.documents.put("note", fails)

    assert [len(await started(piped, document)) for document in (wanted, other)] == [1, 0]


async def test_a_filter_may_ask_the_metadata(piped):
    await piped.triggers.put("notes", "double", type="note", where={"@metadata.source": "mail", "n": 1})

    mail = await piped.documents.put("note", {"n": 1}, metadata={"source": "mail"})
    fax = await piped.documents.put("note", {"n": 1}, metadata={"source": "fax"})

    assert [len(await started(piped, document)) for document in (mail, fax)] == [1, 0]


@pytest.mark.parametrize(
    "where",
    [{"@name": "x"}, {"@labels": "legal"}, {"a": {"b": 1}}, {"$or": [{"a": 1}, {"@metadata.b": 2}]}],
    ids=str,
)
async def test_a_filter_that_a_change_cannot_answer_is_refused(piped, where):
    with pytest.raises(InvalidFilter, match="what a change does not tell"):
        await piped.triggers.put("notes", "double", type="note", where=where)


async def test_only_the_changes_asked_for_fire(piped):
    await piped.triggers.put("arrivals", "double", type="note", on="created")
    await piped.triggers.put("updates", "double", type="note", on=["updated"])

    document = await piped.documents.put("note", {"number": 1})
    await piped.documents.patch(document.id, {"number": 2})

    assert [run.trigger for run in await started(piped, document)] == ["updates", "arrivals"]


async def test_other_types_namespaces_and_organizations_start_nothing(db, watched):
    name = f"other-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    other = db.organization(name)
    await watched.documents.put("letter", {})
    await watched.namespace("elsewhere").documents.put("note", {})
    await other.documents.put("note", {})

    assert (await watched.runs.list()).runs == [] == (await other.runs.list()).runs


async def test_a_trigger_that_is_paused_starts_nothing_until_it_is_resumed(watched):
    assert (await watched.triggers.pause("notes")).is_paused
    quiet = await watched.documents.put("note", {"number": 1})
    await watched.triggers.resume("notes")
    loud = await watched.documents.put("note", {"number": 1})

    assert [len(await started(watched, document)) for document in (quiet, loud)] == [0, 1]


async def test_a_trigger_that_is_deleted_starts_nothing_and_leaves_its_runs(watched):
    document = await watched.documents.put("note", {"number": 1})
    await watched.triggers.delete("notes")
    await watched.documents.patch(document.id, {"number": 2})

    assert [run.document_version for run in await started(watched, document)] == [1]
    assert await watched.triggers.list() == []


async def test_the_pipeline_is_what_it_means_at_the_change(acme):
    await acme.pipelines.put("double", [{"component": "double"}])
    await acme.pipelines.tag("double", "production")
    await acme.triggers.put("notes", "double@production", type="note", priority=7)
    first = await acme.documents.put("note", {"number": 1})
    await acme.pipelines.put("double", [{"component": "double", "config": {"factor": 3}}])
    await acme.pipelines.tag("double", "production")
    second = await acme.documents.put("note", {"number": 1})

    runs = [(await started(acme, document))[0] for document in (first, second)]
    assert [(run.pipeline_version, run.priority) for run in runs] == [(1, 7), (2, 7)]


async def test_a_run_does_not_start_its_own_pipeline_by_what_it_writes(db, acme):
    """S3-048"""
    await acme.pipelines.put("p", [{"component": "grow", "into": "out"}])
    await acme.triggers.put("notes", "p", type="note")
    async with db.worker():
        document = await acme.documents.put("note", {})
        (run,) = await started(acme, document)
        await acme.runs.wait(run.id)

    assert (await acme.documents.get(document.id)).body == {"out": {"number": 1}}
    assert len(await started(acme, document)) == 1


async def test_a_pipeline_that_writes_what_starts_it_stops_at_the_depth_and_says_so(db, acme):
    """S3-048: it stops at the depth limit with an alarm."""
    await acme.pipelines.put("p", [{"component": "grow", "into": "out"}])
    await acme.triggers.put("notes", "p", type="note", recursive=True, max_depth=3)
    async with db.worker():
        document = await acme.documents.put("note", {})
        await settled(acme)

    assert (await acme.documents.get(document.id)).body == {"out": {"number": 3}}
    assert [run.document_version for run in await started(acme, document)] == [3, 2, 1]
    stopped = await acme.triggers.get("notes")
    assert (stopped.stopped_reason, stopped.stopped_document_id) == ("depth", document.id)
    assert "deeper than it allows" in (stopped.warning or "")
    (event,) = [
        one for one in await acme.events.stream(f"document-{document.id}") if one.type == "trigger.stopped"
    ]
    assert event.data == {"trigger": "notes", "pipeline": "p", "reason": "depth", "depth": 4}


async def test_two_triggers_that_start_each_other_stop_at_the_depth(db, acme):
    """S3-048"""
    for name in ("ping", "pong"):
        await acme.pipelines.put(name, [{"component": "grow", "into": "out"}])
        await acme.triggers.put(name, name, type="note", on="updated", max_depth=4)
    async with db.worker():
        document = await acme.documents.put("note", {})
        await acme.documents.patch(document.id, {"begin": True})
        await settled(acme)

    assert (await acme.documents.get(document.id)).version <= 2 + 2 * 4
    assert "depth" in {one.stopped_reason for one in await acme.triggers.list()}


async def settled(view: Workspace) -> None:
    """Wait until no run waits or is under way: one that starts another one does so in the transaction of its end."""
    while left := (await view.runs.list(state=["queued", "delayed", "running"])).runs:
        await view.runs.wait(left[0].id)


async def test_a_trigger_whose_pipeline_is_gone_holds_up_no_change(watched):
    pipeline = await watched.pipelines.get("double")
    await watched.namespace("octavo").documents.delete(pipeline.id)

    document = await watched.documents.put("note", {"number": 1})

    assert await started(watched, document) == []
    assert "not there" in (await watched.triggers.get("notes")).warning
    assert (await watched.events.stream(f"document-{document.id}"))[-1].type == "trigger.stopped"


async def test_putting_a_trigger_anew_takes_its_warning_away_and_keeps_its_pause(watched):
    await watched.triggers.pause("notes")
    changed = await watched.triggers.put("notes", "double", type="letter", priority=2)

    assert (changed.type, changed.priority, changed.is_paused, changed.warning) == ("letter", 2, True, None)
    assert await watched.triggers.get("notes") == changed


async def test_a_debounced_run_waits_until_the_document_is_left_alone(db, piped):
    await piped.triggers.put("notes", "double", type="note", debounce_seconds=600)
    document = await piped.documents.put("note", {"number": 1})
    due = "SELECT due_at, created_at FROM octavo.run_delay JOIN octavo.run ON run.id = run_id"
    before = await db.record.system.fetchrow(due)

    await piped.documents.patch(document.id, {"number": 2})

    (run,) = await started(piped, document)
    after = await db.record.system.fetchrow(due)
    assert (run.state, run.document_version) == ("delayed", 2)
    assert after["due_at"] > before["due_at"]


async def test_a_document_that_is_never_left_alone_is_run_all_the_same(db, piped):
    await piped.triggers.put("notes", "double", type="note", debounce_seconds=600)
    document = await piped.documents.put("note", {"number": 1})
    system = db.record.system
    await system.execute("UPDATE octavo.run SET created_at = created_at - interval '5990 seconds'")

    await piped.documents.patch(document.id, {"number": 2})

    row = await system.fetchrow(
        "SELECT due_at - created_at AS wait FROM octavo.run_delay JOIN octavo.run ON run.id = run_id"
    )
    assert row["wait"].total_seconds() == 6_000


async def test_a_run_that_has_waited_for_long_keeps_its_version_and_another_one_follows(db, watched):
    document = await watched.documents.put("note", {"number": 1})
    await db.record.system.execute("UPDATE octavo.run SET created_at = created_at - interval '2 minutes'")

    await watched.documents.patch(document.id, {"number": 2})
    await watched.documents.patch(document.id, {"number": 3})

    assert [run.document_version for run in await started(watched, document)] == [3, 1]


async def test_a_run_whose_ticket_somebody_has_is_left_to_him(db, watched):
    document = await watched.documents.put("note", {"number": 1})
    async with db.record.system.transaction() as other:
        await other.fetch("SELECT FROM octavo.run_queue FOR UPDATE")
        await watched.documents.patch(document.id, {"number": 2})

    assert [run.document_version for run in await started(watched, document)] == [2, 1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"type": "1st"}, "not a name for a type"),
        ({"type": "note", "on": "deleted"}, "cannot wait for 'deleted'"),
        ({"type": "note", "on": []}, "waits for no change"),
        ({"type": "note", "priority": 10}, "not 0 to 9"),
        ({"type": "note", "debounce_seconds": -1}, "put off"),
        ({"type": "note", "max_depth": 0}, "not 1 to 100"),
        ({"type": "note", "name": "a b"}, "not a name for a trigger"),
        ({"type": "note", "pipeline": "no@way@round"}, "names no pipeline"),
    ],
)
async def test_what_is_no_trigger_is_refused(piped, given, says):
    arguments = {"name": "notes", "pipeline": "double", **given}

    with pytest.raises(InvalidInput, match=says):
        await piped.triggers.put(arguments.pop("name"), arguments.pop("pipeline"), **arguments)

    assert await piped.triggers.list() == []


@pytest.mark.parametrize("pipeline", ["nothing", "double@nowhere", "double@9"])
async def test_a_trigger_of_a_pipeline_that_is_not_there_is_refused(piped, pipeline):
    with pytest.raises(NotFound, match="there is no pipeline"):
        await piped.triggers.put("notes", pipeline, type="note")


async def test_a_trigger_that_is_not_there_is_not_found(piped):
    for call in (piped.triggers.get, piped.triggers.pause, piped.triggers.resume, piped.triggers.delete):
        with pytest.raises(NotFound, match="there is no trigger 'nothing'"):
            await call("nothing")


async def test_an_organization_has_so_many_triggers_and_no_more(piped, monkeypatch):
    monkeypatch.setattr("octavo.pipelines.starting.triggers.MAX_TRIGGERS", 1)
    await piped.triggers.put("one", "double", type="note")

    with pytest.raises(LimitExceeded, match="as many triggers"):
        await piped.triggers.put("two", "double", type="note")
    assert (await piped.triggers.put("one", "double", type="letter")).type == "letter"


async def test_triggers_are_listed_by_name(piped):
    for name in ("b", "a", "c"):
        await piped.triggers.put(name, "double", type="note")

    assert [one.name for one in await piped.triggers.list(limit=2)] == ["a", "b"]
    assert [one.name for one in await piped.triggers.list(after="b")] == ["c"]


async def test_nobody_appends_what_triggers_say(piped):
    with pytest.raises(InvalidInput, match="written by Octavo alone"):
        await piped.events.append("mine", "trigger.stopped", {})


async def test_a_put_of_what_nothing_watches_calls_nothing(db, watched):
    scope = await watched._bind()
    put = load("octavo.store", "changes.sql").create_document

    async def called(type: str) -> set[str]:
        arguments = scope.change(uuid7(), "default", type, None, b'{"number": 1}', None, 0)
        rows = await db.record.app.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {put}", *arguments)
        triggers = msgspec.json.decode(rows[0]["QUERY PLAN"])[0]["Triggers"]
        return {one["Trigger Name"] for one in triggers if "Constraint Name" not in one}

    assert (await called("letter"), await called("note")) == (set(), {"document_arrived"})
