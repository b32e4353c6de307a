"""Whether a filter holds for a value in memory, exactly when PostgreSQL says that it holds for the same JSON.

It is how a guard (`where=` of a patch) looks at a body: at the value itself, so nothing is too long to be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from octavo.values.condition import Condition, Either, Every, Field, Filter, Node, Not

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
}
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    str: "string",
    list: "array",
    dict: "object",
    int: "number",
    float: "number",
}


def holds(asked: Filter, value: Any) -> bool:
    """Whether a filter of fields holds for a value.

    Args:
        asked: without attributes (`@name`), metadata and `$regex`, which mean something in the record only.
        value: as `octavo.values.json.decode` gives it.
    """
    return _node(asked.root, value)


def found(path: Sequence[str], value: Any) -> Iterator[Any]:
    """The values at a path: a list on the way stands for its elements."""
    if not path:
        yield value
        return
    for place in value if isinstance(value, list) else [value]:
        if isinstance(place, dict) and path[0] in place:
            yield from found(path[1:], place[path[0]])


def _node(node: Node, value: Any) -> bool:
    match node:
        case Not(part=part):
            return not _node(part, value)
        case Every(parts=parts):
            return all(_node(part, value) for part in parts)
        case Either(parts=parts):
            return any(_node(part, value) for part in parts)
        case Condition(subject=Field(path=path)):
            return _condition(node, list(found(path, value)))
    raise AssertionError(f"{node} is no condition of a value in memory")


def _condition(condition: Condition, values: list[Any]) -> bool:
    operand = condition.operand
    match condition.operator:
        case "exists":
            return bool(values)
        case "eq":
            return _equals(values, operand)
        case "in":
            return any(_equals(values, choice) for choice in operand)
        case operator:
            return any(_HOLDS[operator](value, operand) for value in values)


def _equals(values: list[Any], operand: Any) -> bool:
    if operand is None and not values:
        return True
    return any(_same(value, operand) for value in [*values, *_elements(values)])


def _elements(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _contains(value: Any, operand: Any) -> bool:
    return _is_inside(value, operand) or _is_inside(value, [operand])


def _is_inside(value: Any, operand: Any) -> bool:
    """As `@>`: objects and lists by their parts; a list also contains a scalar that is an element of it."""
    if isinstance(value, list) and not isinstance(operand, dict | list):
        return any(_same(element, operand) for element in value)
    return _has_parts(value, operand)


def _has_parts(value: Any, operand: Any) -> bool:
    if isinstance(value, dict) and isinstance(operand, dict):
        return all(key in value and _has_parts(value[key], inner) for key, inner in operand.items())
    if isinstance(value, list) and isinstance(operand, list):
        return all(any(_has_parts(element, inner) for element in value) for inner in operand)
    return _same(value, operand)


def _of_elements(holds_one: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """An operator that a list satisfies by one of its elements."""
    return lambda value, operand: any(holds_one(element, operand) for element in _elements([value]))


def _in_range(operator: str) -> Callable[[Any, Any], bool]:
    compare = _COMPARE[operator]
    return _of_elements(
        lambda value, operand: _type(value) == _type(operand) and bool(compare(value, operand))
    )


def _has_remainder(value: Any, operand: Sequence[int]) -> bool:
    """The remainder has the sign of the number, as in SQL."""
    if _type(value) != "number" or value != int(value):
        return False
    remainder = abs(int(value)) % operand[0]
    return (remainder if value >= 0 else -remainder) == operand[1]


def _has_element(value: Any, asked: Node) -> bool:
    """Lists in the list stand for their elements."""
    return isinstance(value, list) and any(_node(asked, element) for element in _elements(value))


def _type(value: Any) -> str:
    return _TYPES.get(type(value), "null")


_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "contains": _contains,
    "prefix": _of_elements(lambda value, operand: isinstance(value, str) and value.startswith(operand)),
    "mod": _of_elements(_has_remainder),
    "size": lambda value, operand: isinstance(value, list) and len(value) == operand,
    "type": lambda value, operand: operand in {_type(value), *map(_type, _elements([value]))},
    "element": _has_element,
    **{operator: _in_range(operator) for operator in _COMPARE},
}
