"""Batches: started once, filled to the end whoever is interrupted, counted from their runs."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from octavo.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    PositionTimeout,
)
from octavo.pipelines.queueing.queue import Ended, Queue, Returned, Wish
from octavo.pipelines.starting import batches, filling
from octavo.pipelines.starting.batch_upkeep import BatchUpkeep
from octavo.pipelines.starting.batches import BatchStart
from octavo.store import walking
from octavo.values.batch import Asked
from octavo.values.pipeline import parse_reference
from tests.committed.runs.steps import GATES, Gate


@pytest.fixture
def queue(db):
    return Queue(db.record.system)


@pytest.fixture
def upkeep(db):
    """What a worker does for batches; interrupted is what nobody fills at this moment."""
    return BatchUpkeep(db.record.system, db._scope, look_seconds=0.0, interrupted_seconds=0.0)


async def notes(workspace, number, **body):
    """Ids of so many new documents, in the order in which they were made."""
    made = await workspace.documents.put_many(
        [{"type": "note", "body": {"number": n, **body}} for n in range(number)]
    )
    return [document.id for document in made]


async def narrow(workspace, **limits):
    """The view of an organization for which little is much, so that few documents make many pieces."""
    scope = await workspace._bind()
    return msgspec.structs.replace(scope, limits=msgspec.structs.replace(scope.limits, **limits))


async def begun(db, scope, documents=None, *, type=None, where=None, key=None):
    """A batch that has no run yet: whoever started it was interrupted."""
    asked = Asked(namespace=scope.namespace, type=type, where=where)
    wanted = BatchStart.of(parse_reference("double"), documents, asked, key=key)
    return (await batches.begin(db.record.app, scope, wanted))[0]


async def claimed(queue, workspace, number):
    """So many runs as a worker has them."""
    worker = uuid.uuid4()
    await queue.beat(worker, [], draining=False)
    organization = (await workspace._bind()).organization
    runs = await queue.claim(worker, [Wish(organization, 5, 0, number)])
    assert len(runs) == number
    return runs


async def complete(queue, runs):
    await queue.finish([Ended(run=run, state="completed", output=b"{}") for run in runs])


async def kill(queue, runs, code="x"):
    error = b'{"code": "%s", "message": "no"}' % code.encode()
    await queue.give_back([Returned(run=run, state="dead", error=error) for run in runs])


async def documents_of(workspace, batch):
    """The documents of a batch's runs, each as often as it has one."""
    page = await workspace.batches.runs(batch, limit=1_000)
    return sorted(run.document_id for run in page.runs)


async def test_a_batch_starts_a_run_for_each_document(piped):
    """S4-036, S4-111"""
    documents = await notes(piped, 3)

    batch = await piped.acting("user:ann").batches.start(
        "double", documents, name="import", description="of May", priority=7, input={"a": 1}
    )

    assert (batch.name, batch.description, batch.priority, batch.pipeline_version) == (
        "import",
        "of May",
        7,
        1,
    )
    assert (batch.state, batch.runs, str(batch.actor), batch.changed) == ("pending", 3, "user:ann", True)
    assert await documents_of(piped, batch.id) == sorted(documents)
    runs = (await piped.runs.list()).runs
    assert {(run.batch_id, run.priority, str(run.actor)) for run in runs} == {(batch.id, 7, "user:ann")}
    assert runs[0].input == {"a": 1}


async def test_a_document_that_is_listed_twice_gets_one_run(piped):
    (document,) = await notes(piped, 1)

    assert (await piped.batches.start("double", [document, str(document)])).runs == 1


async def test_one_document_that_is_not_there_starts_nothing(piped):
    """S4-112"""
    documents = [*await notes(piped, 2), uuid.uuid4()]

    with pytest.raises(NotFound, match="no document"):
        await piped.batches.start("double", documents, key="k")

    assert ((await piped.batches.list()).batches, (await piped.runs.list()).runs) == ([], [])


@pytest.mark.parametrize("pipeline", ["none", "double@none", "double@9"])
async def test_a_pipeline_that_is_not_there_starts_nothing(piped, pipeline):
    with pytest.raises(NotFound):
        await piped.batches.start(pipeline, await notes(piped, 1), key="k")

    assert (await piped.batches.list()).batches == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"documents": [], "type": "note"},
        {"documents": []},
        {"type": "note", "where": {"number": {"$near": 1}}},
        {"type": "note", "where": {"number": {"$regex": "("}}},
        {"type": "note", "key": ""},
        {"type": "note", "name": "x" * 201},
        {"type": "note", "priority": 10},
    ],
)
async def test_what_means_nothing_starts_nothing(piped, given):
    await notes(piped, 1)

    with pytest.raises(InvalidInput):
        await piped.batches.start("double", **given)

    assert (await piped.batches.list()).batches == []


async def test_the_same_key_again_gives_the_batch_that_is_there(piped):
    """S4-112"""
    documents = await notes(piped, 3)
    first = await piped.batches.start("double", documents, key="import-7")

    again = await piped.batches.start("double", documents, key="import-7")

    assert (again.id, again.changed, again.runs) == (first.id, False, 3)
    assert len((await piped.runs.list()).runs) == 3


async def test_the_same_key_at_the_same_moment_starts_one_batch(piped):
    documents = await notes(piped, 3)

    started = await asyncio.gather(*[piped.batches.start("double", documents, key="k") for _ in range(4)])

    assert len({batch.id for batch in started}) == 1
    assert [batch.changed for batch in started].count(True) == 1
    assert await documents_of(piped, started[0].id) == sorted(documents)


@pytest.mark.parametrize("other", [{"priority": 6}, {"input": {"a": 1}}, {"name": "other"}])
async def test_the_same_key_for_something_else_is_refused(piped, other):
    documents = await notes(piped, 1)
    await piped.batches.start("double", documents, key="k")

    with pytest.raises(IdempotencyConflict):
        await piped.batches.start("double", documents, key="k", **other)


async def test_a_list_that_was_interrupted_is_gone_on_with_by_the_same_call(db, piped):
    documents = await notes(piped, 8)
    scope = await narrow(piped, batch=3)
    batch = await begun(db, scope, documents, key="k")
    await filling.fill_piece(scope, batch)
    assert (await piped.batches.get(batch)).runs == 3

    again = await piped.batches.start("double", documents, key="k")

    assert (again.id, again.changed, again.runs) == (batch, False, 8)
    assert await documents_of(piped, batch) == sorted(documents)


@pytest.mark.parametrize(
    ("type", "where", "expected"),
    [
        ("note", None, range(30)),
        ("note", {"number": {"$gte": 20}}, range(20, 30)),
        ("note", {"number": {"$in": [3, 17]}}, [3, 17]),
        ("note", {"odd": {"$exists": False}}, range(0, 30, 2)),
        (None, {"@type": {"$in": ["note", "memo"]}, "number": {"$mod": [7, 0]}}, [0, 7, 14, 21, 28]),
        (None, {"@namespace": {"$in": ["default", "x"]}, "number": {"$lt": 2}}, [0, 1]),
    ],
)
async def test_a_question_gives_each_document_it_holds_for_once_however_small_the_pieces(
    db, piped, type, where, expected
):
    """A piece ends where as many documents were looked at as may be, and the next one begins there."""
    made = await piped.documents.put_many(
        [{"type": "note", "body": {"number": n, **({"odd": True} if n % 2 else {})}} for n in range(30)]
    )
    scope = await narrow(piped, batch=4, page=2, scanned=100)
    tight = msgspec.structs.replace(scope, limits=msgspec.structs.replace(scope.limits, scanned=5))

    batch = await begun(db, scope, type=type, where=where)
    await filling.fill(tight, batch)

    assert await documents_of(piped, batch) == sorted(made[n].id for n in expected)


async def test_a_walk_goes_on_from_where_it_looked_last(piped):
    """What no index finds is looked at in bounded pieces, where a listing would refuse."""
    made = await notes(piped, 30)
    scope = await narrow(piped, page=10, scanned=7)
    asked = walking.question(scope, "note", {"number": {"$gt": 27}}, datetime.now(UTC))

    pieces = [await walking.walk(scope, asked, "")]
    while pieces[-1].cursor is not None:
        pieces.append(await walking.walk(scope, asked, pieces[-1].cursor))

    assert [id for piece in pieces for id in piece.ids] == sorted(made[28:])
    assert len(pieces) == 5


async def test_what_comes_after_the_start_is_not_in_the_batch(db, piped):
    before = await notes(piped, 2)
    scope = await narrow(piped)
    batch = await begun(db, scope, type="note")
    await notes(piped, 2)

    await filling.fill(scope, batch)

    assert await documents_of(piped, batch) == sorted(before)


async def test_a_document_that_is_gone_when_its_turn_comes_gets_no_run(db, piped):
    documents = await notes(piped, 3)
    scope = await narrow(piped)
    batch = await begun(db, scope, documents)
    await piped.documents.delete(documents[1])

    await filling.fill(scope, batch)

    assert await documents_of(piped, batch) == sorted([documents[0], documents[2]])


async def test_two_that_fill_a_batch_at_once_start_each_run_once(db, piped):
    documents = await notes(piped, 40)
    scope = await narrow(piped, batch=3)
    batch = await begun(db, scope, documents)

    await asyncio.gather(*[filling.fill(scope, batch) for _ in range(4)])

    assert await documents_of(piped, batch) == sorted(documents)


async def test_upkeep_goes_on_with_a_filling_that_was_interrupted(db, piped, upkeep):
    documents = await notes(piped, 8)
    scope = await narrow(piped, batch=3)
    batch = await begun(db, scope, documents)

    while await upkeep.step():
        pass

    assert await documents_of(piped, batch) == sorted(documents)
    assert (await piped.batches.get(batch)).filled_at is not None


async def test_upkeep_leaves_a_filling_alone_that_somebody_is_at(db, piped):
    scope = await narrow(piped, batch=3)
    batch = await begun(db, scope, await notes(piped, 8))

    await BatchUpkeep(db.record.system, db._scope, interrupted_seconds=3_600.0).step()

    assert (await piped.batches.get(batch)).runs == 0


async def test_the_quota_of_a_day_stops_a_filling_and_it_goes_on_the_day_after(db, piped, upkeep, fields):
    organization = (await piped._bind()).organization
    (row,) = await fields("SELECT name FROM octavo.organization_profile WHERE id = $1", organization)
    await db.organizations.configure(row["name"], runs_per_day=10)
    documents = await notes(piped, 12)

    batch = await piped.batches.start("double", documents)
    await upkeep.step()

    assert (batch.runs, batch.filled_at, batch.state) == (10, None, "pending")
    assert (await piped.batches.get(batch.id)).runs == 10
    await fields("UPDATE octavo.run_quota SET day = day - 1 WHERE organization_id = $1", organization)
    again = await piped.batches.start("double", documents[:1])
    await filling.fill(await piped._bind(), batch.id)
    assert (again.runs, (await piped.batches.get(batch.id)).filled_at is not None) == (1, True)
    assert await documents_of(piped, batch.id) == sorted(documents)


async def test_the_runs_of_a_batch_use_the_version_the_pipeline_had_at_its_start(db, piped):
    scope = await narrow(piped)
    batch = await begun(db, scope, await notes(piped, 1))
    await piped.pipelines.put("double", [{"component": "double", "config": {"factor": 5}}])

    await filling.fill(scope, batch)

    assert [run.pipeline_version for run in (await piped.batches.runs(batch)).runs] == [1]


async def test_a_batch_whose_pipeline_is_purged_says_why_it_ended(db, piped, upkeep):
    scope = await narrow(piped)
    batch = await begun(db, scope, await notes(piped, 1))
    pipeline = (await piped.pipelines.get("double")).id
    await piped.namespace("octavo").documents.delete(pipeline)
    await piped.namespace("octavo").documents.purge(pipeline)

    with pytest.raises(NotFound):
        await filling.fill(scope, batch)

    ended = await piped.batches.get(batch)
    assert (ended.state, ended.runs, ended.error["code"]) == ("failed", 0, "not_found")


async def test_counts_equal_the_grouping_over_runs(piped, queue, fields):
    """S4-037, S4-038, S4-108"""
    batch = await piped.batches.start("double", await notes(piped, 6))
    runs = await claimed(queue, piped, 4)
    await complete(queue, runs[:2])
    await kill(queue, runs[2:3])

    counts = (await piped.batches.get(batch.id)).counts

    grouped = await fields(
        "SELECT state::text, count(*)::int AS n FROM (SELECT state, batch_id FROM octavo.run UNION ALL "
        "SELECT state, batch_id FROM octavo.run_history) AS run WHERE batch_id = $1 GROUP BY state",
        batch.id,
    )
    assert {name: n for name, n in msgspec.to_builtins(counts).items() if n} == {
        row["state"]: row["n"] for row in grouped
    }
    assert (counts.queued, counts.running, counts.dead, counts.completed) == (2, 1, 1, 2)


async def test_two_completed_and_one_failed_is_partially_failed(piped, queue, upkeep):
    """S4-040"""
    batch = await piped.batches.start("double", await notes(piped, 3))
    runs = await claimed(queue, piped, 3)
    await complete(queue, runs[:2])
    await kill(queue, runs[2:])

    await upkeep.step()

    over = await piped.batches.get(batch.id)
    assert (over.state, over.completed, over.failed) == ("partially_failed", 2, 1)
    assert over.finished_at is not None
    (failed,) = (await piped.batches.runs(batch.id, state=("dead", "failed"))).runs
    assert failed.error["message"] == "no"


async def test_times_are_those_of_the_first_start_and_the_last_end(piped, queue):
    """S4-039"""
    batch = await piped.batches.start("double", await notes(piped, 3))
    assert (batch.started_at, batch.finished_at, batch.took_seconds) == (None, None, None)

    await complete(queue, await claimed(queue, piped, 2))
    half = await piped.batches.get(batch.id)
    await complete(queue, await claimed(queue, piped, 1))

    over = await piped.batches.get(batch.id)
    runs = (await piped.batches.runs(batch.id)).runs
    assert (half.state, half.finished_at) == ("running", None)
    assert over.started_at == min(run.started_at for run in runs)
    assert over.finished_at == max(run.ended_at for run in runs)
    assert over.took_seconds == (over.finished_at - over.started_at).total_seconds()


async def test_the_stream_of_a_batch_says_when_it_was_over(piped, queue, upkeep):
    batch = await piped.batches.start("double", await notes(piped, 2))
    await complete(queue, await claimed(queue, piped, 2))

    await upkeep.step()
    await upkeep.step()

    events = await piped.events.stream(f"batch-{batch.id}")
    assert [event.type for event in events] == ["batch.started", "batch.completed"]
    data = events[1].data
    assert (data["state"], data["runs"], data["completed"], data["failed"]) == ("completed", 2, 2, 0)


async def test_a_stream_of_a_batch_takes_no_event_of_others(piped):
    with pytest.raises(InvalidInput, match="written by its batch alone"):
        await piped.events.append(f"batch-{uuid.uuid4()}", "order.placed", {})


async def test_the_dead_of_a_batch_are_retried_together_and_it_runs_again(piped, queue, upkeep):
    batch = await piped.batches.start("double", await notes(piped, 5))
    await kill(queue, await claimed(queue, piped, 5))
    await upkeep.step()

    retried = await piped.batches.retry(batch.id)

    assert (retried, (await piped.batches.get(batch.id)).state) == (5, "running")
    await complete(queue, await claimed(queue, piped, 5))
    await upkeep.step()
    assert (await piped.batches.get(batch.id)).state == "completed"
    events = await piped.events.stream(f"batch-{batch.id}")
    assert [event.data.get("state") for event in events] == [None, "failed", "completed"]


async def test_one_dead_run_that_is_retried_by_itself_opens_its_batch_again(piped, queue, upkeep):
    batch = await piped.batches.start("double", await notes(piped, 2))
    runs = await claimed(queue, piped, 2)
    await complete(queue, runs[:1])
    await kill(queue, runs[1:])
    await upkeep.step()

    await piped.runs.retry(runs[1].id)

    again = await piped.batches.get(batch.id)
    assert (again.state, again.finished_at, again.counts.queued) == ("running", None, 1)


async def test_a_batch_that_is_reopened_while_it_is_counted_is_not_called_over(db, piped, queue, monkeypatch):
    """The end of a batch is noted under how often it was reopened, so what was counted before a retry is refused."""
    batch = await piped.batches.start("double", await notes(piped, 1))
    (run,) = await claimed(queue, piped, 1)
    await kill(queue, [run])
    scope = await piped._bind()
    count = batches.counted

    async def counted(*given):
        found = await count(*given)
        await piped.runs.retry(run.id)
        return found

    monkeypatch.setattr(batches, "counted", counted)

    assert await batches.settle(scope, batch.id) is False
    monkeypatch.undo()
    assert len(await piped.events.stream(f"batch-{batch.id}")) == 1


async def test_a_cancelled_batch_ends_what_waits_at_once_and_asks_what_is_under_way(piped, queue, fields):
    batch = await piped.batches.start("double", await notes(piped, 6))
    runs = await claimed(queue, piped, 3)
    await kill(queue, runs[:1])
    await complete(queue, runs[1:2])

    cancelled = await piped.batches.cancel(batch.id)

    counts = cancelled.counts
    assert (counts.cancelled, counts.completed, counts.running, cancelled.state) == (4, 1, 1, "running")
    (row,) = await fields("SELECT cancel_requested FROM octavo.run WHERE id = $1", runs[2].id)
    assert row["cancel_requested"]
    await queue.finish([Ended(run=runs[2], state="cancelled")])
    assert (await piped.batches.get(batch.id)).state == "cancelled"


async def test_a_cancelled_batch_is_filled_no_more(db, piped):
    scope = await narrow(piped, batch=3)
    batch = await begun(db, scope, await notes(piped, 8))
    await filling.fill_piece(scope, batch)

    await piped.batches.cancel(batch)
    await filling.fill(scope, batch)

    over = await piped.batches.get(batch)
    assert (over.state, over.runs, over.counts.cancelled) == ("cancelled", 3, 3)


async def test_a_cancellation_that_was_interrupted_is_brought_to_its_end(db, piped, upkeep, fields):
    batch = await piped.batches.start("double", await notes(piped, 3))
    await fields("UPDATE octavo.batch SET cancelled_at = now() WHERE id = $1", batch.id)

    await upkeep.step()

    assert (await piped.batches.get(batch.id)).state == "cancelled"


async def test_a_batch_that_is_over_is_not_cancelled(piped, queue):
    batch = await piped.batches.start("double", await notes(piped, 1))
    await complete(queue, await claimed(queue, piped, 1))

    with pytest.raises(Conflict, match="is completed"):
        await piped.batches.cancel(batch.id)


async def test_another_organizations_batch_is_not_there(db, piped):
    """S4-109"""
    batch = await piped.batches.start("double", await notes(piped, 1))
    other = f"other-{uuid.uuid4().hex}"
    await db.organizations.create(other)
    stranger = db.organization(other).batches

    for call in (stranger.get, stranger.retry, stranger.cancel, stranger.wait):
        with pytest.raises(NotFound):
            await call(batch.id)
    assert (await stranger.runs(batch.id)).runs == []
    assert (await stranger.list()).batches == []
    assert (await piped.batches.get(batch.id)).counts.queued == 1


async def test_batches_are_listed_newest_first_page_by_page(piped):
    """S4-061"""
    started = [await piped.batches.start("double", await notes(piped, n)) for n in (1, 2, 3)]

    page = await piped.batches.list(limit=2)
    rest = await piped.batches.list(limit=2, before=page.before)

    assert [(one.id, one.runs) for one in [*page.batches, *rest.batches]] == [
        (one.id, one.runs) for one in reversed(started)
    ]
    assert rest.before is None
    with pytest.raises(LimitExceeded):
        await piped.batches.list(limit=0)


async def test_the_runs_of_a_batch_come_page_by_page(piped):
    documents = await notes(piped, 5)
    batch = await piped.batches.start("double", documents)

    page = await piped.batches.runs(batch.id, limit=3)
    rest = await piped.batches.runs(batch.id, limit=3, before=page.before)

    assert sorted(run.document_id for run in [*page.runs, *rest.runs]) == sorted(documents)
    with pytest.raises(InvalidInput):
        await piped.batches.runs(batch.id, state="gone")


async def test_old_batches_give_their_runs_up_and_keep_their_sums(piped, queue, upkeep):
    """S4-117, S4-118"""
    batch = await piped.batches.start("double", await notes(piped, 3))
    await complete(queue, await claimed(queue, piped, 3))
    await upkeep.step()
    before = await piped.batches.get(batch.id)

    assert await piped.batches.purge() == 0
    assert await piped.batches.purge(older_than=timedelta(0), dry_run=True) == 1
    assert len((await piped.batches.runs(batch.id)).runs) == 3
    assert await piped.batches.purge(older_than=timedelta(0)) == 1

    after = await piped.batches.get(batch.id)
    assert (await piped.batches.runs(batch.id)).runs == []
    assert (after.state, after.counts, after.took_seconds) == (
        before.state,
        before.counts,
        before.took_seconds,
    )
    assert after.purged_at is not None
    assert await piped.batches.purge(older_than=timedelta(0)) == 0


async def test_a_batch_with_a_run_that_can_be_retried_is_not_purged(piped, queue, upkeep):
    """S4-118"""
    batch = await piped.batches.start("double", await notes(piped, 2))
    runs = await claimed(queue, piped, 2)
    await complete(queue, runs[:1])
    await kill(queue, runs[1:])
    await upkeep.step()

    assert await piped.batches.purge(older_than=timedelta(0)) == 0

    await piped.runs.purge_dead()
    assert await piped.batches.purge(older_than=timedelta(0)) == 1
    given_up = await piped.batches.get(batch.id)
    assert (given_up.state, given_up.counts.completed, given_up.counts.failed) == ("partially_failed", 1, 1)


async def test_nothing_is_purged_under_legal_hold(db, piped, queue, upkeep, fields):
    """S4-118"""
    await piped.batches.start("double", await notes(piped, 1))
    await complete(queue, await claimed(queue, piped, 1))
    await upkeep.step()
    organization = (await piped._bind()).organization
    (row,) = await fields("SELECT name FROM octavo.organization_profile WHERE id = $1", organization)
    await db.organizations.hold(row["name"])

    assert await piped.batches.purge(older_than=timedelta(0)) == 0


async def test_dead_runs_are_retried_by_pipeline_and_by_why_they_failed(piped, queue):
    await piped.pipelines.put("other", [{"component": "double"}])
    for pipeline in ("double", "other"):
        started = await piped.pipelines.start_many(pipeline, [None] * 4)
        runs = await claimed(queue, piped, 4)
        await kill(queue, runs[:2], "timeout")
        await kill(queue, runs[2:], "odd")
        assert {run.id for run in started} == {run.id for run in runs}

    assert await piped.runs.retry_many(pipeline="other", code="timeout") == 2
    assert await piped.runs.retry_many(code="timeout", older_than=timedelta(days=1)) == 0
    assert await piped.runs.retry_many(code="timeout") == 2
    assert await piped.runs.retry_many(limit=3) == 3
    assert len(await piped.runs.dead()) == 1


async def test_a_batch_is_worked_off_and_waited_for(db, piped):
    documents = await notes(piped, 20)
    batch = await piped.batches.start("double", type="note", where={"number": {"$gte": 0}})

    async with db.worker(slots=5):
        over = await piped.batches.wait(batch.id, timeout_seconds=60)

    assert (over.state, over.completed, over.runs) == ("completed", len(documents), len(documents))


async def test_a_batch_that_is_not_over_in_time_is_told(piped):
    batch = await piped.batches.start("double", await notes(piped, 1))

    with pytest.raises(PositionTimeout):
        await piped.batches.wait(batch.id, timeout_seconds=0)


async def test_a_worker_ends_a_batch_that_is_cancelled_while_it_works(db, acme, request):
    await acme.pipelines.put("waits", [{"component": "wait"}])
    gate = GATES[request.node.name] = Gate()
    batch = await acme.batches.start("waits", await notes(acme, 4), input={"gate": request.node.name})

    async with db.worker(slots=2):
        await gate.came.wait()
        await acme.batches.cancel(batch.id)
        over = await acme.batches.wait(batch.id, timeout_seconds=60)

    assert (over.state, over.counts.cancelled) == ("cancelled", 4)
