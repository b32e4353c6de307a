"""Triggers and the quota of the day: no change is refused; its run is owed, and started when there is room."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest

import octavo
from octavo.pipelines.starting.owed import OwedUpkeep
from octavo.workspace import Workspace


@pytest.fixture
async def named(db: octavo.Octavo) -> str:
    """An organization with the pipeline `double`, one run a day, and a trigger on notes."""
    name = f"acme-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    acme = db.organization(name)
    await acme.pipelines.put("double", [{"component": "double"}])
    await acme.triggers.put("notes", "double", type="note")
    await db.organizations.configure(name, runs_per_day=1)
    return name


@pytest.fixture
def acme(db: octavo.Octavo, named: str) -> Workspace:
    return db.organization(named)


async def owed(db: octavo.Octavo) -> int:
    (row,) = await db.record.system.fetch("SELECT count(*) AS n FROM octavo.run_owed")
    return int(row["n"])


async def catch_up(db: octavo.Octavo) -> None:
    """What whoever leads does, until nothing is left to do now."""
    upkeep = OwedUpkeep(db.record.system, db._scope)
    while await upkeep.step():
        pass


async def next_day(db: octavo.Octavo) -> None:
    await db.record.system.execute("UPDATE octavo.run_quota SET day = day - 1")


@pytest.fixture(autouse=True)
async def nothing_owed(db: octavo.Octavo, nothing_waits: None) -> None:
    await db.record.system.execute("DELETE FROM octavo.run_owed")


async def about(view: Workspace) -> list[tuple[uuid.UUID | None, int | None]]:
    return [(run.document_id, run.document_version) for run in (await view.runs.list()).runs]


async def test_a_change_beyond_the_quota_is_made_and_its_trigger_says_why_it_started_nothing(db, named, acme):
    first = await acme.documents.put("note", {"number": 1})
    second = await acme.documents.put("note", {"number": 2})

    assert (second.version, await about(acme)) == (1, [(first.id, 1)])
    trigger = await acme.triggers.get("notes")
    assert (trigger.stopped_reason, trigger.stopped_document_id) == ("quota", second.id)
    assert "as many runs that day" in str(trigger.warning)
    told = (await acme.events.stream(f"document-{second.id}"))[-1]
    assert (told.type, told.data["trigger"], told.data["reason"]) == ("trigger.stopped", "notes", "quota")
    assert (await db.organizations.run_limits(named)).started_today == 1


async def test_what_a_day_did_not_allow_is_started_on_the_next_and_counts_there(db, named, acme):
    await acme.documents.put("note", {})
    second, third = [await acme.acting("user:ann", session="s").documents.put("note", {}) for _ in range(2)]

    await catch_up(db)
    assert len(await about(acme)) == 1

    await next_day(db)
    await catch_up(db)
    assert await owed(db) == 1
    (run,) = (await acme.runs.list(document=second.id)).runs
    assert (run.trigger, run.document_version, str(run.actor), run.session) == ("notes", 1, "user:ann", "s")

    await next_day(db)
    await catch_up(db)
    assert len((await acme.runs.list(document=third.id)).runs) == 1
    assert await owed(db) == 0


async def test_a_worker_catches_up_when_the_quota_is_raised(db, named, acme):
    documents = [await acme.documents.put("note", {"number": n}) for n in range(5)]
    await db.organizations.configure(named, runs_per_day=100)

    async with db.worker():
        wakeup = db._parts.wakeup
        while await owed(db):
            await wakeup.wait(1.0, since=wakeup.count)
        for document in documents:
            (run,) = (await acme.runs.list(document=document.id)).runs
            assert (await acme.runs.wait(run.id)).state == "completed"


async def test_of_many_changes_of_a_document_one_run_is_owed_about_the_newest(db, named, acme):
    await acme.documents.put("note", {})
    document = await acme.documents.put("note", {"number": 1})
    for number in range(2, 5):
        await acme.documents.patch(document.id, {"number": number})
    assert await owed(db) == 1

    await next_day(db)
    await catch_up(db)

    (run,) = (await acme.runs.list(document=document.id)).runs
    assert run.document_version == 4


async def test_what_a_later_change_has_started_is_not_started_again(db, named, acme):
    await acme.documents.put("note", {})
    document = await acme.documents.put("note", {"number": 1})
    await db.organizations.configure(named, runs_per_day=100)
    await acme.documents.patch(document.id, {"number": 2})

    await catch_up(db)

    (run,) = (await acme.runs.list(document=document.id)).runs
    assert (run.document_version, await owed(db)) == (2, 0)


async def test_nothing_is_owed_any_more_of_what_is_gone_or_wanted_no_more(db, named, acme):
    await acme.triggers.put("finals", "double", type="paper", where={"final": True})
    await acme.documents.put("note", {})
    gone = await acme.documents.put("note", {})
    changed = await acme.documents.put("paper", {"final": True})
    assert await owed(db) == 2
    await acme.documents.delete(gone.id)
    await acme.triggers.pause("finals")
    await acme.documents.patch(changed.id, {"final": False})
    await acme.triggers.resume("finals")
    await next_day(db)

    await catch_up(db)

    assert (len(await about(acme)), await owed(db)) == (1, 0)


async def test_a_paused_trigger_is_caught_up_with_when_it_is_resumed(db, named, acme):
    await acme.documents.put("note", {})
    document = await acme.documents.put("note", {})
    await acme.triggers.pause("notes")
    await next_day(db)
    await catch_up(db)
    assert (await acme.runs.list(document=document.id)).runs == []

    await acme.triggers.resume("notes")
    await catch_up(db)

    assert len((await acme.runs.list(document=document.id)).runs) == 1


async def test_a_deleted_trigger_owes_nothing(db, named, acme):
    await acme.documents.put_many([{"type": "note", "body": {}}] * 3)
    assert await owed(db) == 2
    await acme.triggers.delete("notes")

    await catch_up(db)

    assert (await owed(db), len(await about(acme))) == (0, 1)


async def test_a_change_that_is_rolled_back_owes_nothing(db, named, acme):
    await acme.documents.put("note", {})

    with suppress(ZeroDivisionError):
        async with acme.transaction() as tx:
            await tx.documents.put("note", {})
            raise ZeroDivisionError

    assert await owed(db) == 0


async def test_another_organization_catches_up_while_one_is_held_up(db, named, acme):
    other = f"other-{uuid.uuid4().hex}"
    await db.organizations.create(other)
    view = db.organization(other)
    await view.pipelines.put("double", [{"component": "double"}])
    await view.triggers.put("notes", "double", type="note")
    await db.organizations.configure(other, runs_per_day=0)
    for one in (acme, view):
        await one.documents.put_many([{"type": "note", "body": {}}] * 3)
    await db.organizations.configure(other, runs_per_day=None)

    await catch_up(db)

    assert (len(await about(view)), len(await about(acme)), await owed(db)) == (3, 1, 2)
