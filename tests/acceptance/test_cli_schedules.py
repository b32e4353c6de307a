"""`octavo schedule`, `octavo org configure` and what `octavo run start` waits for, as typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace


@pytest.fixture
def typed(program: Path, place: Path) -> Any:
    """Type a command; returns its JSON, or what it said when it fails."""

    def type_(*words: str, fails: bool = False) -> Any:
        command = [program, "--data", str(place / "data"), *words, "--json"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (ran.returncode != 0) == fails, ran.stderr
        return ran.stderr if fails else json.loads(ran.stdout)

    return type_


@pytest.fixture
async def named(view: Workspace) -> tuple[str, str]:
    """The option that names the test's organization, which has a pipeline `counted`."""
    await view.pipelines.put("counted", [{"component": "count"}])
    return "--org", str((await view._bind()).organization)


async def test_a_schedule_is_put_changed_paused_told_and_deleted(typed, named):
    put = typed(
        "schedule", "put", "daily", "counted", "--cron", "0 6 29 2 *", "--timezone", "Europe/Berlin", *named
    )
    paused = typed("schedule", "pause", "daily", *named)
    shown = typed("schedule", "show", "daily", *named)
    times = typed("schedule", "next", "daily", "-n", "3", *named)
    resumed = typed("schedule", "resume", "daily", *named)

    assert (put["cron"], put["next_at"]) == ("0 6 29 2 *", resumed["next_at"])
    assert (paused["paused"], shown["paused"], shown["history"]) == (True, True, [])
    assert times[0] == put["next_at"]
    assert [one["name"] for one in typed("schedule", "list", *named)] == ["daily"]
    assert typed("schedule", "delete", "daily", *named) == {"deleted": "daily"}
    assert "there is no schedule 'daily'" in typed("schedule", "show", "daily", *named, fails=True)


async def test_a_wrong_calendar_is_one_line_with_the_way_out(typed, named):
    told = typed("schedule", "put", "daily", "counted", "--cron", "often", *named, fails=True)

    assert told.startswith("octavo: 'often' is no cron expression — give minute, hour")
    assert len(told.splitlines()) == 1


async def test_a_run_waits_for_the_one_that_was_named(typed, named):
    first = typed("run", "start", "counted", "--concurrency", "k", *named)
    second = typed("run", "start", "counted", "--after", first["id"], *named)

    assert (first["concurrency"], second["state"], second["waits_for"]) == ("k", "delayed", 1)


async def test_limits_of_an_organization_are_set_and_shown(typed):
    typed("org", "create", "limited")
    typed("org", "configure", "limited", "--max-running", "5", "--runs-per-day", "9", "--run-share", "2")
    shown = typed("org", "configure", "limited", "--max-running", "none")

    assert (shown["max_running"], shown["runs_per_day"], shown["run_share"]) == (None, 9, 2)
    assert typed("org", "show", "limited") == shown
    assert "is no limit" in typed("org", "configure", "limited", "--max-running", "many", fails=True)


async def test_what_an_organization_allows_is_set_shown_and_lifted(typed):
    typed("org", "create", "allowing")
    words = ("--allowed-models", "small, large", "--max-batch-size", "50")

    shown = typed("org", "configure", "allowing", *words)
    lifted = typed("org", "configure", "allowing", "--allowed-models", "none", "--max-batch-size", "none")

    assert (shown["allowed_models"], shown["max_batch_size"]) == (["large", "small"], 50)
    assert (lifted["allowed_models"], lifted["max_batch_size"]) == (None, None)
    assert "is not the name of a model" in typed(
        "org", "configure", "allowing", "--allowed-models", "large@3", fails=True
    )
