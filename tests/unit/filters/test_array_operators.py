"""$size, $type, $mod and $elemMatch: what is refused, and what an index is given to find."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidFilter
from octavo.store.jsonpath import narrowed
from octavo.values.filter import parse


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"tags": {"$size": -1}}, ["tags: $size has -1", "number of elements"]),
        ({"tags": {"$size": 701}}, ["$size has 701", "700"]),
        ({"tags": {"$size": True}}, ["$size has True"]),
        ({"tags": {"$type": "int"}}, ["$type has 'int'", "string, number, boolean"]),
        ({"tags": {"$type": []}}, ["$type has no operand"]),
        ({"n": {"$mod": [0, 1]}}, ["divides by 0"]),
        ({"n": {"$mod": [2]}}, ["$mod has [2]", "two integers"]),
        ({"n": {"$mod": "23"}}, ["$mod has '23'"]),
        ({"n": {"$mod": [2.5, 1]}}, ["two integers"]),
        ({"@version": {"$mod": [2, 0]}}, ["@version holds no JSON"]),
        ({"rows": {"$elemMatch": {}}}, ["rows: $elemMatch has {}"]),
        ({"rows": {"$elemMatch": 5}}, ["rows: $elemMatch has 5"]),
        ({"rows": {"$elemMatch": {"@type": "a"}}}, ["asks for @type", "fields only"]),
        ({"rows": {"$elemMatch": {"@metadata.a": "a"}}}, ["asks for @metadata.a"]),
        ({"rows": {"$elemMatch": {"of": {"a": 1}}}}, ["compares of with an object or an array"]),
        ({"rows": {"$elemMatch": {"$in": [1, [2]]}}}, ["compares rows with an object"]),
        ({"rows": {"$elemMatch": {"$elemMtach": {"a": 1}}}}, ["did you mean $elemMatch?"]),
        ({"$elemMatch": {"a": 1}}, ["$elemMatch stands without a field"]),
        (
            {"rows": {"$elemMatch": {"$or": [{f"f{n}": n} for n in range(101)]}}},
            ["102 conditions", "limit is 100"],
        ),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_value_and_the_way_out(where, words):
    """S0-258"""
    with pytest.raises(InvalidFilter) as refused:
        parse(where)

    assert [word for word in words if word not in str(refused.value)] == []


def test_what_an_element_equals_is_found_by_the_index_and_the_rest_is_looked_at():
    asked = parse({"editions": {"$elemMatch": {"year": 2003, "pages": {"$lt": 500}, "isbn": {"$ne": "x"}}}})

    assert narrowed(asked.root, "body", digested=True) == '($."editions"[*]."year" == 2003)'


def test_an_element_of_which_nothing_is_equal_gives_the_index_nothing_to_find():
    asked = parse({"editions": {"$elemMatch": {"$or": [{"year": 2003}, {"pages": {"$lt": 500}}]}}})

    assert narrowed(asked.root, "body", digested=True) is None
