"""A patch: fields to merge (RFC 7396) and guarded operations on single fields."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.values.json import encode

MAX_OPERATIONS = 100
_NUMERIC = {"$inc", "$mul", "$min", "$max"}
OPERATORS = ("$set", "$unset", "$inc", "$mul", "$min", "$max", "$push", "$add_to_set", "$pull")


class Patch(msgspec.Struct, frozen=True):
    """A checked patch: the merge part and the operations, both as JSON for the record."""

    merge: bytes
    operations: bytes


def parse(changes: Mapping[str, Any]) -> Patch:
    """Split `{"status": "published", "$inc": {"reserved": 1}}` into what merges and what operates.

    Fields merge first, then the operations run in the order given; operations take dotted paths.

    Raises:
        InvalidInput: an unknown operator or an operand of the wrong kind.
        LimitExceeded: more than 100 operations.
    """
    merge = {key: value for key, value in changes.items() if not key.startswith("$")}
    operations = [
        [operator, _path(path), _operand(operator, path, operand)]
        for operator, fields in changes.items()
        if operator.startswith("$")
        for path, operand in _fields(operator, fields).items()
    ]
    if len(operations) > MAX_OPERATIONS:
        raise LimitExceeded(
            f"the patch has {len(operations)} operations",
            remedy=f"the limit is {MAX_OPERATIONS}",
            limit=MAX_OPERATIONS,
            actual=len(operations),
        )
    return Patch(encode(merge, what="patch"), encode(operations, what="patch"))


def _fields(operator: str, fields: object) -> Mapping[str, Any]:
    if operator not in OPERATORS:
        near = get_close_matches(operator, OPERATORS, 1)
        raise InvalidInput(
            f"{operator!r} is not an operation of a patch",
            remedy=f"did you mean {near[0]}?" if near else f"use one of {', '.join(OPERATORS)}",
        )
    if not isinstance(fields, Mapping):
        raise InvalidInput(
            f"{operator} needs an object of fields, not {fields!r}",
            remedy=f'{{"{operator}": {{"field": …}}}}',
        )
    return fields


def _path(path: str) -> list[str]:
    parts = path.split(".")
    if not all(parts):
        raise InvalidInput(f"{path!r} is not a path of fields", remedy="write field or field.inner")
    return parts


def _operand(operator: str, path: str, operand: Any) -> Any:
    if operator in _NUMERIC and (isinstance(operand, bool) or not isinstance(operand, int | float)):
        raise InvalidInput(f"{operator} of {path} needs a number, not {operand!r}")
    return operand
