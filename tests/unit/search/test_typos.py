"""Which words are meant by misspelt ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.search.typos import distance, nearest, replaced, words_of


@pytest.mark.parametrize(
    ("one", "other", "errors"),
    [
        ("refund", "refund", 0),
        ("refnd", "refund", 1),
        ("refunnd", "refund", 1),
        ("rafund", "refund", 1),
        ("reufnd", "refund", 1),
        ("rufend", "refund", 2),
        ("policy", "refund", 3),
    ],
)
def test_an_error_is_a_letter_too_many_too_few_changed_or_swapped(one: str, other: str, errors: int) -> None:
    assert distance(one, other, 2) == errors


@given(st.text("abcd", max_size=8), st.text("abcd", max_size=8))
def test_a_distance_does_not_depend_on_the_direction(one: str, other: str) -> None:
    assert distance(one, other, 8) == distance(other, one, 8)


@given(st.text("abcd", max_size=8), st.text("abcd", max_size=8), st.integers(0, 3))
def test_a_distance_that_is_given_up_is_one_that_is_too_large(one: str, other: str, most: int) -> None:
    assert distance(one, other, most) == min(distance(one, other, 8), most + 1)


def test_the_nearest_word_comes_first_and_of_equals_the_most_used() -> None:
    vocabulary = {"refunds": 5, "refined": 900, "refund": 3, "reform": 900}

    assert nearest("refnd", {**vocabulary, "refand": 4}) == ["refand", "refund"]
    assert nearest("refumd", vocabulary) == ["refund", "refunds"]


def test_a_word_that_is_used_is_not_misspelt() -> None:
    assert nearest("refund", {"refund": 1, "refunds": 100}) == []


def test_short_words_may_have_one_error_and_very_short_ones_none() -> None:
    assert nearest("cat", {"cart": 1, "coats": 1}) == ["cart"]
    assert nearest("ca", {"cat": 1}) == []


def test_operators_numbers_exclusions_and_beginnings_are_left_as_they_are() -> None:
    query = 'refnd OR "Polcy of" -draaft config* x2y'

    assert words_of(query) == ["refnd", "polcy"]
    assert (
        replaced(query, {"refnd": "refund", "polcy": "policy", "or": "ore", "draaft": "draft"})
        == 'refund OR "policy of" -draaft config* x2y'
    )
