"""A filter holds in memory exactly where plain Python says so."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings

from octavo.values.filter import parse
from octavo.values.matching import holds
from tests.database.filter_model import NASTY, bodies, filters
from tests.database.filter_model import holds as model


@given(where=filters, body=bodies)
@settings(max_examples=80)
def test_a_filter_holds_where_the_model_says_so(where, body):
    assume("$regex" not in json.dumps(where))

    assert holds(parse(where), body) == model(where, body)


@pytest.mark.parametrize("body", NASTY, ids=lambda body: str(body)[:20])
def test_a_nasty_value_disturbs_nothing(body):
    for where in ({"a": {"$gt": 1}}, {"b": {"$prefix": "9"}}, {"c": {"$mod": [2, 0]}}, {"a": {"$size": 700}}):
        assert holds(parse(where), body) == model(where, body)


@pytest.mark.parametrize(
    ("value", "held"),
    [(4, True), (4.0, True), (4.5, False), (-4, True), (10**20, True), ("4", False), (True, False)],
)
def test_remainders_are_those_of_whole_numbers(value, held):
    assert holds(parse({"n": {"$mod": [2, 0]}}), {"n": value}) is held


def test_a_remainder_has_the_sign_of_its_number():
    assert holds(parse({"n": {"$mod": [3, -1]}}), {"n": -4})
    assert not holds(parse({"n": {"$mod": [3, 2]}}), {"n": -4})
