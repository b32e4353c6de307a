"""Starting runs: with the caller's transaction, of the version it means, and once for a unique key."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound


async def states(workspace) -> dict[str, int]:
    """How many runs of an organization there are of each state."""
    found: dict[str, int] = {}
    for run in (await workspace.runs.list()).runs:
        found[run.state] = found.get(run.state, 0) + 1
    return found


async def test_a_run_is_started_by_one_statement(db, piped):
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)
    await piped.pipelines.start("double")  # the first call of a workspace finds its organization
    sent.clear()

    run = await piped.pipelines.start("double", input={"number": 3}, priority=7)

    stop()
    assert len([statement for statement in sent if "notify" not in statement]) == 1
    assert (run.state, run.priority, run.pipeline_version, run.input) == ("queued", 7, 1, {"number": 3})


@pytest.mark.parametrize(
    ("pipeline", "options"),
    [
        ("double", {"documents": [None] * 3}),
        ("double", {"documents": ["a document"] * 3}),
        ("double@production", {"documents": ["a document", None]}),
        ("double@1", {"documents": [None], "delay_seconds": 60}),
    ],
    ids=["of the newest version", "about documents", "of a tag", "later"],
)
async def test_many_runs_are_started_by_one_statement(db, piped, pipeline, options):
    await piped.pipelines.tag("double", "production")
    document = await piped.documents.put("note", {"number": 3})
    documents = [one and document.id for one in options.pop("documents")]
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)

    started = await piped.pipelines.start_many(pipeline, documents, **options)

    stop()
    assert len(started) == len(documents)
    assert len([statement for statement in sent if "notify" not in statement]) == 1


@pytest.mark.parametrize(
    ("pipeline", "is_about", "options"),
    [
        ("double", False, {}),
        (
            "double",
            True,
            {"input": {"number": 3, "a": [1.5, None, "ä"]}, "priority": 9, "concurrency": "key"},
        ),
        ("double@production", True, {"priority": 0}),
        ("double@1", False, {"input": {}}),
        ("double", True, {"unique_key": "nightly", "concurrency": "key"}),
        ("double", False, {"delay_seconds": 60}),
    ],
    ids=["newest", "about a document", "of a tag", "of a version", "with a key", "later"],
)
async def test_a_run_that_is_started_is_the_run_that_is_read(acme, pipeline, is_about, options):
    limited = {"steps": [{"component": "double"}], "retry": {"attempts": 7}, "max_running_per_key": 3}
    await acme.pipelines.put("double", limited)
    await acme.pipelines.tag("double", "production")
    document = await acme.documents.put("note", {"number": 3})
    ann = acme.acting("agent:ann", session="s", correlation="c", causation="d")

    run = await ann.pipelines.start(pipeline, document.id if is_about else None, **options)

    read = await acme.runs.get(run.id)
    assert run.as_dict() == read.as_dict()
    assert (run.pipeline_id, run.position, run.session) == (read.pipeline_id, read.position, "s")
    assert (run.max_attempts, run.correlation) == (7, read.correlation)


async def test_each_run_of_a_call_knows_its_own_place_in_the_log(piped):
    documents = [(await piped.documents.put("note", {"number": n})).id for n in range(3)]

    started = await piped.pipelines.start_many("double", [*documents, None, documents[0]])

    assert [run.as_dict() for run in started] == [(await piped.runs.get(run.id)).as_dict() for run in started]
    assert sorted(run.position for run in started) == [run.position for run in started]


async def test_a_run_comes_into_being_with_the_transaction(piped):
    async with piped.transaction() as tx:
        document = await tx.documents.put("note", {"number": 3})
        run = await tx.pipelines.start("double", document.id)

    assert (await piped.runs.get(run.id)).document_id == document.id


async def test_a_run_of_a_transaction_that_fails_never_was(piped):
    async def fail() -> None:
        async with piped.transaction() as tx:
            await tx.pipelines.start("double")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await states(piped) == {}


async def test_a_run_keeps_the_version_of_its_pipeline(piped):
    """S4-006"""
    run = await piped.pipelines.start("double")
    await piped.pipelines.put("double", [{"component": "double", "config": {"factor": 5}}])

    assert (await piped.runs.get(run.id)).pipeline_version == 1
    assert (await piped.pipelines.start("double")).pipeline_version == 2


async def test_a_tag_or_a_version_says_which_version_of_a_pipeline_runs(piped):
    await piped.pipelines.put("double", [{"component": "double", "config": {"factor": 5}}])
    await piped.pipelines.tag("double", "production", version=1)

    tagged = await piped.pipelines.start("double@production")
    numbered = await piped.pipelines.start("double@2")

    assert (tagged.pipeline_version, numbered.pipeline_version) == (1, 2)


async def test_a_run_is_about_the_version_that_its_document_has_now(piped):
    document = await piped.documents.put("note", {"number": 3})
    run = await piped.pipelines.start("double", document.id)
    await piped.documents.patch(document.id, {"number": 4})

    assert (await piped.runs.get(run.id)).document_version == 1


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("triple", "there is no pipeline 'triple'"),
        ("double@production", "has no tag 'production'"),
        ("double@7", "has no version 7"),
    ],
)
async def test_a_pipeline_that_is_not_there_is_told(piped, pipeline, words):
    with pytest.raises(NotFound, match=words):
        await piped.pipelines.start(pipeline)


async def test_no_run_is_started_when_one_document_is_missing(piped):
    document = await piped.documents.put("note", {"number": 3})

    with pytest.raises(NotFound, match="there is no document"):
        await piped.pipelines.start_many("double", [document.id, uuid.uuid4()])

    assert await states(piped) == {}


@pytest.mark.parametrize("pipeline", ["double", "double@1"])
async def test_a_start_that_finds_a_document_missing_takes_nothing_from_the_quota(db, acme, pipeline, fields):
    await acme.pipelines.put("double", [{"component": "double"}])
    scope = await acme._bind()
    await db.record.system.execute(
        """UPDATE octavo.organization_profile SET settings = '{"runs_per_day": 1}' WHERE id = $1""",
        scope.organization,
    )

    with pytest.raises(NotFound, match="there is no document"):
        await acme.pipelines.start(pipeline, uuid.uuid4())

    assert (await acme.pipelines.start(pipeline)).state == "queued"
    assert [row["started"] for row in await fields("SELECT started FROM octavo.run_quota")] == [1]


async def test_another_organizations_document_is_not_there(db, piped):
    stranger = f"stranger-{uuid.uuid4().hex}"
    await db.organizations.create(stranger)
    document = await db.organization(stranger).documents.put("note", {"number": 3})

    with pytest.raises(NotFound, match="there is no document"):
        await piped.pipelines.start("double", document.id)


async def test_another_organization_sees_no_run(db, piped):
    stranger = f"stranger-{uuid.uuid4().hex}"
    await db.organizations.create(stranger)
    run = await piped.pipelines.start("double")

    with pytest.raises(NotFound):
        await db.organization(stranger).runs.get(run.id)
    with pytest.raises(NotFound):
        await db.organization(stranger).runs.cancel(run.id)
    assert (await db.organization(stranger).runs.list()).runs == []


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"priority": 10}, InvalidInput),
        ({"delay_seconds": -1}, InvalidInput),
        ({"unique_key": ""}, InvalidInput),
        ({"input": {"text": "x" * 1_100_000}}, LimitExceeded),
    ],
)
async def test_what_cannot_be_started_is_refused(piped, options, kind):
    with pytest.raises(kind):
        await piped.pipelines.start("double", **options)


async def test_runs_of_one_call_come_back_in_its_order(piped):
    ids = [(await piped.documents.put("note", {"number": n})).id for n in range(5)]

    runs = await piped.pipelines.start_many("double", ids)

    assert [run.document_id for run in runs] == ids


async def test_two_starts_with_one_key_are_one_run(piped):
    first, second = await asyncio.gather(
        *(piped.pipelines.start("double", unique_key="nightly") for _ in range(2))
    )

    assert first.id == second.id
    assert sorted([first.changed, second.changed]) == [False, True]


async def test_a_key_is_free_again_when_its_run_has_ended(piped):
    first = await piped.pipelines.start("double", unique_key="nightly")
    await piped.runs.cancel(first.id)

    second = await piped.pipelines.start("double", unique_key="nightly")

    assert (second.changed, second.id != first.id) == (True, True)


async def test_a_run_with_a_delay_waits_in_no_queue(piped, fields):
    run = await piped.pipelines.start("double", delay_seconds=3_600)

    assert run.state == "delayed"
    assert await fields("SELECT FROM octavo.run_queue WHERE run_id = $1", run.id) == []


@pytest.mark.parametrize("delay", [0, 3_600])
async def test_a_run_that_waits_can_be_cancelled(piped, delay):
    run = await piped.pipelines.start("double", delay_seconds=delay)

    cancelled = await piped.runs.cancel(run.id)

    assert (cancelled.state, cancelled.has_ended) == ("cancelled", True)
    with pytest.raises(Conflict, match="is cancelled"):
        await piped.runs.cancel(run.id)


async def test_the_events_of_a_run_are_its_stream(piped):
    run = await piped.acting("user:ann", correlation="order-7").pipelines.start("double")
    await piped.runs.cancel(run.id)

    events = await piped.events.stream(f"run-{run.id}")

    assert [(event.type, event.sequence) for event in events] == [("run.queued", 1), ("run.cancelled", 2)]
    assert {event.correlation for event in events} == {"order-7"}
    assert str(events[0].actor) == "user:ann"


async def test_nobody_else_writes_into_the_stream_of_a_run(piped):
    run = await piped.pipelines.start("double")

    with pytest.raises(InvalidInput, match="written by its run alone"):
        await piped.events.append(f"run-{run.id}", "my.event", {})


async def test_pages_of_runs_are_newest_first_and_together_all(piped):
    started = [await piped.pipelines.start("double") for _ in range(5)]

    first = await piped.runs.list(limit=3)
    second = await piped.runs.list(limit=3, before=first.before)

    assert [run.id for run in [*first.runs, *second.runs]] == [run.id for run in reversed(started)]
    assert second.before is None


async def test_runs_are_listed_by_state_pipeline_and_document(piped):
    await piped.pipelines.put("other", [{"component": "double"}])
    document = await piped.documents.put("note", {"number": 3})
    about = await piped.pipelines.start("double", document.id)
    ended = await piped.pipelines.start("double")
    other = await piped.pipelines.start("other")
    await piped.runs.cancel(ended.id)

    async def listed(**wanted):
        return {run.id for run in (await piped.runs.list(**wanted)).runs}

    assert await listed(state="cancelled") == {ended.id}
    assert await listed(state=["queued"]) == {about.id, other.id}
    assert await listed(pipeline="double") == {about.id, ended.id}
    assert await listed(document=document.id) == {about.id}
    with pytest.raises(InvalidInput, match="no state of a run"):
        await listed(state="odd")


async def test_nothing_dead_is_nothing_to_give_up(piped):
    assert await piped.runs.purge_dead(older_than=timedelta(0)) == 0


async def test_a_start_is_left_out_when_its_name_is_no_pipeline_of_this_organization(db, piped):
    stranger = f"stranger-{uuid.uuid4().hex}"
    await db.organizations.create(stranger)

    with pytest.raises(NotFound, match="there is no pipeline"):
        await db.organization(stranger).pipelines.start("double")
