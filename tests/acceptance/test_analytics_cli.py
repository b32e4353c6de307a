"""Analytics from the command line, in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from octavo.cli.main import app
from octavo.errors import InvalidInput
from octavo.postgres.server import Server


@pytest.fixture(scope="module")
def sold(server: Server, record: Any) -> list[str]:
    """Three tickets of an organization of the module's own."""
    data = ["--data", str(server.running.data)]
    _run(data, "org", "create", "cli-analytics")
    events = [
        *("ticket.sold", '{"amount": 19.90, "channel": "web", "occurred_at": "2026-05-01T10:30:00Z"}'),
        *("ticket.sold", '{"amount": 5.05, "channel": "[door]", "occurred_at": "2026-05-01T11:30:00Z"}'),
        *("ticket.sold", '{"amount": 19.90, "channel": "web", "occurred_at": "2026-05-02T10:30:00Z"}'),
    ]
    _run(data, "stream", "append", "ticket-1", *events, "--org", "cli-analytics")
    return data


def _run(data: list[str], *words: str, fails: bool = False) -> str:
    done = CliRunner().invoke(app, [*data, *words], env={"COLUMNS": "150"})
    assert (done.exit_code != 0) == fails, done.output
    return done.stdout


MAY = ("--org", "cli-analytics", "--since", "2026-05-01T00:00:00Z", "--until", "2026-06-01")


def test_a_series_is_told_as_json(sold: list[str]):
    told = json.loads(
        _run(sold, "analytics", "series", "--every", "day", "-m", "count", "-m", "sum:amount", *MAY, "--json")
    )

    assert told["source"] == "rollups"
    assert [(point["begins"][:10], point["values"]) for point in told["points"]] == [
        ("2026-05-01", {"count": 2, "sum:amount": "24.95"}),
        ("2026-05-02", {"count": 1, "sum:amount": "19.9"}),
    ]


def test_a_series_is_shown_with_bars(sold: list[str]):
    shown = _run(sold, "analytics", "series", "--by", "data.channel", *MAY)

    assert "[door]" in shown
    assert "2 points from facts" in shown
    assert shown.count("█") > 30


def test_facts_are_listed_by_a_condition(sold: list[str]):
    told = json.loads(
        _run(sold, "analytics", "facts", "--where", "data.channel=web", "--org", "cli-analytics", "--json")
    )

    assert [fact["texts"]["amount"] for fact in told] == ["19.9", "19.9"]
    assert "[door]" in _run(sold, "analytics", "facts", "--org", "cli-analytics")


def test_the_live_view_says_when_nothing_happened(sold: list[str]):
    shown = _run(sold, "analytics", "live", "--minutes", "1", "--type", "x.y", "--org", "cli-analytics")

    assert shown == "nothing happened then\n"


def test_engine_and_log_are_compared_and_nothing_is_parked(sold: list[str]):
    assert json.loads(_run(sold, "analytics", "verify", "--json"))["equal"]
    assert json.loads(_run(sold, "analytics", "parked", "--json")) == []
    assert "equal" in _run(sold, "analytics", "verify")


def test_a_condition_or_a_moment_that_is_none_is_refused(sold: list[str]):
    for words in (["--where", "channel"], ["--since", "yesterday"]):
        done = CliRunner().invoke(app, [*sold, "analytics", "series", *words])
        assert isinstance(done.exception, InvalidInput)
