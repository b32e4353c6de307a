"""Listings on a terminal: nothing is wider than it, ids are whole, and what is shared is told once."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console, RenderableType

from octavo.cli import listing
from octavo.values.actor import Actor
from octavo.values.document import Document
from octavo.values.group import Group, Groups
from octavo.values.json import encode
from octavo.values.plan import Plan, Step
from octavo.values.position import START

LONG = "/home/ann/Documents/2026/Contracts and other papers/Supply agreement with Acme, second draft.docx"


def document(number: int, body: Any = None, **fields: Any) -> Document:
    given: dict[str, Any] = {"type": "word", "name": LONG, "updated_by": Actor("ann")} | fields
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    return Document(
        id=UUID(int=2**127 + number),
        namespace="default",
        version=12,
        created_at=moment,
        created_by=Actor("ann"),
        updated_at=moment,
        deleted_at=None,
        position=START,
        raw_body=encode(body or {}),
        raw_metadata=b"{}",
        **given,
    )


def printed(shown: RenderableType, width: int) -> list[str]:
    """The lines on a terminal of this width."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(shown)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 99])
def test_on_a_narrow_terminal_a_document_has_two_lines_and_its_whole_id(width):
    found = [document(n) for n in range(3)]

    head, *lines = printed(listing.documents(found, width), width)

    assert head == "3 documents: word by user:ann"
    assert len(lines) == 6
    assert [line.split()[0] for line in lines[1::2]] == [str(doc.id) for doc in found]
    assert all(line.startswith("Supply agreement") for line in lines[::2])
    assert all("v12 2026-01-31" in line for line in lines[::2])
    assert max(map(len, [head, *lines])) <= width


@pytest.mark.parametrize("width", [100, 110, 160])
def test_on_a_wide_terminal_a_document_has_one_line(width):
    found = [document(1), document(2, type="markdown", name="short"), document(3, updated_by=Actor("bo"))]

    head, columns, *lines = printed(listing.documents(found, width), width)

    assert head == "3 documents"
    assert columns.split() == ["id", "name", "type", "version", "updated", "by"]
    assert [line.split()[0] for line in lines] == [str(doc.id) for doc in found]
    assert [line.rstrip().rsplit(" ", 1)[1] for line in lines] == ["user:ann", "user:ann", "user:bo"]
    assert max(map(len, lines)) <= width


def test_a_document_without_a_name_is_shown_by_its_title():
    lines = printed(listing.documents([document(1, {"title": "Fire\n drill"}, name=None)], 80), 80)

    assert lines[1].startswith("Fire drill ")


def test_markup_in_a_name_is_text():
    lines = printed(listing.documents([document(1, name="[red]danger[/]")], 80), 80)

    assert "[red]danger[/]" in lines[1]


def test_asked_fields_are_columns():
    body = {"title": "Emma", "author": {"name": "Jane"}, "rounds": [{"by": "ann"}, {"by": "bo"}], "on": True}

    lines = printed(
        listing.with_fields([document(1, body)], ["title", "author.name", "rounds.by", "on", "no"]), 110
    )

    assert lines[0].split() == ["id", "title", "author.name", "rounds.by", "on", "no"]
    assert lines[1].split(maxsplit=1)[1].split("  ")[0] == "Emma"
    assert '["ann", "bo"]' in lines[1]
    assert lines[1].split()[-2:] == ["true", "–"]


def test_groups_are_a_line_each_with_rounded_numbers():
    rows = [
        Group(by={"status": "done"}, count=3, avg={"price": Decimal(10) / 3}, left_out={"price": 0}),
        Group(by={"status": None}, count=1, avg={"price": None}, left_out={"price": 1}),
    ]

    lines = printed(listing.groups(Groups(rows, 2)), 80)

    assert [line.split() for line in lines] == [
        ["status", "count", "avg", "price", "no", "price"],
        ["done", "3", "3.3333", "0"],
        ["–", "1", "–", "1"],
    ]


def test_no_groups_are_no_lines():
    assert [line.strip() for line in printed(listing.groups(Groups([], 0)), 80)] == ["count"]


def test_a_plan_names_its_index_and_marks_estimates_that_are_far_off():
    read = {"depth": 1, "kind": "Index Scan", "table": "document_filter", "index": "document_filter_created"}
    numbers = {"cost": 8.5, "looked_at": 101.0, "blocks": 7, "milliseconds": 0.5}
    answer = Step(
        **{**read, "depth": 0, "kind": "Limit", "table": None, "index": None}, **numbers, estimated=1, rows=1
    )
    plan = Plan(
        steps=[answer, Step(**read, **numbers, estimated=1, rows=101)], planning_ms=1.0, execution_ms=2.0
    )

    lines = printed(listing.plan(plan), 80)

    assert lines[0].startswith("document_filter_created leads: 101 looked at · 1 found · 7 blocks · 2.0 ms")
    assert any(
        line.split() == ["Index", "Scan", "document_filter_created", "101", "1", "8", "7", "0.50"]
        for line in lines
    )
    assert "more than ten times off" in lines[-1]
    assert max(map(len, lines)) <= 80
