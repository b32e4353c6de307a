"""What a search may weigh, and what is refused."""

from __future__ import annotations

import math

import pytest

from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.search import Explanation, Standing, Weights
from octavo.search import explain
from octavo.search.ranking import boosts_of, weights_of


def test_parts_that_are_not_named_keep_their_weight():
    assert weights_of({"title": 3}) == Weights(title=3.0, preview=4.0, description=2.0, text=1.0)
    assert weights_of(None) == weights_of({}) == Weights()


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ({"heading": 2}, "heading"),
        ({"title": -1}, "-1"),
        ({"title": 101}, "101"),
        ({"title": "much"}, "much"),
        ({"title": True}, "True"),
        ({"title": math.nan}, "nan"),
        ({"text": 3}, "description"),
        ({"title": 0}, "title"),
    ],
)
def test_a_weight_that_cannot_be_is_refused_by_its_name_or_value(weights, named):
    with pytest.raises(InvalidInput, match=named) as raised:
        weights_of(weights)

    assert raised.value.remedy


def test_boosts_are_those_of_types():
    assert boosts_of({"@type": {"policy": 2, "note": 0.5}}) == {"policy": 2.0, "note": 0.5}
    assert boosts_of(None) == {}


@pytest.mark.parametrize(
    "boost",
    [
        {"@labels": {"legal": 2}},
        {"policy": 2},
        {"@type": 2},
        {"@type": {"policy": 0}},
        {"@type": {"policy": 101}},
        {"@type": {"policy": "2"}},
    ],
)
def test_a_boost_that_cannot_be_is_refused(boost):
    with pytest.raises(InvalidInput) as raised:
        boosts_of(boost)

    assert raised.value.remedy


def test_boosts_of_too_many_types_are_refused():
    with pytest.raises(LimitExceeded):
        boosts_of({"@type": {f"type{number}": 2.0 for number in range(101)}})


def test_a_score_is_told_in_plain_words():
    explanation = Explanation(
        found=[Standing("refund", ["title", "text"])], factors={"words": 0.5, "rarity": 3.0, "boost": 2.0}
    )

    why = explain.why(explanation, Weights(title=20))

    assert why.text == (
        "refund in title (weighs 20) and text (weighs 1). "
        "the words are worth 0.5, × 3 because they are rare, × 2 because its type is boosted"
    )


@pytest.mark.parametrize(
    ("place", "told"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")]
)
def test_a_place_of_a_fused_hit_is_told_as_it_is_spoken(place, told):
    assert explain.fused(None, {"words": place}).text == f"{told} by words"
