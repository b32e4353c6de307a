"""What a condition compares with: JSON for fields, the attribute's own type for attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, TypeGuard, get_args
from uuid import UUID

from octavo.errors import InvalidFilter, InvalidInput
from octavo.values.actor import ActorKind
from octavo.values.condition import Attribute, Field, Kind
from octavo.values.json import decode, encode

MAX_CHOICES = 1_000
MAX_OPERAND_BYTES = 1024 * 1024
# Longer lists are known to filters by their length only: octavo.filter_value().
MAX_LIST = 700
JSON_TYPES = ("string", "number", "boolean", "null", "object", "array")
_KIND_WORDS = {
    "id": "a UUID",
    "text": "a string",
    "integer": "an integer",
    "moment": "a time with its zone, as 2026-01-31T12:00:00Z",
}


def operand_of(about: Field | Attribute, operator: str, value: object) -> Any:
    """The operand as the record compares it.

    Raises:
        InvalidFilter: not JSON, longer than 1 MiB, or not of the attribute's kind.
    """
    if isinstance(about, Field):
        return json_operand(about, operator, value)
    operand = _READ[about.kind](value)
    if operand is None:
        raise InvalidFilter(
            f"{about.name}: {operator} has {shown(value)}", remedy=f"give {_KIND_WORDS[about.kind]}"
        )
    if about.name in {"@created_by", "@updated_by"}:
        _refuse_actor_kind(about.name, operand)
    if about.name == "@name" and operand == "" and operator in {"$eq", "$ne", "$in", "$nin"}:
        raise InvalidFilter("@name is never empty", remedy="null stands for documents without a name")
    return operand


def json_operand(about: Field | Attribute, operator: str, value: object) -> Any:
    """The operand as JSON, by the rules of `octavo.values.json`."""
    try:
        encoded = encode(value, what=f"operand of {operator}")
    except InvalidInput as error:
        raise InvalidFilter(f"{about.name}: {error.message}", remedy=error.remedy) from error
    if len(encoded) > MAX_OPERAND_BYTES:
        raise InvalidFilter(
            f"{about.name}: {operator} has {len(encoded)} bytes", remedy=f"the limit is {MAX_OPERAND_BYTES}"
        )
    operand = decode(encoded)
    if (longest := _longest_list(operand)) > MAX_LIST:
        raise InvalidFilter(
            f"{about.name}: {operator} has a list of {longest} elements",
            remedy=f"lists of more than {MAX_LIST} are not compared",
        )
    return operand


def text_operand(about: Field | Attribute, operator: str, value: object) -> str:
    """The operand of an operator on strings."""
    if isinstance(about, Attribute) and about.kind != "text":
        raise InvalidFilter(f"{about.name} is no text: {operator}", remedy="use $eq, $in or a range")
    if not isinstance(value, str):
        raise InvalidFilter(f"{about.name}: {operator} has {shown(value)}", remedy="give a string")
    text: str = json_operand(about, operator, value)
    return text


def count_operand(about: Field, operator: str, value: object) -> int:
    """The operand of $size."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_LIST:
        raise InvalidFilter(
            f"{about.name}: {operator} has {shown(value)}",
            remedy=f"give a number of elements up to {MAX_LIST}",
        )
    return value


def type_operand(about: Field, operator: str, value: object) -> str:
    """The operand of $type: a kind of JSON value."""
    if not isinstance(value, str) or value not in JSON_TYPES:
        raise InvalidFilter(
            f"{about.name}: {operator} has {shown(value)}", remedy=f"types are {', '.join(JSON_TYPES)}"
        )
    return value


def remainder_operand(about: Field, operator: str, value: object) -> list[int]:
    """The operand of $mod: a divisor and a remainder."""
    pair = list(value) if isinstance(value, Sequence) else []
    if len(pair) != 2 or not all(isinstance(part, int) and not isinstance(part, bool) for part in pair):
        raise InvalidFilter(
            f"{about.name}: {operator} has {shown(value)}", remedy="give two integers: [divisor, remainder]"
        )
    if pair[0] < 1:
        raise InvalidFilter(f"{about.name}: {operator} divides by {pair[0]}", remedy="divide by 1 or more")
    return pair


def choices_of(about: Field | Attribute, operator: str, value: object) -> list[object]:
    """The operands of $in, $nin and $all, at most 1,000."""
    if not is_list(value):
        raise InvalidFilter(f"{about.name}: {operator} has {shown(value)}", remedy="give a list of values")
    if len(value) > MAX_CHOICES:
        raise InvalidFilter(
            f"{about.name}: {operator} has {len(value)} values",
            remedy=f"the limit is {MAX_CHOICES}: ask in several calls",
        )
    return list(value)


def is_list(value: object) -> TypeGuard[Sequence[object] | Set[object]]:
    """Whether a value is a list of its elements, as a tuple or a set is too, and a string is not."""
    return isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray)


def shown(value: object) -> str:
    """A value as a message quotes it, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _longest_list(value: Any) -> int:
    if isinstance(value, dict):
        return max(map(_longest_list, value.values()), default=0)
    if isinstance(value, list):
        return max(len(value), *map(_longest_list, value), 0)
    return 0


def _read_id(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else value if isinstance(value, UUID) else None
    except ValueError:
        return None


def _read_text(value: object) -> str | None:
    if not isinstance(value, str) or "\x00" in value:
        return None
    return value if value.encode("utf-8", "replace").decode() == value else None


def _read_integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def _read_moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return moment if isinstance(moment, datetime) and moment.tzinfo is not None else None


_READ: Mapping[Kind, Callable[[object], Any]] = {
    "id": _read_id,
    "text": _read_text,
    "integer": _read_integer,
    "moment": _read_moment,
}


def _refuse_actor_kind(name: str, actor: str) -> None:
    kind, separator, id = actor.partition(":")
    if separator and kind in get_args(ActorKind):
        raise InvalidFilter(
            f"{name} is an actor's id, and {actor!r} has the kind in front", remedy=f"write {id!r}"
        )
