"""Maintenance removes the runs of batches that are over for as long as the settings want them kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

import octavo
from octavo.errors import InvalidInput
from octavo.operations.ended_runs import drop_old_batches
from octavo.operations.task import Bounds
from octavo.pipelines.starting.batches import settle
from octavo.testing.clock import FakeClock
from octavo.values.batch import Batch
from octavo.workspace import Workspace
from tests.databases import url_of

# The batch began and was over so many days before.
AGE = "UPDATE octavo.batch SET settled_at = clock_timestamp() - make_interval(days => $2::integer) WHERE id = $1"
# Runs that were started by themselves, as if they had belonged to a batch: nobody has to work for it.
JOIN = "UPDATE octavo.run_history SET batch_id = $1 WHERE id = ANY($2::uuid [])"


async def over(view: Workspace, db: octavo.Octavo, runs: int, days: int) -> Batch:
    """A batch of an organization that has been over for so long."""
    document = await view.documents.put("note", {"number": 1})
    batch = await view.batches.start("double", [document.id])
    (mine,) = (await view.batches.runs(batch.id)).runs
    await view.runs.cancel(mine.id)
    others = [await view.pipelines.run("double", document.id, clock=FakeClock()) for _ in range(runs - 1)]
    await db.record.system.execute(JOIN, batch.id, [run.id for run in others])
    await settle(await view._bind(), batch.id)
    await db.record.system.execute(AGE, batch.id, days)
    return await view.batches.get(batch.id)


async def purged(view: Workspace, *batches: Batch) -> list[bool]:
    return [(await view.batches.get(batch.id)).purged_at is not None for batch in batches]


async def left(view: Workspace, batch: Batch) -> int:
    return len((await view.batches.runs(batch.id)).runs)


@pytest.fixture(autouse=True)
async def alone(db: octavo.Octavo) -> None:
    """What other tests have left is gone."""
    await drop_old_batches(db.record.system, Bounds(limit=100_000), days=1)


async def test_batches_that_were_over_for_so_long_lose_their_runs_and_keep_their_sums(
    piped: Workspace, db: octavo.Octavo
):
    """S4-118"""
    old, young = await over(piped, db, 3, days=31), await over(piped, db, 2, days=29)
    (before,) = await piped.pipelines.stats("double")

    done = await drop_old_batches(db.record.system, Bounds(limit=100), days=30)

    assert (done.task, done.examined, done.changed, done.after) == ("batches", 1, 1, None)
    assert await purged(piped, old, young) == [True, False]
    assert (await left(piped, old), await left(piped, young)) == (0, 2)
    after = await piped.batches.get(old.id)
    assert (after.counts, after.counts.completed, after.counts.cancelled) == (old.counts, 2, 1)
    # The figures were added up before.
    (still,) = await piped.pipelines.stats("double", since=_hour_of(old))
    assert (still.completed, still.cancelled) == (before.completed, before.cancelled)


def _hour_of(batch: Batch) -> Any:
    return batch.created_at.replace(minute=0, second=0, microsecond=0)


async def test_a_dry_run_counts_them(piped: Workspace, db: octavo.Octavo):
    old = await over(piped, db, 2, days=31)

    told = await drop_old_batches(db.record.system, Bounds(limit=100, dry_run=True), days=30)

    assert (told.dry_run, told.changed) == (True, 1)
    assert await left(piped, old) == 2


async def test_nothing_is_removed_without_the_setting(piped: Workspace, db: octavo.Octavo):
    old = await over(piped, db, 2, days=10_000)

    assert (await drop_old_batches(db.record.system, Bounds(limit=100), days=0)).changed == 0
    assert await left(piped, old) == 2


async def test_a_piece_is_bounded_and_the_next_one_goes_on(piped: Workspace, db: octavo.Octavo):
    batches = [await over(piped, db, 3, days=40 - age) for age in range(3)]
    await drop_old_batches(db.record.system, Bounds(limit=100_000), days=300)  # adds up first

    steps, after = [], None
    while not steps or after is not None:
        steps.append(await drop_old_batches(db.record.system, Bounds(limit=4, after=after), days=30))
        after = steps[-1].after

    assert len(steps) > 1
    assert sum(step.changed for step in steps) == 3
    assert await purged(piped, *batches) == [True, True, True]


async def test_a_place_that_is_none_is_refused(db: octavo.Octavo):
    with pytest.raises(InvalidInput, match="no place where a run stopped"):
        await drop_old_batches(db.record.system, Bounds(limit=10, after="everywhere"), days=30)


async def test_nothing_is_removed_while_figures_wait_to_be_added_up(piped: Workspace, db: octavo.Octavo):
    old = await over(piped, db, 3, days=31)

    done = await drop_old_batches(db.record.system, Bounds(limit=2), days=30)

    assert (done.changed, done.waits) == (0, "figures are being added up")
    assert await left(piped, old) == 3


async def test_nothing_is_removed_of_an_organization_under_legal_hold(
    piped: Workspace, db: octavo.Octavo, fields: Any
):
    """S4-118"""
    old = await over(piped, db, 2, days=31)
    organization: UUID = (await piped._bind()).organization
    (row,) = await fields("SELECT name FROM octavo.organization_profile WHERE id = $1", organization)
    await db.organizations.hold(row["name"])

    await drop_old_batches(db.record.system, Bounds(limit=100), days=30)

    assert await left(piped, old) == 2
    await db.organizations.hold(row["name"], held=False)


async def test_maintenance_does_it_as_the_setting_says(
    piped: Workspace, db: octavo.Octavo, database: str, server: Any
):
    """S4-118"""
    old = await over(piped, db, 2, days=31)

    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        batch_days=30,
    ) as opened:
        done = {one.task: one for one in await opened.maintain()}

    assert (done["batches"].examined, done["batches"].changed) == (1, 1)
    assert await left(piped, old) == 0
