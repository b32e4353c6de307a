"""Labels that are only described: the nearest in meaning."""

from __future__ import annotations

import pytest

from octavo.components.classify import classified
from octavo.components.zero_shot import ZeroShot
from octavo.errors import InvalidInput

LABELS = {
    "cooking": "recipes, food, baking and kitchens",
    "sports": "football, running, matches and teams",
    "finance": "banks, money, loans and taxes",
}


@pytest.fixture(scope="module")
def scorer() -> ZeroShot:
    return ZeroShot(LABELS)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Bake the bread in a hot oven until the crust is brown.", "cooking"),
        ("The striker scored twice and the team won the cup.", "sports"),
        ("The interest on the mortgage is paid every month.", "finance"),
    ],
)
def test_a_text_gets_the_label_that_is_nearest_in_meaning(scorer, text, label):
    assert classified(scorer, text).predicted_category == label


def test_the_scores_sum_to_one(scorer):
    assert sum(classified(scorer, "a goal").category_scores.values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "   "])
def test_a_text_that_means_nothing_is_as_near_to_each(scorer, text):
    assert list(classified(scorer, text).category_scores.values()) == pytest.approx([1 / 3] * 3)


def test_a_name_may_speak_for_itself():
    assert (
        classified(ZeroShot({"credit_card": "", "football": ""}), "paid by visa").predicted_category
        == "credit_card"
    )


def test_labels_that_cannot_be_told_apart_are_refused():
    with pytest.raises(InvalidInput, match="mean the same"):
        ZeroShot({"credit-card": "", "credit_card": ""})


def test_a_label_without_meaning_is_refused():
    with pytest.raises(InvalidInput, match="means nothing"):
        ZeroShot({" ": "", "football": ""})
