"""Statements that are remembered: the same for the same question, and for no other."""

from __future__ import annotations

from typing import Any

import pytest

from octavo.store.question import Question
from octavo.store.remembered import LONGEST_KEY_BYTES, MOST, Remembered
from octavo.store.scope import Limits
from octavo.values.filter import parse
from octavo.values.order import parse_order

ALIKE = [
    1,
    True,
    1.5,
    "1",
    "true",
    None,
    [1],
    ["1"],
    {"$gt": 1},
    {"$gte": 1},
    {"$in": [1]},
    {"$contains": [1]},
]


def question(where: dict[str, Any], **changes: Any) -> Question:
    asked = {"order": parse_order("-@created_at"), "limit": 10, "include_body": True, **changes}
    return Question(filter=parse(where), **asked)


def test_what_was_made_once_is_given_again():
    remembered = Remembered()

    first = remembered.given(b"key", (), object)

    assert remembered.given(b"key", (), object) is first


def test_it_is_made_anew_when_what_it_is_made_with_is_another_object():
    remembered = Remembered()

    first = remembered.given(b"key", ("index",), object)

    assert remembered.given(b"key", tuple(["index"]), object) is not first  # noqa: C409  # an equal one, not the same


def test_the_oldest_is_forgotten_first():
    remembered, made = Remembered(), []
    for number in range(MOST + 1):
        remembered.given(str(number).encode(), (), object)

    for key in (b"1", b"0"):
        remembered.given(key, (), lambda key=key: made.append(key) or object())

    assert made == [b"0"]


def test_long_questions_are_not_kept():
    remembered = Remembered()
    key = b"x" * (LONGEST_KEY_BYTES + 1)

    assert remembered.given(key, (), object) is not remembered.given(key, (), object)


def test_values_that_python_calls_equal_are_other_questions():
    keys = {question({"a": value}).key(Limits()) for value in ALIKE}

    assert len(keys) == len(ALIKE)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(question({"b": 1}), id="field"),
        pytest.param(question({"@metadata.a": 1}), id="source"),
        pytest.param(question({"a": 1}, limit=11), id="limit"),
        pytest.param(question({"a": 1}, include_body=False), id="body"),
        pytest.param(question({"a": 1}, projection=b"[]"), id="projection"),
        pytest.param(question({"a": 1}, order=parse_order("@created_at")), id="order"),
    ],
)
def test_every_part_of_a_question_tells(other: Question):
    assert question({"a": 1}).key(Limits()) != other.key(Limits())


def test_limits_are_a_part_of_a_statement():
    assert question({"a": 1}).key(Limits()) != question({"a": 1}).key(Limits(scanned=5))
