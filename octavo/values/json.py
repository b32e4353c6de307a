"""JSON as the record takes it: what is refused, what each Python type becomes, and how it is read back.

    Python                      JSON                            read back as
    str, int, float, bool, None the same                        the same (any integer; finite floats)
    Decimal                     string with every digit         str
    datetime, date, time        RFC 3339 string                 str
    UUID                        string                          str
    bytes                       base64 string                   str
    Enum, dataclass, Struct,    their JSON                      dict, list …
    pydantic model

Keys are strings. Key order is not kept; `1` and `1.0` are different values and both are kept as written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from octavo.errors import InvalidInput, LimitExceeded

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100
_encoder = msgspec.json.Encoder()
_ATOMS = frozenset({str, int, bool, type(None)})


def encode_object(value: object, *, what: str = "body", max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Encode a JSON object for the record.

    Raises:
        InvalidInput: not an object, or a value JSON or PostgreSQL cannot hold (NaN, U+0000 …); names the path.
        LimitExceeded: deeper than 100 levels or longer than `max_bytes`.
    """
    # A pydantic model says itself what its JSON is; the library need not be installed for that.
    dump = getattr(value, "model_dump", None)
    encoded = encode(dump(mode="json") if callable(dump) else value, what=what)
    if not encoded.startswith(b"{"):
        raise InvalidInput(
            f"the {what} is a {type(value).__name__}, not a JSON object", remedy="wrap it in an object"
        )
    if len(encoded) > max_bytes:
        raise LimitExceeded(
            f"the {what} has {len(encoded)} bytes",
            remedy=f"the limit is {max_bytes}",
            limit=max_bytes,
            actual=len(encoded),
        )
    return encoded


def encode(value: object, *, what: str = "value") -> bytes:
    """Encode any JSON value; same refusals as `encode_object`."""
    if not _is_clean(value, MAX_DEPTH):
        _check(value, what, MAX_DEPTH)
    try:
        encoded = _encoder.encode(value)
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"the {what} cannot be written as JSON: {error}") from error
    if b"\\u0000" in encoded:
        _refuse_null_character(msgspec.json.decode(encoded), what)
    return encoded


def encode_known(value: object) -> bytes:
    """Encode what this package has built itself, of structs and of JSON that `encode` wrote."""
    return _encoder.encode(value)


def decode(data: bytes) -> Any:
    """Read JSON that the record or `encode` wrote."""
    return msgspec.json.decode(data)


def parse_text(text: str | bytes, *, what: str = "body") -> Any:
    """Parse JSON from outside; a key that appears twice is refused, as PostgreSQL would silently keep the last."""
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the {what} is not JSON: {error}") from error


def _is_clean(value: object, levels: int) -> bool:
    """Whether a value is of the plainest types and all right; if not, `_check` says what is wrong, if anything is."""
    kind = type(value)
    if kind is float:
        return math.isfinite(cast("float", value))
    if kind is dict:
        given = cast("dict[object, object]", value)
        if not all(type(key) is str for key in given):
            return False
        inners: Iterable[object] = given.values()
    elif kind is list:
        inners = cast("list[object]", value)
    else:
        return kind in _ATOMS
    return levels >= 0 and all(type(inner) in _ATOMS or _is_clean(inner, levels - 1) for inner in inners)


def _check(value: object, path: str, levels: int) -> None:
    if levels < 0:
        raise LimitExceeded(f"{path[:200]} is nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{path} is {value}, which JSON cannot hold", remedy="store null or a string")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"{path} has the key {key!r}", remedy="keys must be strings")
            if not isinstance(inner, str):
                _check(inner, f"{path}.{key}", levels - 1)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        for place, inner in enumerate(value):
            if not isinstance(inner, str | int):
                _check(inner, f"{path}[{place}]", levels - 1)


def _refuse_null_character(value: object, path: str) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise InvalidInput(
            f"{path} holds the character U+0000, which PostgreSQL cannot store", remedy="remove it"
        )
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_null_character(key, f"{path} key")
            _refuse_null_character(inner, f"{path}.{key}")
    if isinstance(value, list):
        for place, inner in enumerate(value):
            _refuse_null_character(inner, f"{path}[{place}]")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"the key {twice!r} appears twice in one object", remedy="keep one of them")
    return result


def _refuse_constant(name: str) -> Any:
    raise InvalidInput(f"{name} is not JSON", remedy="store null or a string")
