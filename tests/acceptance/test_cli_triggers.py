"""`octavo trigger`, as typed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace


@pytest.fixture
def typed(program: Path, place: Path, view: Workspace) -> Any:
    """Type a command for the test's organization; returns its JSON, or its text without --json."""

    async def type_(*words: str, fails: bool = False) -> Any:
        organization = str((await view._bind()).organization)
        command = [str(program), "--data", str(place / "data"), *words, "--org", organization]
        ran = await asyncio.to_thread(_ran, command)
        assert (ran.returncode != 0) == fails, ran.stderr
        return ran.stderr if fails else json.loads(ran.stdout) if "--json" in words else ran.stdout

    return type_


@pytest.fixture
async def piped(view: Workspace) -> Workspace:
    await view.pipelines.put("counted", [{"component": "count"}])
    return view


async def test_a_trigger_is_put_paused_resumed_shown_and_deleted(typed, piped):
    where = '{"status": "final"}'
    put = await typed(
        "trigger", "put", "notes", "counted", "--type", "note", "--where", where, "--on", "created", "--json"
    )
    assert (put["on"], put["where"], put["is_paused"]) == (["created"], {"status": "final"}, False)

    assert "paused" in await typed("trigger", "pause", "notes")
    assert "active" in await typed("trigger", "resume", "notes")
    assert (await typed("trigger", "show", "notes", "--json"))["pipeline"] == "counted"
    assert await typed("trigger", "delete", "notes", "--json") == {"trigger": "notes", "deleted": True}
    assert (await typed("trigger", "show", "notes", fails=True)).startswith(
        "octavo: there is no trigger 'notes'"
    )


async def test_what_a_trigger_warns_of_is_listed(typed, piped):
    await piped.triggers.put("notes", "counted", type="note")
    await piped.namespace("octavo").documents.delete((await piped.pipelines.get("counted")).id)
    await piped.documents.put("note", {})

    assert "its pipeline, or that version of it, is not there" in await typed("trigger", "list")


async def test_what_is_missing_is_counted_and_started(typed, piped):
    await piped.documents.put_many([{"type": "note", "body": {"n": n}} for n in range(3)])
    await piped.triggers.put("notes", "counted", type="note")

    counted = await typed("trigger", "backfill", "notes", "--dry-run", "--json")
    started = await typed("run", "start-missing", "counted", "note", "--limit", "2")
    rest = await typed("trigger", "backfill", "notes")

    assert counted == {"examined": 3, "missing": 3, "started": 0, "next": None, "batch": None}
    assert "2 of 2 documents have no run, 2 runs were started" in started
    assert "more: --after" in started
    assert "1 of 3 documents have no run, 1 runs were started" in rest


async def test_what_is_missing_is_started_as_a_batch_and_watched_to_its_end(typed, piped, db):
    await piped.documents.put_many([{"type": "note", "body": {"text": f"n {n}"}} for n in range(3)])
    await piped.triggers.put("notes", "counted", type="note")

    async with db.worker():
        shown = await typed("trigger", "backfill", "notes", "--watch")
    none = await typed("run", "start-missing", "counted", "note", "--batch", "--json")

    assert "3 of 3 documents have no run, 3 runs were started" in shown
    assert "notes counted v1 completed" in shown
    assert "3 runs: 3 completed" in shown
    assert (none["missing"], none["batch"]) == (0, None)


def _ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    # Wide enough for a table's lines to stay whole.
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=wide)
