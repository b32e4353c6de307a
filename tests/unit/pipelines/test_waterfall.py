"""A run on a terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import msgspec
import pytest
from rich.console import Console

from octavo.cli.waterfall import money, told
from octavo.values.account import Metrics, Progress
from octavo.values.actor import Actor
from octavo.values.position import Position
from octavo.values.run import Run, StepDone

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def step(name, begun, ended, **more):
    moments = {"started_at": BEGIN + timedelta(seconds=begun), "ended_at": BEGIN + timedelta(seconds=ended)}
    return StepDone(name=name, attempt=more.pop("attempt", 2), component=f"{name} 1", **moments, **more)


RUN = Run(
    id=uuid4(),
    pipeline="digest",
    pipeline_id=uuid4(),
    pipeline_version=3,
    document_id=None,
    document_version=None,
    priority=5,
    state="completed",
    attempt=2,
    max_attempts=5,
    unique_key=None,
    created_at=BEGIN,
    started_at=BEGIN,
    ended_at=BEGIN + timedelta(seconds=10),
    actor=Actor("ann"),
    session=None,
    correlation=None,
    position=Position(0, 0, 0, 0),
)


def lines(run):
    """The lines by the name they begin with, and all of them."""
    console = Console(width=160, record=True, file=StringIO())
    console.print(told(run))
    text = console.export_text()
    return {line.split()[0]: line for line in text.splitlines() if line.strip()}, text


def test_bars_lie_where_their_steps_were():
    found, _ = lines(msgspec.structs.replace(RUN, steps=(step("a", 0, 5), step("b", 5, 10))))

    first, second = (re.search("█+", found[name]) for name in ("a", "b"))
    assert len(first[0]) == len(second[0]) == 20
    assert second.start() - first.start() == 20


def test_what_was_skipped_reused_and_repeated_says_so():
    found, _ = lines(
        msgspec.structs.replace(
            RUN,
            steps=(
                step("old", 0, 1, attempt=1),
                step("left", 1, 1, state="skipped"),
                step("each", 1, 2, items=12, items_failed=2),
                step("again", 2, 3, metrics=Metrics(tries=3)),
            ),
        )
    )

    assert re.search("░.*reused from attempt 1", found["old"])
    assert re.search("^[^█]*skipped", found["left"])
    assert "12 items, 2 failed" in found["each"]
    assert "3 tries" in found["again"]


def test_what_was_used_is_told_by_step_and_together():
    used = Metrics(tokens_in=1_000, tokens_out=200, cost_usd=Decimal("0.0123"))

    found, text = lines(
        msgspec.structs.replace(RUN, steps=(step("a", 0, 1, metrics=used), step("b", 1, 2, metrics=used)))
    )

    assert "1,200 tokens · $0.0123" in found["a"]
    assert "2,400 tokens · $0.0246" in text


def test_the_step_that_failed_has_a_line_and_the_reason():
    error = msgspec.json.encode({"code": "timeout", "message": "too slow", "step": "b"})

    found, text = lines(
        msgspec.structs.replace(RUN, state="dead", ended_at=None, steps=(step("a", 0, 1),), raw_error=error)
    )

    assert "failed" in found["b"]
    assert "timeout in the step b: too slow" in text


def test_a_step_under_way_has_its_progress():
    found, _ = lines(
        msgspec.structs.replace(
            RUN, state="running", ended_at=None, progress={"read": Progress(5, 10, "pages"), "b": Progress(3)}
        )
    )

    assert re.search("█{20}·{20} +5/10 pages +running", found["read"])
    assert "3" in found["b"]


@pytest.mark.parametrize(
    ("value", "said"), [("12.346", "$12.35"), ("1", "$1.00"), ("0.0123", "$0.0123"), ("0.00004", "$0.0000")]
)
def test_money_is_rounded_as_people_say_it(value, said):
    assert money(Decimal(value)) == said
