"""What a filter means, said once more in plain Python, and filters and bodies to try it with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import fmod
from random import Random
from typing import Any

from hypothesis import strategies as st

JSON = Any


_EQUALITIES = {"$eq": any, "$in": any, "$all": all}
_NEGATIONS = {"$ne": "$eq", "$nin": "$in", "$not": "$not condition"}


def holds(where: Mapping[str, JSON], body: JSON) -> bool:
    """Whether a filter holds for a body."""
    return all(_entry(name, value, body) for name, value in where.items())


def _entry(name: str, value: JSON, body: JSON) -> bool:
    match name:
        case "$and":
            return all(holds(part, body) for part in value)
        case "$or":
            return any(holds(part, body) for part in value)
        case "$nor":
            return not any(holds(part, body) for part in value)
    return _condition(list(_found(name.split("."), body)), value)


def _condition(found: list[JSON], value: JSON) -> bool:
    if not isinstance(value, dict) or not any(key.startswith("$") for key in value):
        return _equals(found, value)
    options = value.get("$options", "")
    return all(_operation(found, *pair, options) for pair in value.items() if pair[0] != "$options")


def _operation(found: list[JSON], operator: str, operand: JSON, options: str) -> bool:
    if operator in _NEGATIONS:
        return not _operation(found, _NEGATIONS[operator], operand, options)
    if operator == "$not condition":
        return _condition(found, operand)
    if operator == "$exists":
        return bool(found) is operand
    if operator in _KINDS:
        return any(_KINDS[operator](value, operand) for value in found)
    if operator in _EQUALITIES:
        return _EQUALITIES[operator](_equals(found, choice) for choice in _choices(operator, operand))
    return any(_holds_one(value, operator, operand, options) for value in found)


def _choices(operator: str, operand: JSON) -> list[JSON]:
    return [operand] if operator == "$eq" else list(operand)


def _holds_one(value: JSON, operator: str, operand: JSON, options: str) -> bool:
    if operator == "$contains":
        return _contains(value, operand) or _contains(value, [operand])
    elements = list(_elements([value]))
    texts = [element for element in elements if isinstance(element, str)]
    if operator == "$prefix":
        return any(text.startswith(operand) for text in texts)
    if operator == "$regex":
        return any(_matches(text, operand, options) for text in texts)
    if operator == "$mod":
        return any(
            _type(element) == "number" and fmod(element, operand[0]) == operand[1] for element in elements
        )
    return any(_in_range(element, operator, operand) for element in elements)


def _has_size(value: JSON, operand: int) -> bool:
    return isinstance(value, list) and len(value) == operand


def _has_type(value: JSON, operand: JSON) -> bool:
    kinds = [operand] if isinstance(operand, str) else operand
    return any(_type(each) in kinds for each in [value, *_elements([value])])


def _has_element(value: JSON, operand: JSON) -> bool:
    """Lists in the list stand for their elements."""
    for element in _elements(value) if isinstance(value, list) else ():
        if all(key.startswith("$") and key not in {"$and", "$or", "$nor"} for key in operand):
            if _condition([element], operand):
                return True
        elif holds(operand, element):
            return True
    return False


_KINDS = {"$size": _has_size, "$type": _has_type, "$elemMatch": _has_element}


def _type(value: JSON) -> str:
    names = {bool: "boolean", str: "string", list: "array", dict: "object", int: "number", float: "number"}
    return names.get(type(value), "null")


def _found(path: list[str], value: JSON) -> Iterator[JSON]:
    """Values at a path; a step into a list looks into each of its objects."""
    if not path:
        yield value
        return
    for place in value if isinstance(value, list) else [value]:
        if isinstance(place, dict) and path[0] in place:
            yield from _found(path[1:], place[path[0]])


def _elements(found: list[JSON]) -> Iterator[JSON]:
    for value in found:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _equals(found: list[JSON], operand: JSON) -> bool:
    if operand is None and not found:
        return True
    return any(same(value, operand) for value in [*found, *_elements(found)])


def same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _contains(value: JSON, operand: JSON) -> bool:
    if isinstance(value, list) and not isinstance(operand, dict | list):
        return any(same(element, operand) for element in value)
    return _contains_inside(value, operand)


def _contains_inside(value: JSON, operand: JSON) -> bool:
    if isinstance(value, dict) and isinstance(operand, dict):
        return all(key in value and _contains_inside(value[key], inner) for key, inner in operand.items())
    if isinstance(value, list) and isinstance(operand, list):
        return all(any(_contains_inside(element, inner) for element in value) for inner in operand)
    return same(value, operand)


def _in_range(value: JSON, operator: str, operand: JSON) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (value, operand))
    if not numbers and not (isinstance(value, str) and isinstance(operand, str)):
        return False
    match operator:
        case "$gt":
            return bool(value > operand)
        case "$gte":
            return bool(value >= operand)
        case "$lt":
            return bool(value < operand)
    return bool(value <= operand)


def _matches(value: str, pattern: str, options: str) -> bool:
    flags = [
        flag
        for letter, flag in (("i", re.IGNORECASE), ("s", re.DOTALL), ("m", re.MULTILINE))
        if letter in options
    ]
    # PostgreSQL's $ is the very end, and Python's also stands before a line's end at the end.
    python = pattern if "m" in options else pattern.replace("$", r"\Z")
    return re.search(python, value, sum(flags, re.NOFLAG)) is not None


KEYS = ["a", "b", "c"]
PATHS = ["a", "b", "a.b", "b.a", "a.b.c", "a.a", "c"]
numbers = st.sampled_from([-1, 0, 1, 2, 1.0, 1.5, -0.0, 10**20])
words = st.text(st.sampled_from("abA\nä\U0001f600"), max_size=3)
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
types = st.sampled_from(["string", "number", "boolean", "null", "object", "array"])
simple_operations = st.one_of(
    st.fixed_dictionaries({"$eq": values}),
    st.fixed_dictionaries({"$ne": values}),
    st.fixed_dictionaries({"$in": st.lists(values, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(values, max_size=3)}),
    st.fixed_dictionaries({"$all": st.lists(values, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$contains": values}),
    st.fixed_dictionaries({"$prefix": words}),
    st.fixed_dictionaries({"$size": st.integers(0, 3)}),
    st.fixed_dictionaries({"$type": types | st.lists(types, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"$mod": st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([0, 1, -1]))}),
    st.fixed_dictionaries(
        {
            "$regex": st.sampled_from(["^a", "b$", "a.b", "[ab]+", "A", "ä", "^$", "a|b"]),
            "$options": st.sampled_from(["", "i", "s", "m", "ims"]),
        }
    ),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), numbers | words, min_size=1, max_size=2),
)
# Inside an element there is nothing to compare with objects and lists.
scalar_operations = st.one_of(
    st.fixed_dictionaries({"$eq": scalars}),
    st.fixed_dictionaries({"$ne": scalars}),
    st.fixed_dictionaries({"$in": st.lists(scalars, max_size=3)}),
    st.fixed_dictionaries({"$nin": st.lists(scalars, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$contains": scalars}),
    st.fixed_dictionaries({"$prefix": words}),
    st.fixed_dictionaries({"$size": st.integers(0, 2)}),
    st.fixed_dictionaries({"$type": types}),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), numbers | words, min_size=1, max_size=2),
)
one_value = scalar_operations | st.fixed_dictionaries({"$not": scalar_operations})
of_elements = st.deferred(
    lambda: (
        one_value
        | st.fixed_dictionaries({"$elemMatch": of_elements})
        | st.dictionaries(st.sampled_from(PATHS), scalars | one_value, min_size=1, max_size=2)
    )
)
operations = simple_operations | st.fixed_dictionaries({"$elemMatch": of_elements})
conditions = st.dictionaries(
    st.sampled_from(PATHS),
    st.one_of(values, operations, st.fixed_dictionaries({"$not": operations})),
    min_size=1,
    max_size=3,
)
filters = st.recursive(
    conditions,
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["$and", "$or", "$nor"]),
            st.lists(inner, min_size=1, max_size=3),
            min_size=1,
            max_size=2,
        )
        | st.builds(lambda one, other: {**one, **other}, inner, conditions)
    ),
    max_leaves=4,
)


def population(count: int, seed: int = 7) -> list[dict[str, JSON]]:
    """Bodies like those the strategies make, the same ones at every run."""
    random = Random(seed)
    return [_random_object(random, 3) for _ in range(count)]


def _random_object(random: Random, levels: int) -> dict[str, JSON]:
    return {key: _random_value(random, levels - 1) for key in KEYS if random.random() < 0.7}


def _random_value(random: Random, levels: int) -> JSON:
    kind = random.random()
    if levels and kind < 0.25:
        return _random_object(random, levels)
    if levels and kind < 0.5:
        return [_random_value(random, levels - 1) for _ in range(random.randint(0, 3))]
    return random.choice(
        [None, True, False, -1, 0, 1, 2, 1.0, 1.5, 10**20, "", "a", "b", "A", "ab", "a\nb", "ä", "\U0001f600"]
    )


# What a cast or a careless comparison would stumble over.
NASTY: list[dict[str, JSON]] = [
    {"a": "secret-7f3a", "b": "1e999999", "c": "not a number"},
    {"a": {"a": {"a": "secret-7f3a"}}, "b": [[[]]], "c": [None, [None]]},
    {"a": 1e308, "b": -1e308, "c": 5e-324},
    {"a": 10**300, "b": "9" * 3_000, "c": "\U0010ffff"},
    {"a": list(range(800)), "b": ["x" * 3_000], "c": {"$sha256": "x", "$elements": 1}},
    {"a": "(?<![", "b": "$", "c": "\\"},
    {"a": "2026-13-45T99:99:99Z", "b": "infinity", "c": "NaN"},
    {"a": {}, "b": [], "c": ""},
    {"a": False, "b": True, "c": None},
]
