"""Queries that are kept with consent, and engines of analytics, at the command line, in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from octavo.cli.main import app
from octavo.postgres.server import Server


@pytest.fixture(scope="module")
def data(server: Server, record: Any) -> list[str]:
    """The options that name the database, where an organization of the module's own has a note."""
    data = ["--data", str(server.running.data)]
    _run(data, "org", "create", "cli-queries")
    _run(data, "put", "note", "--body", "-", "--org", "cli-queries", given='{"text": "money back"}')
    return data


def _run(data: list[str], *words: str, given: str | None = None) -> str:
    done = CliRunner().invoke(app, [*data, *words], env={"COLUMNS": "150"}, input=given)
    assert done.exit_code == 0, done.output
    return done.stdout


ORG = ("--org", "cli-queries")


def test_queries_are_kept_with_consent_and_erased(data: list[str]) -> None:
    ann = [*data, "--actor", "user:ann"]
    _run(ann, "search", "money", "--remember", *ORG)
    nothing = _run(data, "query", "list", *ORG)
    allowed = json.loads(_run(data, "query", "allow", "user:ann", "--days", "3", "--json", *ORG))
    _run(ann, "search", "money", "--remember", *ORG)
    kept = json.loads(_run(data, "query", "list", "--actor", "user:ann", "--json", *ORG))
    shown = _run(data, "query", "list", *ORG)
    consents = _run(data, "query", "consents", *ORG)
    erased = json.loads(_run(data, "query", "erase", "user:ann", "--yes", "--json", *ORG))

    assert "nothing is kept" in nothing
    assert (allowed["actor"], allowed["days"]) == ("user:ann", 3)
    assert [(one["text"], one["found"], one["actor"]) for one in kept] == [("money", 1, "user:ann")]
    assert "money" in shown
    assert "user:ann" in consents
    assert erased == {"actor": "user:ann", "erased": 1}
    assert json.loads(_run(data, "query", "consents", "--json", *ORG)) == []


def test_analytics_is_among_the_engines_and_can_be_compared(data: list[str]) -> None:
    listed = json.loads(_run(data, "engines", "list", "--json"))
    compared = json.loads(_run(data, "engines", "verify", "analytics", "--json"))
    shown = _run(data, "engines", "verify", "analytics")

    assert [one["url"] for one in listed if one["role"] == "analytics"] == ["postgres"]
    assert compared["equal"]
    assert compared["days"] == []
    assert "events at" in shown
    assert json.loads(_run(data, "engines", "parked", "analytics", "--json")) == []
    assert json.loads(_run(data, "engines", "retry", "analytics", "--json")) == {"taken": 0, "parked": []}
