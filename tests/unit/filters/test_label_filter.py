"""What a filter on @labels becomes: a condition, and SQL in which nothing of it stands."""

from __future__ import annotations

import pytest
from pglast import parse_sql

from octavo.errors import InvalidFilter, InvalidInput
from octavo.store.filters import compile_guard, compile_lookup, is_found
from octavo.values.filter import parse
from octavo.values.label import LabelChoice, confidence_of, description_of, label_colour, label_name


def choices(where: dict[str, object]) -> list[object]:
    return [condition.operand for condition in parse({"@labels": where}).conditions]


def test_every_way_to_ask_is_one_of_some_labels_with_a_least_confidence():
    assert choices({"$eq": "legal"}) == [LabelChoice(("legal",))]
    assert choices({"$in": ["legal", "tax"], "$min_confidence": 1}) == [LabelChoice(("legal", "tax"), 1.0)]
    assert choices({"$all": ["legal", "tax"]}) == [LabelChoice(("legal",)), LabelChoice(("tax",))]
    assert choices({"$ne": "a", "$nin": ["b"]}) == [LabelChoice(("a",)), LabelChoice(("b",))]


def test_filters_that_ask_for_different_labels_have_different_fingerprints():
    asked = [
        {"@labels": "legal"},
        {"@labels": "tax"},
        {"@labels": {"$eq": "legal", "$min_confidence": 0.5}},
        {"@labels": {"$ne": "legal"}},
        {"@labels": {"$exists": True}},
        {"labels": "legal"},
    ]

    assert len({parse(where).fingerprint for where in asked}) == len(asked)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"@labels": "legal"}, True),
        ({"$or": [{"@labels": "legal"}, {"a": 1}]}, True),
        ({"@labels": {"$ne": "legal"}}, False),
        ({"@labels": {"$exists": True}}, False),
    ],
)
def test_indexes_find_labels_that_are_there_and_no_others(where, found):
    assert is_found(parse(where).root) is found


@pytest.mark.parametrize("name", ["'; DROP TABLE octavo.label; --", "$1", "{document}", "{names}", "\\", '"'])
def test_no_name_of_a_label_reaches_the_text_of_a_statement(name):
    condition, arguments = compile_lookup(parse({"@labels": name}), first=2)

    assert condition == compile_lookup(parse({"@labels": "other"}), first=2)[0]
    assert [name] in arguments
    assert parse_sql(f"SELECT FROM octavo.lookup WHERE {condition}")
    assert "{" not in condition


def test_a_guard_does_not_ask_for_labels():
    with pytest.raises(InvalidFilter, match="@labels cannot be asked here"):
        compile_guard(parse({"@labels": "legal"}), body="b", metadata="m", first=1)


def test_names_are_composed_and_refused_when_they_cannot_be_seen():
    assert label_name("Cafe\u0301") == "Caf\u00e9"
    for name in ("", " a", "a ", "a\tb", "a\u200b", "x" * 101, None):
        with pytest.raises(InvalidInput):
            label_name(name)


def test_colours_are_six_hexadecimal_digits_in_small_letters():
    assert label_colour("#AA3300") == "#aa3300"
    for colour in ("#12345G", "aa3300", "#aa330", "#aa33000", None):
        with pytest.raises(InvalidInput):
            label_colour(colour)


def test_a_confidence_is_a_number_from_nought_to_one_or_none():
    assert [confidence_of(value) for value in (None, 0, 1, 0.5)] == [None, 0.0, 1.0, 0.5]
    for value in (-0.01, 1.01, float("nan"), float("inf"), "1", True):
        with pytest.raises(InvalidInput):
            confidence_of(value)


def test_a_description_has_a_thousand_characters_at_most():
    assert description_of("x" * 1_000)
    for text in ("", "x" * 1_001, "a\x00b", 7):
        with pytest.raises(InvalidInput):
            description_of(text)
