"""`octavo model train` and `octavo model train-topics`, as typed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace
from tests.unit.components.tickets import TICKETS

FROM_TICKETS = ("--type", "ticket", "--text", "text")


@pytest.fixture
async def desk(view: Workspace) -> Workspace:
    """The test's organization, with judged tickets."""
    await view.documents.put_many(
        [
            {"type": "ticket", "body": {"text": line.strip(), "topic": topic}}
            for topic, lines in TICKETS.items()
            for line in lines.splitlines()
        ]
    )
    return view


@pytest.fixture
def typed(program: Path, place: Path, desk: Workspace) -> Any:
    """Type a command for the test's organization and give its process back."""

    async def type_(*words: str) -> subprocess.CompletedProcess[str]:
        organization = str((await desk._bind()).organization)
        command = [program, "--data", str(place / "data"), "model", *words, "--org", organization]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

    return type_


async def test_a_classifier_is_trained_on_the_documents_a_filter_holds_for(typed):
    """S0-157, S0-158."""
    where = '{"topic": {"$in": ["billing", "login"]}}'

    made = await typed("train", "topic", *FROM_TICKETS, "--label", "topic", "--where", where, "--json")

    model = json.loads(made.stdout)
    assert (model["version"], model["stage"]) == (1, "validation")
    assert model["training_data"]["labels"] == ["billing", "login"]
    assert model["performance"]["accuracy"] > model["performance"]["benchmark_results"]["majority"]


async def test_what_a_trained_classifier_does_is_told_by_label(typed):
    told = (await typed("train", "topic", *FROM_TICKETS, "--label", "topic")).stdout

    assert told.startswith("topic v1 validation")
    assert "the commonest label alone: 33.3%" in told
    assert {"billing", "delivery", "login"} <= set(told.split())


async def test_topics_are_told_by_their_words(typed):
    told = (await typed("train-topics", "topics", *FROM_TICKETS, "--topics", "2")).stdout

    assert told.startswith("topics v1 validation")
    assert "payment, " in told


async def test_too_few_documents_are_one_line(typed):
    refused = await typed("train-topics", "topics", *FROM_TICKETS)

    assert refused.returncode != 0
    assert refused.stderr.startswith("octavo: 45 different texts for 20 topics")
    assert len(refused.stderr.splitlines()) == 1
