"""Documents whose result is of another version of a model than the one that is deployed now."""

from __future__ import annotations

import json

import pytest

import octavo
from octavo.postgres.server import Server
from octavo.workspace import Workspace
from tests.committed.runs.judging import topic
from tests.databases import url_of


@pytest.fixture(scope="module")
async def db(server: Server, database: str):
    async with octavo.open(
        url_of(server, "octavo_app", database),
        record_system=url_of(server, "octavo_system", database),
        background=False,
        components=[topic],
    ) as opened:
        yield opened


@pytest.fixture
async def judged(acme: Workspace) -> Workspace:
    """An organization whose ticket was judged by the first of two versions of a model, the first of them deployed."""
    for words in (["invoice"], ["invoice", "refund"]):
        data = json.dumps(words).encode()
        await acme.models.register("desk", type="classification", artifacts={"words": data})
    await acme.models.promote("desk", 1)
    await acme.pipelines.put("judge", [{"component": "topic", "config": {"model": "desk@production"}}])
    await acme.triggers.put("tickets", "judge", type="ticket")
    await acme.triggers.pause("tickets")
    ticket = await acme.documents.put("ticket", {"text": "refund"})
    await acme.pipelines.run("judge", ticket.id)
    return acme


async def missing(view: Workspace, environment: str | None = "production") -> int:
    """How many tickets have no run that tells of them as the model is now."""
    counted = await view.triggers.backfill("tickets", environment=environment, dry_run=True)
    return counted.missing


async def test_a_result_of_an_older_model_is_made_anew_once(db, judged):
    before = await missing(judged)
    await judged.models.promote("desk", 2)
    unasked, after = await missing(judged, None), await missing(judged)

    await judged.pipelines.start_missing("judge", type="ticket", environment="production")
    waiting = await missing(judged)
    async with db.worker():
        (run,) = (await judged.runs.list(state=["queued", "running", "completed"], limit=1)).runs
        await judged.runs.wait(run.id)

    assert (before, unasked, after, waiting, await missing(judged)) == (0, 0, 1, 0, 0)


async def test_a_model_that_was_rolled_back_is_the_deployed_one(judged):
    await judged.models.promote("desk", 2)
    await judged.models.rollback("desk")

    assert await missing(judged) == 0
