"""`octavo template`, as typed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.workspace import Workspace

SECTION = {"id": "a", "name": "{{ title }}", "text": "Dear {{ name }}.", "word_range": [3, 9]}
TEMPLATE = {"structure": {"sections": [SECTION]}}


@pytest.fixture
def typed(program: Path, place: Path, view: Workspace) -> Any:
    """Type a command for the test's organization; returns the process."""

    async def type_(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        organization = str((await view._bind()).organization)
        command = [program, "--data", str(place / "data"), "template", *words, "--org", organization]
        environment = {**os.environ, "COLUMNS": "200"}
        return _ran(command, environment, options)

    return type_


async def test_a_template_is_put_tagged_shown_listed_and_filled(typed):
    put = json.loads((await typed("put", "letter", "-", "--json", input=json.dumps(TEMPLATE))).stdout)
    tagged = json.loads((await typed("tag", "letter", "production", "--json")).stdout)
    shown = (await typed("show", "letter@production")).stdout
    listed = json.loads((await typed("list", "--json")).stdout)
    filled = await typed("render", "letter", "--data", '{"title": "Hi", "name": "Ann"}')

    assert (put["version"], tagged["version"], [one["name"] for one in listed]) == (1, 1, ["letter"])
    assert "Dear {{ name }}." in shown
    assert "3–9" in shown
    assert filled.returncode == 0, filled.stderr
    assert filled.stdout == "# Hi\n\nDear Ann.\n"
    assert "a: 2 words, and shall have 3 to 9" in filled.stderr


async def test_a_missing_variable_is_one_line(typed, view):
    await view.templates.put("letter", TEMPLATE)

    told = await typed("render", "letter")

    assert told.returncode == 1, told.stderr
    assert told.stderr.startswith("octavo: a.text needs 'name', which is not given")
    assert len(told.stderr.splitlines()) == 1


def _ran(command: list[Any], environment: dict[str, str], options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)
