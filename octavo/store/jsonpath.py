"""From conditions on JSON to jsonpath predicates (SQL:2016, lax mode), for PostgreSQL's `@@`.

In lax mode a comparison with an array compares each of its elements, one level deep, a step into an array
looks into each of its elements, and what is missing or of another kind makes the comparison not hold: no
error. Values stand in the predicate as literals, as JSON writes them; the predicate is one SQL parameter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from octavo.values.condition import Condition, Either, Every, Field, Node, Not

Source = Literal["body", "metadata"]
# As octavo.filter_fields() does: a string of the body that is longer (in UTF-8) is kept as {"$sha256": hex}.
LONG_STRING_BYTES = 2_000
DIGEST_KEY = "$sha256"
MAX_WITNESSES = 20
_encoder = msgspec.json.Encoder()
_STANDS_FOR = {"string": DIGEST_KEY, "array": "$elements"}
_ALWAYS, _NEVER = "1 == 1", "1 == 0"
_COMPARE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def predicate(node: Node, source: Source, digested: bool) -> str | None:
    """The node as a predicate on the body or the metadata, or None where jsonpath cannot say it.

    Args:
        digested: long strings are stored as their digests.
    """
    match node:
        case Condition(subject=Field() as field) if field.source == source:
            return _said(path(field), node, digested)
        case Every(parts=parts) | Either(parts=parts) if parts:
            said = [predicate(part, source, digested) for part in parts]
            return _joined(node, said) if None not in said else None
    return None


def narrowed(node: Node, source: Source, digested: bool, base: str = "$") -> str | None:
    """A predicate that holds wherever the node does, and that a GIN index (jsonb_path_ops) finds; or None.

    Args:
        base: where the paths of its fields begin.
    """
    match node:
        case Condition(subject=Field() as field) if field.source == source:
            return (_said if is_found(node) else _witnessed)(path(field, base), node, digested)
        case Every(parts=parts):
            return _joined(node, [narrowed(part, source, digested, base) for part in parts])
        case Either(parts=parts):
            found = [narrowed(part, source, digested, base) for part in parts]
            return _joined(node, found) if None not in found else None
    return None


def is_found(condition: Condition) -> bool:
    """Whether the index finds exactly the documents of a condition on a field: scalars that are there."""
    operand = condition.operand
    match condition.operator:
        case "eq":
            return operand is not None and not _is_container(operand)
        case "contains":
            return not _is_container(operand)
        case "in":
            return operand != [] and all(
                choice is not None and not _is_container(choice) for choice in operand
            )
    return False


def path(field: Field, base: str = "$") -> str:
    """The jsonpath of a field: `$."address"."city"`."""
    return base + "".join(f".{literal(key)}" for key in field.path)


def elements(field: Field) -> str:
    """What is found at a field: of a list its elements."""
    return f"{path(field)}[*]"


def first_scalar(field: Field) -> str:
    """The values to order by: of a list its elements, and neither objects nor lists."""
    return f'{elements(field)} ? (@.type() != "object" && @.type() != "array")'


def like(subject: str, operand: list[str]) -> str:
    """The predicate of $regex: a pattern and its flags."""
    pattern, flags = operand
    return f'{subject} like_regex {literal(pattern)} flag "{flags}"'


def literal(value: object) -> str:
    """A scalar, checked when the filter was parsed, as jsonpath and JSON both write it."""
    return _encoder.encode(value).decode()


def stored(value: Any) -> Any:
    """A value as octavo.filter_fields() keeps it."""
    if isinstance(value, str) and len(value.encode()) > LONG_STRING_BYTES:
        return {DIGEST_KEY: hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, list):
        return [stored(element) for element in value]
    if isinstance(value, dict):
        return {key: stored(inner) for key, inner in value.items()}
    return value


def _joined(node: Every | Either, predicates: list[str | None]) -> str | None:
    said = [text for text in predicates if text is not None]
    word = " && " if isinstance(node, Every) else " || "
    return f"({word.join(said)})" if said else None


def _said(at: str, condition: Condition, digested: bool) -> str | None:
    """A condition on what is at a path."""
    operand = condition.operand
    match condition.operator:
        case "eq" | "contains" | "in":
            return _equality(at, condition, digested)
        case "exists":
            return f"exists({at})"
        case "prefix":
            return f"{at} starts with {literal(operand)}"
        case "regex":
            return like(at, operand)
        case "gt" | "gte" | "lt" | "lte" as operator:
            return f"{at} {_COMPARE[operator]} {literal(operand)}"
    return _of_kind(at, condition, digested)


def _of_kind(at: str, condition: Condition, digested: bool) -> str:
    """A condition on what kind of value is at a path."""
    operand = condition.operand
    match condition.operator:
        case "mod":
            return f'exists({at} ? (@.type() == "number" && @ % {operand[0]} == {operand[1]}))'
        case "size":
            return _of_array(at, _field(condition), lambda array: f"{array}.size() == {operand}")
        case "element":
            asked = _inside(operand, digested)
            return _of_array(at, _field(condition), lambda array: f"exists({array}[*] ? ({asked}))")
    return _of_type(at, operand, digested)


def _of_type(at: str, kind: str, digested: bool) -> str:
    """`type()` takes an array for one, and `[*]` gives its elements; what stands for a long value counts as it."""
    said = [f"{place}.type() == {literal(kind)}" for place in (at, f"{at}[*]")]
    if digested and kind in _STANDS_FOR:
        said.append(f"exists({at}.{literal(_STANDS_FOR[kind])})")
    return f"({' || '.join(said)})"


def _of_array(at: str, field: Field, say: Callable[[str], str]) -> str:
    """A predicate of one array at a path.

    Several may be found there. A filter step looks at the objects that hold them one by one, and each has one.
    """
    if not field.path:
        return f'({at}.type() == "array" && {say(at)})'
    key = f".{literal(field.path[-1])}"
    holder, held = at.removesuffix(key), f"@{key}"
    return f'exists({holder} ? (@.type() == "object" && {held}.type() == "array" && {say(held)}))'


def _inside(node: Node, digested: bool) -> str:
    """A node as a predicate on an element, `@`; everything in it can be said, as was checked when it was parsed."""
    match node:
        case Condition():
            return _said(path(_field(node), "@"), node, digested) or _NEVER
        case Not(part=part):
            inner = _inside(part, digested)
            # Comparisons of what does not compare are unknown, and so is what is not that.
            return f"(({inner}) is unknown || !({inner}))"
        case Every(parts=parts):
            return " && ".join(f"({_inside(part, digested)})" for part in parts) or _ALWAYS
        case Either(parts=parts):
            return " || ".join(f"({_inside(part, digested)})" for part in parts)


def _equality(at: str, condition: Condition, digested: bool) -> str | None:
    choices = condition.operand if condition.operator == "in" else [condition.operand]
    if not choices or any(_is_container(choice) for choice in choices):
        return None
    said = [_equal(at, stored(choice) if digested else choice) for choice in choices]
    if None in choices and condition.operator != "contains":
        said.append(f"!exists({at})")
    return said[0] if len(said) == 1 else f"({' || '.join(said)})"


def _equal(at: str, choice: Any) -> str:
    if isinstance(choice, dict):
        return f"{at}.{literal(DIGEST_KEY)} == {literal(choice[DIGEST_KEY])}"
    return f"{at} == {literal(choice)}"


def _witnessed(at: str, condition: Condition, digested: bool) -> str | None:
    """Scalars that are there wherever a container equals the operand or contains it, or an element satisfies it."""
    if condition.operator == "element":
        return narrowed(condition.operand, _field(condition).source, digested, f"{at}[*]")
    if condition.operator not in {"eq", "contains"} or not _is_container(condition.operand):
        return None
    operand = stored(condition.operand) if digested else condition.operand
    # A filter step looks one level deeper than a comparison: the field may be an array of such containers.
    found = [f"exists({at} ? ({witness}))" for witness in _witnesses("@", operand, 0)]
    return " && ".join(found[:MAX_WITNESSES]) or None


def _witnesses(at: str, operand: Any, arrays: int) -> Iterator[str]:
    """Comparisons inside the operand, but not below an array in an array, which lax steps do not reach."""
    if isinstance(operand, dict):
        for key, inner in operand.items():
            yield from _witnesses(f"{at}.{literal(key)}", inner, 0)
    elif isinstance(operand, list):
        if arrays == 0:
            for element in operand:
                yield from _witnesses(at, element, 1)
    else:
        yield f"{at} == {literal(operand)}"


def _field(condition: Condition) -> Field:
    assert isinstance(condition.subject, Field)
    return condition.subject


def _is_container(value: object) -> bool:
    return isinstance(value, dict | list)
