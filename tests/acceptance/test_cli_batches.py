"""`octavo batch`, as typed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace

STEPS = {"steps": [{"component": "count", "config": {"field": "text"}}], "retry": {"attempts": 1}}


@pytest.fixture
def typed(program: Path, place: Path, view: Workspace) -> Any:
    """Type a command for the test's organization; returns its JSON, or its text without --json."""

    async def type_(*words: str, fails: bool = False, input: str | None = None) -> Any:
        organization = str((await view._bind()).organization)
        command = [program, "--data", str(place / "data"), *words, "--org", organization]
        # In a thread: a worker of this process goes on meanwhile.
        run = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, env=os.environ, input=input
        )
        assert (run.returncode != 0) == fails, run.stderr
        if "--json" in words and run.stdout:
            return json.loads(run.stdout)
        return run.stdout or run.stderr

    return type_


@pytest.fixture
async def notes(view: Workspace) -> list[str]:
    """Three documents that can be counted, and a pipeline that does."""
    await view.pipelines.put("counted", STEPS)
    made = await view.documents.put_many([{"type": "note", "body": {"text": "a b"}} for _ in range(3)])
    return [str(document.id) for document in made]


async def test_a_batch_over_a_question_is_started_once_shown_and_listed(typed, notes):
    words = ("batch", "start", "counted", "--type", "note", "--where", '{"text": "a b"}', "--key", "k")
    started = await typed(*words, "--name", "all notes", "--json")
    again = await typed(*words, "--name", "all notes", "--json")

    assert (started["state"], started["runs"], started["changed"]) == ("pending", 3, True)
    assert (again["id"], again["changed"]) == (started["id"], False)
    assert "3 runs: 3 queued" in await typed("batch", "show", started["id"])
    assert "all notes" in await typed("batch", "list")


async def test_a_batch_over_listed_documents_is_cancelled(typed, notes):
    started = await typed("batch", "start", "counted", "-", "--json", input="\n".join(notes))
    cancelled = await typed("batch", "cancel", started["id"], "--json")

    assert (cancelled["state"], cancelled["counts"]["cancelled"]) == ("cancelled", 3)
    assert "is cancelled" in await typed("batch", "cancel", started["id"], fails=True)
    assert (await typed("batch", "purge", "--dry-run", "--json")) == {"batches": 0, "dry_run": True}


async def test_what_failed_is_listed_with_why_and_retried(typed, db, view):
    await view.pipelines.put("counted", STEPS)
    document = await view.documents.put("note", {"title": "nothing to count"})
    started = await typed("batch", "start", "counted", str(document.id), "--json")
    async with db.worker():
        over = await typed("batch", "wait", started["id"], "--json", fails=True)

    assert (over["state"], over["failed"]) == ("failed", 1)
    assert over["counts"]["dead"] == 1
    assert "text" in await typed("batch", "runs", started["id"], "--failed")
    assert await typed("batch", "retry", started["id"], "--json") == {"runs": 1}
    assert await typed("run", "retry-many", "--pipeline", "counted", "--json") == {"runs": 0}
    assert await view.batches.purge(older_than=timedelta(0)) == 0


async def test_a_batch_that_is_watched_tells_how_far_it_is_and_how_it_ended(typed, db, notes):
    async with db.worker():
        lines = await typed("batch", "start", "counted", *notes, "--watch")

    assert "completed" in lines
    assert "3 runs: 3 completed" in lines
