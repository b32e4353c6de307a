"""Questions about facts: what is taken, what is refused, and which rollups answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from octavo.analytics import average, count, greatest, least, measure_of, quantile, sum_of, unique
from octavo.analytics.question import conditions_of, measures_of, question
from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.analytics import Condition, Query, Subject

NOW = datetime(2026, 5, 20, 15, 42, 7, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def asked(measures: dict[str, Any] | None = None, **given: Any) -> Query:
    fields: dict[str, Any] = {
        "type": None,
        "every": None,
        "since": None,
        "until": None,
        "by": (),
        "where": None,
    }
    return question(UUID(int=1), measures=measures_of(measures), now=NOW, **{**fields, **given})


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("count", count()),
        ("sum:amount", sum_of("amount")),
        ("sum:data.amount", sum_of("amount")),
        ("average:a.b", average("a.b")),
        ("min:x", least("x")),
        ("max:x", greatest("x")),
        ("p50:x", quantile("x", 0.5)),
        ("p99.9:x", quantile("x", 0.999)),
        ("p100:x", quantile("x", 1)),
        ("unique:actor", unique("actor")),
    ],
)
def test_a_measure_is_written_as_text(text, measure):
    assert measure_of(text) == measure


@pytest.mark.parametrize(
    "text", ["", "sum", "sum:", "p101:x", "px:x", "unique:amount", "count:x", f"sum:{'x' * 101}"]
)
def test_what_is_no_measure_is_refused(text):
    with pytest.raises(InvalidInput):
        measure_of(text)


@pytest.mark.parametrize(
    ("given", "grain"),
    [
        ({"every": "day"}, "day"),
        ({"every": "month", "since": MAY}, "day"),
        ({}, "day"),
        ({"every": "hour"}, "hour"),
        ({"every": "day", "since": MAY + timedelta(hours=3)}, "hour"),
        ({"every": "day", "since": MAY + timedelta(minutes=3)}, None),
        ({"every": "minute"}, None),
        ({"every": "day", "by": ["type", "kind", "document_type"], "where": {"kind": "order"}}, "day"),
        ({"every": "day", "by": ["actor"]}, None),
        ({"every": "day", "where": {"data.channel": "web"}}, None),
    ],
)
def test_the_longest_rollups_that_can_answer_do(given, grain):
    assert asked(**given).grain == grain


@pytest.mark.parametrize(
    ("every", "since", "until"),
    [
        ("minute", datetime(2026, 5, 20, 14, 43, tzinfo=UTC), datetime(2026, 5, 20, 15, 43, tzinfo=UTC)),
        ("hour", datetime(2026, 5, 19, 16, tzinfo=UTC), datetime(2026, 5, 20, 16, tzinfo=UTC)),
        ("day", datetime(2026, 4, 21, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)),
        ("week", datetime(2025, 11, 17, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)),
        ("month", datetime(2025, 5, 1, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)),
        ("year", datetime(2016, 1, 1, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)),
        (None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)),
    ],
)
def test_without_a_time_the_usual_one_is_shown_up_to_the_end_of_the_present_step(every, since, until):
    query = asked(every=every)

    assert (query.since, query.until) == (since, until)


def test_moments_of_other_time_zones_are_what_they_are_in_utc():
    since = datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert asked(every="day", since=since).since == MAY
    assert asked(every="day", since=since).grain == "day"


@pytest.mark.parametrize(
    "given",
    [
        {"every": "fortnight"},
        {"since": datetime(2026, 5, 1)},  # noqa: DTZ001 - without a time zone
        {"since": NOW, "until": NOW},
        {"by": ["colour"]},
        {"by": "type"},
        {"by": ["data."]},
        {"where": {"amount": 5}},
        {"where": {"data.x": {"$gt": 5}}},
        {"where": {"data.x": None}},
        {"where": {"type": ""}},
        {"where": {"data.x": "a\x00b"}},
        {"measures": {"n": "median"}},
    ],
)
def test_what_cannot_be_asked_is_refused(given):
    with pytest.raises(InvalidInput) as refused:
        asked(**given)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "given",
    [
        {"by": ["type"] * 5},
        {"measures": {str(place): "count" for place in range(21)}},
        {"where": {f"data.{place}": "x" for place in range(11)}},
        {"where": {"data.x": ["x"] * 101}},
        {"every": "minute", "since": MAY - timedelta(days=30)},
    ],
)
def test_too_much_at_once_is_refused(given):
    with pytest.raises(LimitExceeded):
        asked(**given)


def test_values_are_compared_as_the_texts_they_are_kept_as():
    conditions = conditions_of("a.b", {"data.paid": True, "data.n": [1, 2.5, Decimal("1E+2")]})

    assert conditions == (
        Condition(Subject("type"), ("a.b",)),
        Condition(Subject("paid", is_field=True), ("true",)),
        Condition(Subject("n", is_field=True), ("1", "2.5", "100")),
    )
