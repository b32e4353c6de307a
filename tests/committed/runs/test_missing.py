"""Documents that no run tells of: counted, started in pieces, and never twice."""

from __future__ import annotations

import pytest

from octavo.errors import LimitExceeded, NotFound
from octavo.pipelines.starting import missing
from octavo.workspace import Workspace


@pytest.fixture
async def stocked(piped: Workspace) -> Workspace:
    """An organization with ten notes and a letter that came before anything watched them."""
    await piped.documents.put_many([{"type": "note", "body": {"number": n}} for n in range(10)])
    await piped.documents.put("letter", {})
    return piped


async def done(db, view: Workspace) -> None:
    """Let a worker execute whatever waits."""
    async with db.worker():
        while left := (await view.runs.list(state=["queued", "running"])).runs:
            await view.runs.wait(left[0].id)


async def test_what_is_missing_is_counted_started_and_then_not_missing(stocked):
    counted = await stocked.pipelines.start_missing("double", type="note", dry_run=True)
    started = await stocked.pipelines.start_missing("double", type="note", priority=2)
    again = await stocked.pipelines.start_missing("double", type="note")

    assert counted.as_dict() == {"examined": 10, "missing": 10, "started": 0, "next": None, "batch": None}
    assert (started.missing, started.started, started.next) == (10, 10, None)
    assert (again.examined, again.missing) == (10, 0)
    assert {run.priority for run in (await stocked.runs.list()).runs} == {2}


async def test_one_call_starts_so_many_and_the_next_goes_on(stocked):
    first = await stocked.pipelines.start_missing("double", type="note", limit=4)
    second = await stocked.pipelines.start_missing("double", type="note", limit=4, after=first.next)
    third = await stocked.pipelines.start_missing("double", type="note", limit=4, after=second.next)

    assert [one.started for one in (first, second, third)] == [4, 4, 2]
    assert third.next is None
    assert len({run.document_id for run in (await stocked.runs.list()).runs}) == 10


async def test_documents_are_looked_at_page_by_page(stocked, monkeypatch):
    monkeypatch.setattr("octavo.pipelines.starting.missing._PAGE", 3)

    found = await stocked.pipelines.start_missing("double", type="note")

    assert (found.examined, found.started, found.next) == (10, 10, None)


async def test_a_version_that_a_run_of_the_pipeline_wrote_is_not_missing(db, acme):
    await acme.pipelines.put("p", [{"component": "grow", "into": "out"}])
    await acme.documents.put("note", {})
    await acme.pipelines.start_missing("p", type="note")
    await done(db, acme)

    again = await acme.pipelines.start_missing("p", type="note")

    assert (again.examined, again.missing) == (1, 0)


async def test_a_newer_version_of_document_or_pipeline_is_missing(db, stocked):
    await stocked.pipelines.start_missing("double", type="note")
    await done(db, stocked)
    await stocked.documents.update_many("note", {"late": True}, where={"number": {"$lt": 3}})
    changed = await stocked.pipelines.start_missing("double", type="note", dry_run=True)
    await stocked.pipelines.put("double", [{"component": "double", "config": {"factor": 5}}])
    renewed = await stocked.pipelines.start_missing("double", type="note", dry_run=True)

    assert (changed.missing, renewed.missing) == (3, 10)


async def test_a_run_that_failed_for_good_leaves_its_document_missing(db, acme):
    await acme.pipelines.put("p", {"steps": [{"component": "fail"}], "retry": {"attempts": 1}})
    await acme.documents.put("note", {})
    await acme.pipelines.start_missing("p", type="note")
    await done(db, acme)
    dead = await acme.pipelines.start_missing("p", type="note", dry_run=True)
    await acme.runs.purge_dead()
    failed = await acme.pipelines.start_missing("p", type="note", dry_run=True)

    # A dead run may be retried: until it is given up it stands for its document.
    assert (dead.missing, failed.missing) == (0, 1)


async def test_a_filter_and_a_namespace_narrow_what_must_have_a_run(stocked):
    even = await stocked.pipelines.start_missing(
        "double", type="note", where={"number": {"$mod": [2, 0]}}, dry_run=True
    )
    elsewhere = await stocked.namespace("elsewhere").pipelines.start_missing(
        "double", type="note", dry_run=True
    )

    assert (even.examined, even.missing, elsewhere.examined) == (10, 5, 0)


async def test_deleted_documents_have_no_run(stocked):
    await stocked.documents.delete_many("note", where={"number": {"$gte": 5}})

    assert (await stocked.pipelines.start_missing("double", type="note")).started == 5


async def test_a_trigger_is_filled_with_what_it_would_have_started(stocked):
    await stocked.triggers.put("few", "double", type="note", where={"number": {"$lt": 4}}, priority=3)

    assert (await stocked.triggers.backfill("few", dry_run=True)).missing == 4
    assert (await stocked.triggers.backfill("few")).started == 4
    assert (await stocked.triggers.backfill("few")).started == 0
    assert {run.priority for run in (await stocked.runs.list()).runs} == {3}


async def test_what_is_not_there_or_too_much_is_refused(stocked):
    with pytest.raises(NotFound, match="there is no pipeline 'double@9'"):
        await stocked.pipelines.start_missing("double@9", type="note")
    with pytest.raises(NotFound, match="there is no trigger"):
        await stocked.triggers.backfill("nothing")
    with pytest.raises(LimitExceeded, match="10001 runs"):
        await stocked.pipelines.start_missing("double", type="note", limit=10_001)


async def test_what_is_missing_is_started_as_one_batch(db, stocked):
    told: list[int] = []

    counted = await stocked.pipelines.start_missing("double", type="note", dry_run=True, batch=True)
    found = await stocked.pipelines.start_missing(
        "double", type="note", priority=2, batch=True, progress=told.append
    )
    again = await stocked.pipelines.start_missing("double", type="note", batch=True)

    assert (counted.missing, counted.batch) == (10, None)
    assert (found.examined, found.missing, found.started, found.next, told) == (10, 10, 10, None, [10])
    batch = await stocked.batches.get(found.batch)
    assert (batch.name, batch.runs, batch.priority, batch.state) == ("missing double", 10, 2, "pending")
    assert (again.missing, again.started, again.batch) == (0, 0, None)
    assert (await stocked.batches.cancel(found.batch)).state == "cancelled"
    assert (await stocked.pipelines.start_missing("double", type="note", dry_run=True)).missing == 10


async def test_a_trigger_backfills_as_a_batch_that_a_worker_executes(db, stocked):
    await stocked.triggers.put("notes", "double", type="note", where={"number": {"$lt": 4}})

    found = await stocked.triggers.backfill("notes", batch=True)
    async with db.worker():
        done = await stocked.batches.wait(found.batch)

    assert (found.started, done.name, done.state, done.completed) == (4, "notes", "completed", 4)
    assert (await stocked.triggers.backfill("notes", batch=True)).missing == 0


async def test_a_batch_holds_as_many_as_were_asked_for_and_the_next_goes_on(stocked):
    first = await stocked.pipelines.start_missing("double", type="note", limit=4, batch=True)
    second = await stocked.pipelines.start_missing("double", type="note", after=first.next, batch=True)

    assert (first.started, second.started, second.next) == (4, 6, None)
    assert first.batch != second.batch


async def test_a_batch_that_a_quota_holds_up_is_gone_on_with_and_nothing_is_started_twice(db, stocked):
    name = await name_of(db, stocked)
    await db.organizations.configure(name, runs_per_day=4)

    first = await stocked.pipelines.start_missing("double", type="note", batch=True)
    held_up = await stocked.pipelines.start_missing("double", type="note", batch=True)
    await db.organizations.configure(name, runs_per_day=None)
    last = await stocked.pipelines.start_missing("double", type="note", batch=True)

    assert (first.missing, first.started) == (10, 4)
    assert (held_up.examined, held_up.started, held_up.batch) == (0, 0, first.batch)
    assert (last.missing, last.started, last.batch) == (0, 6, None)
    assert (await stocked.batches.get(first.batch)).runs == 10


async def test_a_document_that_is_deleted_meanwhile_is_left_out_of_the_batch(stocked, monkeypatch):
    begin = missing.batches.begin
    documents = [doc async for doc in stocked.documents.find("note", limit=2)]

    async def late(*given):
        for document in documents:
            await stocked.documents.delete(document.id)
        documents.clear()
        return await begin(*given)

    monkeypatch.setattr(missing.batches, "begin", late)

    found = await stocked.pipelines.start_missing("double", type="note", batch=True)

    assert (found.missing, found.started) == (10, 8)


async def test_a_batch_is_no_larger_than_the_organization_allows(db, stocked):
    """S4-049"""
    await db.organizations.configure(await name_of(db, stocked), max_batch_size=3)

    found = await stocked.pipelines.start_missing("double", type="note", batch=True)

    assert (found.started, found.next is not None) == (3, True)


async def name_of(db, view: Workspace) -> str:
    """The name of an organization."""
    (row,) = await db.record.system.fetch(
        "SELECT name FROM octavo.organization_profile WHERE id = $1", (await view._bind()).organization
    )
    return row["name"]
