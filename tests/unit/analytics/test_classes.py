"""Quantiles of numbers counted by classes of size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.values.classes import LOG_FACTOR, OFFSET, middle, quantile

sizes = st.floats(min_value=1e-9, max_value=1e18)


def class_of(number: float) -> int:
    """What engines compute in SQL."""
    if number == 0:
        return 0
    return int(math.copysign(OFFSET + math.ceil(math.log(abs(number)) / LOG_FACTOR), number))


@given(sizes, st.sampled_from([1, -1]))
def test_the_middle_of_a_class_is_within_one_percent_of_what_is_in_it(size: float, sign: int):
    assert middle(class_of(sign * size)) == pytest.approx(sign * size, rel=0.0100001)


@given(st.lists(st.one_of(sizes, sizes.map(lambda x: -x), st.just(0.0)), min_size=2))
def test_classes_have_the_order_of_what_is_in_them(numbers: list[float]):
    ordered = sorted(numbers)

    assert [class_of(number) for number in ordered] == sorted(class_of(number) for number in ordered)


@given(st.lists(sizes, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_the_exact_one(numbers: list[float], level: float):
    classes: dict[int, int] = {}
    for number in numbers:
        classes[class_of(number)] = classes.get(class_of(number), 0) + 1
    exact = sorted(numbers)[max(1, math.ceil(level * len(numbers) - 1e-9)) - 1]

    assert quantile(classes, level) == pytest.approx(exact, rel=0.0100001)


def test_nothing_has_no_quantile():
    assert quantile({}, 0.5) is None
