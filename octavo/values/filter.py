r"""Filters are values: conditions in MongoDB's operator style, checked once and made into a small tree.

    {"status": "draft"}                                   a field of the body
    {"address.city": {"$in": ["Bern", "Ulm"]}}            a path; arrays on the way stand for their elements
    {"@type": "article", "@metadata.level": {"$gte": 5}}  attributes of the document; all conditions must hold
    {"$or": [{…}, {…}], "price": {"$not": {"$gt": 5}}}    $and, $or and $nor take lists of filters

    operator             holds when the field, or one of its elements if it is an array,
    $eq, $in             equals the operand, or one of the operands; {"field": value} is short for $eq
    $gt $gte $lt $lte    is a number (a string) before or after the operand, which is a number (a string) too
    $prefix              is a string that begins with the operand
    $regex               is a string in which PostgreSQL's `like_regex` finds the pattern; $options: i, s, m
    $contains            contains the operand: {"a": 1} is in {"a": 1, "b": 2}, [1] and 1 are in [1, 2]
    $all                 equals each of the operands
    $mod                 is a number with this remainder: [divisor, remainder], as [2, 0] for even ones
    $type                is a string, number, boolean, null, object or array, or one of a list of them
    $exists              is there (true) or not there (false)
    $size                is an array of so many elements
    $elemMatch           is an array with an element that satisfies all of a filter, or of operators
    $ne $nin $not $nor   exactly when $eq, $in, the operators, the filters do not hold: a missing field too

Null: `{"field": None}` holds when the field is null or not there; `$exists` tells the two apart. Numbers are
equal by value (1 and 1.0), true is not 1, strings compare by code point. Several operators of one field may
each hold for another element. Operands become JSON as `octavo.values.json` says: a datetime compares as its
RFC 3339 text (UTC ends in `Z`), a Decimal as a string.

What is too long to be indexed: a string of more than 2,000 bytes is known to `find` by its digest only, so it
can be equal and contained, and satisfies no range, $prefix or $regex; of a list of more than 700 elements, and
of objects and lists in a body that is over a megabyte without long strings and lists, it knows that they exist.

Names: see `octavo.values.condition`. @created_by and @updated_by are ids of actors, without their kind; @labels
is asked as `octavo.values.label` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from octavo.errors import InvalidFilter
from octavo.values.condition import (
    Attribute,
    Condition,
    Either,
    Every,
    Field,
    Filter,
    Node,
    Not,
    Operator,
    every,
    parse_subject,
)
from octavo.values.element import within_element
from octavo.values.label import label_condition
from octavo.values.operand import (
    choices_of,
    count_operand,
    is_list,
    json_operand,
    operand_of,
    remainder_operand,
    shown,
    text_operand,
    type_operand,
)

MAX_CONDITIONS = 100
MAX_DEPTH = 10
MAX_PATTERN_LENGTH = 1_000
_RANGES: Mapping[str, Operator] = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}


def parse(where: Mapping[str, Any]) -> Filter:
    """Check a filter and make it a value.

    Args:
        where: the filter; an empty one holds for every document.

    Raises:
        InvalidFilter: an unknown operator or attribute, an operand of the wrong kind, more than 100
            conditions, 10 levels or 1,000 choices; names the value and the way out.
    """
    checked = Filter(_filter(where, "the filter", 1))
    count = len(checked.conditions)
    if count > MAX_CONDITIONS:
        raise InvalidFilter(
            f"the filter has {count} conditions", remedy=f"the limit is {MAX_CONDITIONS}: $in is one for many"
        )
    return checked


def _filter(where: object, what: str, depth: int) -> Node:
    if not isinstance(where, Mapping):
        raise InvalidFilter(f"{what} is {shown(where)}, not an object", remedy='write {"field": value}')
    _check_depth(depth)
    return every([_entry(name, value, depth) for name, value in where.items()])


def _entry(name: object, value: object, depth: int) -> Node:
    if not isinstance(name, str):
        raise InvalidFilter(f"{shown(name)} is not the name of a field", remedy="names are strings")
    if name in _LOGICAL:
        return _LOGICAL[name](_filters(name, value, depth))
    if name in _OPERATORS or name == "$elemMatch":
        raise InvalidFilter(f"{name} stands without a field", remedy=f'write {{"field": {{"{name}": …}}}}')
    if name.startswith("$"):
        raise _unknown_operator(name)
    return _on_subject(parse_subject(name), value, depth)


def _filters(operator: str, value: object, depth: int) -> tuple[Node, ...]:
    if not is_list(value) or not value:
        raise InvalidFilter(f"{operator} has {shown(value)}", remedy="give a list of at least one filter")
    return tuple(_filter(part, f"a part of {operator}", depth + 1) for part in value)


def _on_subject(about: Field | Attribute, value: object, depth: int) -> Node:
    """What one field has to satisfy: a value to equal, or operators with their operands."""
    if isinstance(about, Attribute) and about.kind == "labels":
        return label_condition(value)
    if not isinstance(value, Mapping) or not any(str(key).startswith("$") for key in value):
        return _eq(about, "$eq", value)
    if "$options" in value and "$regex" not in value:
        raise InvalidFilter(f"{about.name}: $options stands without $regex", remedy="add the pattern")
    return every(
        [
            _operation(about, operator, operand, value, depth)
            for operator, operand in value.items()
            if operator != "$options"
        ]
    )


def _operation(
    about: Field | Attribute, operator: object, operand: object, siblings: Mapping[Any, Any], depth: int
) -> Node:
    if operator == "$not":
        return _not(about, operand, depth + 1)
    if operator == "$regex":
        return _regex(about, operand, siblings.get("$options", ""))
    if operator == "$elemMatch":
        return _element(_field(about, operator), operand, depth + 1)
    if isinstance(operator, str) and operator in _OPERATORS:
        return _OPERATORS[operator](about, operator, operand)
    if str(operator).startswith("$"):
        raise _unknown_operator(str(operator))
    raise InvalidFilter(
        f"{about.name} has operators and the field {operator!r} side by side",
        remedy='write {"$eq": {…}} to compare with an object',
    )


def _not(about: Field | Attribute, operand: object, depth: int) -> Node:
    _check_depth(depth)
    if (
        not isinstance(operand, Mapping)
        or not all(str(key).startswith("$") for key in operand)
        or not operand
    ):
        raise InvalidFilter(
            f"{about.name}: $not has {shown(operand)}", remedy='give it operators, as in {"$not": {"$gt": 5}}'
        )
    return Not(_on_subject(about, operand, depth))


def _element(about: Field, operand: object, depth: int) -> Node:
    """A filter on the fields of an element, or operators on the element itself."""
    _check_depth(depth)
    if not isinstance(operand, Mapping) or not operand:
        raise InvalidFilter(
            f"{about.name}: $elemMatch has {shown(operand)}",
            remedy='give it a filter, as in {"$elemMatch": {"year": 2003}}, or operators',
        )
    if all(str(key).startswith("$") and key not in _LOGICAL for key in operand):
        asked = _on_subject(Field("body", (), about.name), operand, depth)
    else:
        asked = _filter(operand, "$elemMatch", depth)
    return Condition(about, "element", within_element(about, asked))


def _eq(about: Field | Attribute, operator: str, operand: object) -> Node:
    if operand is None and isinstance(about, Attribute):
        return _exists(about, operator, False)
    return Condition(about, "eq", operand_of(about, operator, operand))


def _in(about: Field | Attribute, operator: str, operand: object) -> Node:
    choices = choices_of(about, operator, operand)
    return Condition(about, "in", [operand_of(about, operator, choice) for choice in choices])


def _all(about: Field | Attribute, operator: str, operand: object) -> Node:
    choices = choices_of(_field(about, operator), operator, operand)
    if not choices:
        raise InvalidFilter(f"{about.name}: $all has no operand", remedy="give at least one value")
    return every([_eq(about, operator, choice) for choice in choices])


def _range(about: Field | Attribute, operator: str, operand: object) -> Node:
    if isinstance(about, Attribute) and about.kind == "id":
        raise InvalidFilter(f"{about.name} has no order: {operator}", remedy="use $eq or $in")
    value = operand_of(about, operator, operand)
    if isinstance(about, Field) and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        raise InvalidFilter(
            f"{about.name}: {operator} has {shown(operand)}", remedy="ranges compare numbers and strings"
        )
    return Condition(about, _RANGES[operator], value)


def _exists(about: Field | Attribute, operator: str, operand: object) -> Node:
    if not isinstance(operand, bool):
        raise InvalidFilter(f"{about.name}: {operator} has {shown(operand)}", remedy="give true or false")
    if isinstance(about, Attribute) and about.name != "@name":
        raise InvalidFilter(f"{about.name} is never null or missing", remedy="leave this condition out")
    condition = Condition(about, "exists", None)
    return condition if operand else Not(condition)


def _contains(about: Field | Attribute, operator: str, operand: object) -> Node:
    return Condition(_field(about, operator), "contains", json_operand(about, operator, operand))


def _prefix(about: Field | Attribute, operator: str, operand: object) -> Node:
    return Condition(about, "prefix", text_operand(about, operator, operand))


def _regex(about: Field | Attribute, pattern: object, options: object) -> Node:
    text = text_operand(about, "$regex", pattern)
    if len(text) > MAX_PATTERN_LENGTH:
        raise InvalidFilter(
            f"{about.name}: the pattern of $regex has {len(text)} characters",
            remedy=f"the limit is {MAX_PATTERN_LENGTH}",
        )
    if not isinstance(options, str) or not set(options) <= set("ism"):
        raise InvalidFilter(
            f"{about.name}: $options has {shown(options)}", remedy="use the letters i, s and m"
        )
    return Condition(about, "regex", [text, "".join(sorted(set(options)))])


def _size(about: Field | Attribute, operator: str, operand: object) -> Node:
    field = _field(about, operator)
    return Condition(field, "size", count_operand(field, operator, operand))


def _type(about: Field | Attribute, operator: str, operand: object) -> Node:
    field, kinds = _field(about, operator), operand if is_list(operand) else [operand]
    if not kinds:
        raise InvalidFilter(f"{about.name}: $type has no operand", remedy="give at least one type")
    asked = [Condition(field, "type", type_operand(field, operator, kind)) for kind in kinds]
    return asked[0] if len(asked) == 1 else Either(tuple(asked))


def _mod(about: Field | Attribute, operator: str, operand: object) -> Node:
    field = _field(about, operator)
    return Condition(field, "mod", remainder_operand(field, operator, operand))


def _negated(operation: Callable[[Field | Attribute, str, object], Node]) -> Callable[..., Node]:
    return lambda about, operator, operand: Not(operation(about, operator, operand))


_OPERATORS: Mapping[str, Callable[[Field | Attribute, str, object], Node]] = {
    "$eq": _eq,
    "$ne": _negated(_eq),
    "$in": _in,
    "$nin": _negated(_in),
    **dict.fromkeys(_RANGES, _range),
    "$exists": _exists,
    "$contains": _contains,
    "$all": _all,
    "$prefix": _prefix,
    "$size": _size,
    "$type": _type,
    "$mod": _mod,
    "$regex": lambda about, _, pattern: _regex(about, pattern, ""),
}
_LOGICAL: Mapping[str, Callable[[tuple[Node, ...]], Node]] = {
    "$and": Every,
    "$or": Either,
    "$nor": lambda parts: Not(Either(parts)),
}


def _field(about: Field | Attribute, operator: str) -> Field:
    if isinstance(about, Attribute):
        raise InvalidFilter(f"{about.name} holds no JSON: {operator}", remedy="use $eq or $in")
    return about


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidFilter(f"the filter is nested deeper than {MAX_DEPTH} levels", remedy="say it flatter")


def _unknown_operator(operator: str) -> InvalidFilter:
    known: Sequence[str] = (*_LOGICAL, *_OPERATORS, "$not", "$options", "$elemMatch")
    near = get_close_matches(operator, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"operators are {' '.join(known)}"
    return InvalidFilter(f"{operator!r} is not an operator", remedy=remedy)
