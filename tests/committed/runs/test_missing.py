"""Documents that no run tells of: counted, started in pieces, and never twice."""

from __future__ import annotations

import pytest

from octavo.errors import LimitExceeded, NotFound
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

    assert counted.as_dict() == {"examined": 10, "missing": 10, "started": 0, "next": None}
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
