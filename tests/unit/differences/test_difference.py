"""The differences between two JSON values."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.values.difference import MAX_EDITS, difference
from octavo.values.document import Difference

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.text("ab/~", max_size=3),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4)
    ),
    max_leaves=30,
)


def applied(value: Any, differences: list[Difference]) -> Any:
    """RFC 6902 on a copy, in order; every difference must find the value it says was there."""
    document = {"": copy.deepcopy(value)}
    for change in differences:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in change.path.split("/")]
        place: Any = document
        for part in way:
            place = place[int(part) if isinstance(place, list) else part]
        key: Any = int(last) if isinstance(place, list) else last
        if change.kind != "added":
            assert same(place[key], change.before)
        if change.kind == "removed":
            del place[key]
        elif change.kind == "added" and isinstance(place, list):
            place.insert(key, change.after)
        else:
            assert (key in place) == (change.kind == "changed") or isinstance(place, list)
            place[key] = change.after
    return document[""]


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(values, values)
def test_the_differences_applied_to_the_first_value_give_the_second(before, after):
    assert same(applied(before, difference(before, after)), after)


@given(values)
def test_a_value_does_not_differ_from_itself(value):
    assert difference(value, copy.deepcopy(value)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [Difference("/a", "changed", 1, 2)]),
        ({"a": 1}, {}, [Difference("/a", "removed", before=1)]),
        ({}, {"a": None}, [Difference("/a", "added", after=None)]),
        ({"a": True}, {"a": 1}, [Difference("/a", "changed", True, 1)]),
        ({"a": 1}, {"a": 1.0}, [Difference("/a", "changed", 1, 1.0)]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [Difference("/a~1b/~0", "changed", 1, 2)]),
        ({"a": {}}, {"a": []}, [Difference("/a", "changed", {}, [])]),
        ([1, 2, 3], [0, 1, 2, 3], [Difference("/0", "added", after=0)]),
        ([1, 2, 3], [1, 3], [Difference("/1", "removed", before=2)]),
        ([{"id": 1, "n": "a"}, 2], [{"id": 1, "n": "b"}, 2], [Difference("/0/n", "changed", "a", "b")]),
        (1, [1], [Difference("", "changed", 1, [1])]),
    ],
)
def test_a_change_is_named_as_a_reader_would(before, after, expected):
    assert difference(before, after) == expected


def test_an_element_put_at_the_front_of_a_long_array_is_one_difference_also_when_others_changed():
    before = [{"id": number, "text": f"element {number}"} for number in range(5_000)]
    after = copy.deepcopy(before)
    after.insert(0, {"id": -1, "text": "new"})
    after[4_000]["text"] = "edited"

    found = difference(before, after)

    assert [(change.path, change.kind) for change in found] == [("/0", "added"), ("/4000/text", "changed")]


def test_arrays_with_nothing_in_common_are_compared_place_by_place():
    before, after = list(range(100_000)), list(range(-100_000, 0))

    found = difference(before, after)

    assert len(found) == 100_000


def test_arrays_at_the_limit_of_alignment_still_give_a_correct_answer():
    before = list(range(2 * MAX_EDITS))
    after = [number for number in before if number % 2] + ["end"]

    assert applied(before, difference(before, after)) == after
