"""Schedules: what is due is started once, whoever looks, what was missed as they say, and why nothing is is told."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.pipelines.queueing.queue import Queue
from octavo.pipelines.queueing.upkeep import QueueUpkeep
from octavo.pipelines.starting.schedule_upkeep import ScheduleUpkeep
from octavo.store.scope import unheard

# Nothing is due by itself while the tests run, unless it is the morning of a leap day.
LEAP_DAY = "0 6 29 2 *"
HOURLY = "0 * * * *"


@pytest.fixture
def look(db):
    """Look what is due, as whoever leads does, once with a new look each time."""

    async def step() -> bool:
        return await ScheduleUpkeep(db.record.system, unheard).step()

    return step


@pytest.fixture
def late(db):
    """Turn the clock: let a schedule have been due since some time ago."""

    async def turn(name: str, ago: timedelta = timedelta(seconds=1)) -> datetime:
        row = await db.record.system.fetchrow(
            "UPDATE octavo.schedule SET next_at = clock_timestamp() - $2::interval WHERE name = $1 RETURNING next_at",
            name,
            ago,
        )
        return row["next_at"]

    return turn


@pytest.fixture
async def daily(piped):
    """An organization with a schedule of its own name, which is due on leap days."""
    name = f"daily-{uuid.uuid4().hex}"
    await piped.schedules.put(name, "double", cron=LEAP_DAY, timezone="Europe/Berlin", input={"number": 4})
    return name


async def test_a_schedule_is_what_was_put(piped, daily):
    schedule = await piped.schedules.get(daily)

    assert (schedule.pipeline, schedule.cron, schedule.timezone, schedule.input) == (
        "double",
        LEAP_DAY,
        "Europe/Berlin",
        {"number": 4},
    )
    assert (schedule.catch_up, schedule.overlap, schedule.paused, schedule.last_at) == (
        "last",
        True,
        False,
        None,
    )
    assert schedule.next_at > datetime.now(UTC)
    assert [one.name for one in await piped.schedules.list()] == [daily]


async def test_what_is_due_is_started_by_a_worker(db, piped, daily, late):
    due = await late(daily)

    async with db.worker():
        async for event in piped.events.subscribe(daily):
            if event.type == "run.completed":
                break

    (firing,) = await piped.schedules.history(daily)
    run = await piped.runs.get(firing.run_id)
    schedule = await piped.schedules.get(daily)
    assert (run.state, run.output) == ("completed", {"double": {"number": 8}})
    assert (firing.due_at, firing.problem, schedule.last_at) == (due, None, due)
    assert schedule.next_at > datetime.now(UTC)
    (queued, *_) = await piped.events.stream(f"run-{run.id}")
    assert (queued.type, queued.data["schedule"]) == ("run.queued", daily)


async def test_each_time_is_seen_to_once_however_many_look(piped, daily, late, look):
    for _ in range(3):
        await late(daily)
        await asyncio.gather(*(look() for _ in range(6)))

    firings = await piped.schedules.history(daily)
    assert (len(firings), len({one.run_id for one in firings})) == (3, 3)
    assert len((await piped.runs.list()).runs) == 3


async def test_one_that_was_seen_due_and_moved_on_meanwhile_starts_nothing(db, piped, daily, late, look):
    """Another leader fires between our look and our statement, or one is killed in between."""
    await late(daily)
    stale = ScheduleUpkeep(db.record.system, unheard)
    fire = stale._fire

    async def fire_late(moves) -> None:
        await look()
        await fire(moves)

    stale._fire = fire_late
    await stale.step()

    assert len(await piped.schedules.history(daily)) == 1
    assert len((await piped.runs.list()).runs) == 1


@pytest.mark.parametrize(("catch_up", "runs"), [("last", 1), ("all", 3), ("none", 0)])
async def test_times_that_nobody_saw_to_are_made_up_for_as_it_says(piped, late, look, catch_up, runs):
    """Due every day at the time that it was an hour and a half ago, and nobody was there for two days."""
    name = f"missed-{uuid.uuid4().hex}"
    was = datetime.now(UTC) - timedelta(minutes=90)
    await piped.schedules.put(name, "double", cron=f"{was.minute} {was.hour} * * *", catch_up=catch_up)
    await late(name, timedelta(days=2, minutes=95))

    await look()

    schedule = await piped.schedules.get(name)
    assert len((await piped.runs.list()).runs) == runs
    assert schedule.problem == (None if runs else "missed")


async def test_a_paused_one_is_not_due_and_a_resumed_one_is_from_now_on(piped, daily, late, look):
    await late(daily)
    paused = await piped.schedules.pause(daily)
    await look()
    resumed = await piped.schedules.resume(daily)
    await look()

    assert (paused.paused, paused.next_at) == (True, None)
    assert (resumed.paused, resumed.next_at > datetime.now(UTC)) == (False, True)
    assert await piped.schedules.history(daily) == []


async def test_one_that_is_put_again_with_the_same_calendar_is_still_due(piped, daily, late, look):
    await late(daily)

    again = await piped.schedules.put(daily, "double", cron=LEAP_DAY, timezone="Europe/Berlin", priority=9)
    other = await piped.schedules.put(daily, "double", cron=HOURLY, timezone="Europe/Berlin")

    assert (again.next_at < datetime.now(UTC), again.priority) == (True, 9)
    assert other.next_at > datetime.now(UTC)
    assert other.id == again.id


async def test_without_overlap_none_is_started_while_one_waits(piped, late, look):
    name = f"single-{uuid.uuid4().hex}"
    await piped.schedules.put(name, "double", cron=LEAP_DAY, overlap=False)
    for _ in range(2):
        await late(name)
        await look()

    assert len((await piped.runs.list()).runs) == 1
    assert [one.problem for one in await piped.schedules.history(name)] == ["overlap", None]


async def test_a_tag_says_each_time_which_version_runs(piped, late, look):
    name = f"tagged-{uuid.uuid4().hex}"
    await piped.pipelines.tag("double", "production")
    await piped.schedules.put(name, "double@production", cron=LEAP_DAY)
    await piped.pipelines.put("double", [{"component": "double", "config": {"factor": 5}}])
    for move in (False, True):
        if move:
            await piped.pipelines.tag("double", "production", version=2)
        await late(name)
        await look()

    assert [run.pipeline_version for run in (await piped.runs.list()).runs] == [2, 1]


@pytest.mark.parametrize("what", ["pipeline_gone", "document_gone", "quota_exceeded"])
async def test_why_nothing_was_started_is_told_and_others_are(db, piped, daily, late, look, what):
    name = f"broken-{uuid.uuid4().hex}"
    organization = f"broken-{uuid.uuid4().hex}"
    await db.organizations.create(organization)
    acme = db.organization(organization)
    pipeline = await acme.pipelines.put("double", [{"component": "double"}])
    document = await acme.documents.put("note", {"number": 3})
    await acme.schedules.put(name, "double", cron=LEAP_DAY, document=document.id)
    match what:
        case "pipeline_gone":
            await acme.namespace("octavo").documents.delete(pipeline.id)
        case "document_gone":
            await acme.documents.delete(document.id)
        case "quota_exceeded":
            await db.organizations.configure(organization, runs_per_day=0)
    await late(name)
    await late(daily)

    await look()

    schedule = await acme.schedules.get(name)
    (firing,) = await acme.schedules.history(name)
    assert (schedule.problem, firing.problem, firing.run_id) == (what, what, None)
    assert schedule.next_at > datetime.now(UTC)
    assert len((await piped.runs.list()).runs) == 1


async def test_a_time_zone_that_this_machine_does_not_know_stops_nothing(db, piped, daily, late, look):
    await db.record.system.execute("UPDATE octavo.schedule SET timezone = 'Mars/Base' WHERE name = $1", daily)
    await late(daily)

    await look()

    schedule = await piped.schedules.get(daily)
    assert (schedule.problem, schedule.next_at > datetime.now(UTC)) == ("unknown_calendar", True)


async def test_hundreds_that_are_due_at_once_are_started_page_by_page(db, piped, look):
    for number in range(130):
        await piped.schedules.put(f"many-{number}", "double", cron=LEAP_DAY)
    await db.record.system.execute("UPDATE octavo.schedule SET next_at = now() - interval '1 second'")

    more = await look()
    rest = await look()

    assert (more, rest) == (True, False)
    assert len((await piped.runs.list(limit=1_000)).runs) == 130


async def test_a_part_of_the_upkeep_that_fails_does_not_stop_the_others(db, piped, daily, late):
    async def fail() -> bool:
        raise InvalidInput("broken")

    await late(daily)
    system = db.record.system
    upkeep = QueueUpkeep(system, Queue(system), unheard, [fail, ScheduleUpkeep(system, unheard).step])

    with pytest.raises(InvalidInput, match="broken"):
        await upkeep.step()

    await upkeep.stop()
    assert len(await piped.schedules.history(daily)) == 1


async def test_next_times_are_told_as_if_it_were_not_paused(piped, daily):
    before = await piped.schedules.next(daily, 3)
    await piped.schedules.pause(daily)

    assert await piped.schedules.next(daily, 3) == before
    assert {f"{one.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" for one in before} == {"06:00"}
    assert len(set(before)) == 3
    with pytest.raises(LimitExceeded):
        await piped.schedules.next(daily, 10_000)


async def test_runs_of_a_deleted_schedule_stay(piped, daily, late, look):
    await late(daily)
    await look()

    await piped.schedules.delete(daily)

    assert len((await piped.runs.list()).runs) == 1
    with pytest.raises(NotFound):
        await piped.schedules.get(daily)


async def test_another_organization_sees_no_schedule(db, piped, daily):
    stranger = f"stranger-{uuid.uuid4().hex}"
    await db.organizations.create(stranger)
    theirs = db.organization(stranger).schedules

    assert await theirs.list() == []
    for call in (theirs.get, theirs.pause, theirs.resume, theirs.delete, theirs.next, theirs.history):
        with pytest.raises(NotFound):
            await call(daily)
    assert (await piped.schedules.get(daily)).paused is False


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"cron": "often"}, InvalidInput),
        ({"timezone": "Mars/Base"}, InvalidInput),
        ({"priority": 10}, InvalidInput),
        ({"catch_up": "some"}, InvalidInput),
        ({"input": {"text": "x" * 1_100_000}}, LimitExceeded),
        ({"document": uuid.UUID(int=1)}, NotFound),
    ],
    ids=str,
)
async def test_what_cannot_be_scheduled_is_refused(piped, options, kind):
    with pytest.raises(kind):
        await piped.schedules.put("wrong", "double", **{"cron": LEAP_DAY, **options})

    assert await piped.schedules.list() == []


@pytest.mark.parametrize("pipeline", ["nothing", "double@production", "double@7"])
async def test_a_pipeline_that_is_not_there_is_not_scheduled(piped, pipeline):
    with pytest.raises(NotFound):
        await piped.schedules.put("wrong", pipeline, cron=LEAP_DAY)
