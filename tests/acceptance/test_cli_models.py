"""`octavo model` and `octavo result`, as typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace

BILLING = {"predicted_category": "billing", "confidence": 0.9, "category_scores": {"billing": 0.9}}
OTHER = {"predicted_category": "other", "confidence": 0.6, "category_scores": {"other": 0.6}}


@pytest.fixture
def typed(program: Path, place: Path, view: Workspace) -> Any:
    """Type a command for the test's organization; returns its JSON, or its text without --json."""

    async def type_(*words: str, fails: bool = False) -> Any:
        command = [program, "--data", str(place / "data"), *words]
        command += ["--org", str((await view._bind()).organization)]
        run = _ran(command)
        assert (run.returncode != 0) == fails, run.stderr
        return run.stderr if fails else json.loads(run.stdout) if "--json" in words else run.stdout

    return type_


async def test_a_model_is_registered_promoted_shown_and_rolled_back(typed, folder: Path):
    weights = folder / "weights.bin"
    weights.write_bytes(b"weights")
    given = ("topic", "--type", "classification", "--artifact", f"weights={weights}")

    made = await typed("model", "register", *given, "--card", '{"performance": {"accuracy": 0.9}}', "--json")
    await typed("model", "register", "topic", "--type", "classification")
    await typed("model", "promote", "topic", "1")
    await typed("model", "promote", "topic")
    back = await typed("model", "rollback", "topic", "--json")

    assert (made["version"], made["artifacts"][0]["bytes"], made["performance"]["accuracy"]) == (1, 7, 0.9)
    assert (back["version"], back["stage"], back["environments"]) == (1, "deployed", ["production"])
    shown = await typed("model", "show", "topic@production", "--history", "--json")
    assert [(move["version"], move["previous"]) for move in shown["history"]] == [(1, 2), (2, 1), (1, None)]
    listed = await typed("model", "list", "--versions")
    assert "v2" in listed
    assert "90.0%" in listed
    await typed("model", "artifact", "topic@1", "weights", str(folder / "copy.bin"))
    assert (folder / "copy.bin").read_bytes() == b"weights"


async def test_what_is_refused_is_one_line(typed, view: Workspace):
    await view.models.register("topic", type="classification")
    await view.models.promote("topic")

    served = await typed("model", "deprecate", "topic", "1", fails=True)
    missing = await typed("model", "show", "topic@9", fails=True)
    unnamed = await typed(
        "model", "register", "m", "--type", "sentiment", "--artifact", "weights", fails=True
    )

    assert served.startswith("octavo: topic@1 is in deployed and cannot become deprecated")
    assert missing.startswith("octavo: topic has no version 9")
    assert unnamed.startswith("octavo: 'weights' names no artifact")
    assert all(len(told.splitlines()) == 1 for told in (served, missing, unnamed))


async def test_two_versions_are_compared_in_a_table_and_as_data(typed, view: Workspace):
    for n in (1, 2):
        await view.models.register("topic", type="classification", parameters={"n": n})
    ticket = await view.documents.put("ticket", {"text": "invoice", "topic": "billing"})
    await view.results.put(ticket.id, "classification", OTHER, model="topic@1")
    await view.results.put(ticket.id, "classification", BILLING, model="topic@2")

    told = await typed("model", "compare", "topic", "1", "2", "--truth", "topic")
    data = await typed("model", "compare", "topic", "1", "2", "--truth", "topic", "--json")

    assert "topic v1 and v2: 1 documents, 0.0% agree" in told
    assert (data["agreement"], data["judged_after"]["accuracy"]) == (0.0, 1.0)
    assert [one["document_id"] for one in data["changed"]] == [str(ticket.id)]


async def test_results_are_listed_shown_found_and_counted(typed, view: Workspace):
    ticket = await view.documents.put("ticket", {"text": "invoice"})
    kept = await view.results.put(ticket.id, "classification", BILLING, model="topic@1")

    page = await typed("result", "list", "--document", str(ticket.id), "--json")
    found = await typed(
        "result", "find", "classification", "--label", "billing", "--least-score", "0.8", "--json"
    )
    filtered = await typed(
        "result", "find", "classification", "--where", '{"confidence": {"$gt": 0.95}}', "--json"
    )

    assert [one["id"] for one in page["results"]] == [one["id"] for one in found] == [str(kept.id)]
    assert filtered == []
    assert "predicted_category" in await typed("result", "show", str(kept.id))
    assert (await typed("result", "group", "classification", "--json"))[0]["documents"] == 1


def _ran(command: list[Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
