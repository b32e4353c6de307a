"""Questions and bulk changes as scripts use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_cli import Cli
from tests.places import short_place
from tests.records import new_record


@pytest.fixture(scope="module")
def octavo(program: Path) -> Iterator[Cli]:
    """The program, with a server that stays up between the commands, and four tickets."""
    with short_place() as folder:
        cli = Cli(program, new_record(folder / "data"))
        assert cli.json("up")["state"] == "running"
        for n, price in enumerate([10, 0.1, 0.2, "on request"]):
            status = "done" if n % 3 else "open"
            cli.put("ticket", {"n": n, "status": status, "price": price}, "--name", f"T-{n}")
        yield cli


def test_sums_of_groups_have_all_their_digits(octavo):
    said = octavo.done("group", "ticket", "--by", "status", "--sum", "price", "--min", "price", "--json")

    assert '"sum":{"price":0.3}' in said.replace(" ", "")
    found = octavo.json("group", "ticket", "--by", "status", "--sum", "price")
    assert found == {
        "total": 2,
        "groups": [
            {"by": {"status": "done"}, "count": 2, "sum": {"price": 0.3}, "left_out": {"price": 0}},
            {"by": {"status": "open"}, "count": 2, "sum": {"price": 10}, "left_out": {"price": 1}},
        ],
    }


def test_only_some_groups_are_shown_and_that_is_said(octavo):
    said = octavo.done("group", "ticket", "--by", "n", "--limit", 3)

    assert "3 of 4 groups" in said


def test_find_gives_the_asked_fields(octavo):
    found = octavo.json("find", "ticket", "--fields", "n", "--order", "@name")

    assert [doc["body"] for doc in found] == [{"n": n} for n in range(4)]


def test_find_tells_how_it_finds(octavo):
    plan = octavo.json("find", "ticket", "--where", '{"status": "open"}', "--explain")

    assert (plan["rows"], plan["sequential"]) == (2, [])
    assert plan["steps"]


def test_a_bulk_update_can_be_tried_done_and_repeated(octavo):
    words = ("update", "ticket", '{"seen": true}', "--where", '{"status": "done"}')

    tried, done, again = octavo.json(*words, "--dry-run"), octavo.json(*words), octavo.json(*words)

    assert [each["changed"] for each in (tried, done, again)] == [0, 2, 0]
    assert [each["matched"] for each in (tried, done, again)] == [2, 2, 2]
    assert done["position"]
    assert octavo.json("count", "ticket", "--where", '{"seen": true}') == {"count": 2}


def test_too_many_documents_are_refused(octavo):
    said = octavo.refused("update", "ticket", "{}", "--where", "{}", "--max-changed", 3)

    assert "more than 3 documents" in said


def test_documents_are_deleted_after_a_yes_only(octavo):
    for n in range(3):
        octavo.put("spam", {"n": n})
    words = ("delete-many", "spam", "--where", '{"n": {"$lt": 2}}')

    refused = octavo.run(*words, given="n\n")
    assert (refused.returncode, "Delete 2 documents" in refused.stderr) == (1, True)
    assert octavo.json("count", "spam") == {"count": 3}

    assert octavo.json(*words, "--yes")["changed"] == 2
    assert octavo.json("count", "spam") == {"count": 1}
