"""`octavo pipeline` and `octavo run`, as typed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace

STEPS = '[{"component": "count", "into": "counts"}]'


@pytest.fixture
def typed(program: Path, place: Path, view: Workspace) -> Any:
    """Type a command for the test's organization; returns its JSON, or its text without --json."""

    async def type_(*words: str, fails: bool = False, **options: Any) -> Any:
        command = [program, "--data", str(place / "data"), *words]
        if "components" not in words:
            command += ["--org", str((await view._bind()).organization)]
        run = _ran(command, options)
        assert (run.returncode != 0) == fails, run.stderr
        return run.stderr if fails else json.loads(run.stdout) if "--json" in words else run.stdout

    return type_


async def test_a_pipeline_is_put_shown_tagged_and_listed(typed):
    put = await typed("pipeline", "put", "counted", "-", "--json", input=STEPS)
    await typed("pipeline", "tag", "counted", "production")

    assert put["version"] == 1
    assert "count" in await typed("pipeline", "show", "counted@production")
    assert [one["name"] for one in await typed("pipeline", "list", "--json")] == ["counted"]


async def test_a_wrong_pipeline_is_one_line(typed):
    told = await typed("pipeline", "put", "wrong", "-", input='[{"component": "sing"}]', fails=True)

    assert told.startswith("octavo: the step 'sing' needs the component 'sing', which is not there")
    assert len(told.splitlines()) == 1


async def test_the_components_in_the_box_are_listed_with_their_schemas(typed):
    found = {one["name"]: one for one in await typed("pipeline", "components", "--json")}

    assert "field" in found["count"]["config"]["properties"]


async def test_a_run_is_started_executed_shown_and_counted(typed, view):
    await view.pipelines.put("counted", json.loads(STEPS))
    document = await view.documents.put("note", {"text": "a b c"})

    run = await typed("run", "start", "counted", str(document.id), "--here", "--json")

    assert (run["state"], run["output"]["count"]["words"]) == ("completed", 3)
    assert "█" in await typed("run", "show", run["id"])
    assert [one["id"] for one in (await typed("run", "list", "--json"))["runs"]] == [run["id"]]
    assert (await typed("pipeline", "stats", "--json"))[0]["completed"] == 1


async def test_a_run_that_has_ended_is_followed_to_its_end_at_once(typed, view):
    await view.pipelines.put("counted", [{"component": "count"}])
    run = await view.pipelines.run("counted", (await view.documents.put("note", {"text": "a b"})).id)

    assert "completed" in await typed("run", "show", str(run.id), "--follow")
    assert (await typed("run", "show", str(run.id), "--follow", "--json"))["state"] == "completed"


async def test_figures_are_told_by_component_and_of_the_whole_organization(typed, view):
    await view.pipelines.put("counted", [{"component": "count"}])
    await view.pipelines.run("counted", (await view.documents.put("note", {"text": "a b"})).id)

    (count,) = await typed("pipeline", "stats", "--by", "component", "--json")
    (whole,) = await typed("pipeline", "stats", "--by", "organization", "--json")

    assert (count["name"], count["completed"], count["cost_usd"]) == ("count 1", 1, "0")
    assert (whole["runs"], whole["success_rate"]) == (1, 1.0)
    assert "count 1" in await typed("pipeline", "stats", "--by", "component")


async def test_a_component_is_put_tagged_shown_listed_used_and_kept_while_it_is_used(typed, view):
    definition = '{"component": "count", "config": {"field": "text"}, "description": "Words of the text"}'
    put = await typed("component", "put", "texts", "-", "--json", input=definition)
    await typed("component", "tag", "texts", "production")
    await view.pipelines.put(
        "counted", {"steps": [{"component": "texts@production"}], "default_for": ["note"]}
    )

    assert put["version"] == 1
    assert "Words of the text" in await typed("component", "show", "texts")
    assert (await typed("component", "show", "texts@production", "--json"))["used_by"] == ["counted"]
    assert [one["name"] for one in await typed("component", "list", "--json")] == ["texts"]
    assert "texts@1" in await typed("pipeline", "show", "counted")
    assert (await typed("pipeline", "default", "note", "--json"))["name"] == "counted"
    assert "used by 1 pipelines: counted" in await typed("component", "delete", "texts", fails=True)


async def test_a_run_that_waits_is_cancelled_and_a_dead_one_retried_or_given_up(typed, view):
    await view.pipelines.put("counted", json.loads(STEPS))
    waiting = await typed("run", "start", "counted", "--delay", "3600", "--json")
    dead = await typed("run", "start", "counted", "--delay", "3600", "--json")

    assert (await typed("run", "cancel", waiting["id"], "--json"))["state"] == "cancelled"
    assert "only a dead run can be retried" in await typed("run", "retry", dead["id"], fails=True)
    assert await typed("run", "purge", "--dry-run", "--json") == {"runs": 0, "dry_run": True}


def _ran(command: list[Any], options: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, **options)
