"""One order of several."""

from __future__ import annotations

from uuid import UUID

import pytest

from octavo.search.fuse import K, fuse


def ids(*numbers: int) -> list[UUID]:
    return [UUID(int=number) for number in numbers]


def test_what_both_lists_know_comes_before_what_one_of_them_has_first():
    fused = fuse({"words": ids(1, 2), "meaning": ids(3, 2)})

    assert [one.id.int for one in fused] == [2, 3, 1]


def test_a_score_is_the_sum_of_the_reciprocal_places():
    [both, _] = fuse({"words": ids(7, 8), "meaning": ids(7)})

    assert both.score == pytest.approx(2 / (K + 1))
    assert both.places == {"words": 1, "meaning": 1}


def test_equals_come_newest_first_whichever_list_has_them():
    assert [one.id.int for one in fuse({"words": ids(1), "meaning": ids(2)})] == [2, 1]
    assert [one.id.int for one in fuse({"words": ids(2), "meaning": ids(1)})] == [2, 1]


def test_one_list_keeps_its_order():
    assert [one.id.int for one in fuse({"meaning": ids(5, 9, 1)})] == [5, 9, 1]


def test_nothing_fuses_to_nothing():
    assert fuse({"words": [], "meaning": []}) == []
    assert fuse({}) == []


def test_a_small_k_lets_the_first_places_decide():
    lists = {"words": ids(1, 2), "meaning": ids(3, 2)}

    assert fuse(lists, k=0)[0].id.int == 3
