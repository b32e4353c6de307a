"""The scalars of a JSON object by their paths, bounded, with numbers as exact decimals.

    {"amount": 12.50, "buyer": {"city": "Bern"}, "tags": ["a"], "paid": true}
    amount      a number, 12.50
    buyer.city  a text
    paid        a text, true
    tags        left out, as every list is, and null

A number is one of JSON, or a text of digits with a decimal point, which is how a `Decimal` is written: below 10^18 in
size, kept to nine places. What is over a bound is left out: fields behind the 32nd, levels below the fourth, names
over 100 and texts over 200 characters. Texts under a name of `ADDRESSES` that hold an IP address keep its network
only (24 bits of version 4, 48 of version 6), since an address is a person's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

MOST_FIELDS = 32
MOST_LEVELS = 4
NAME_CHARACTERS = 100
TEXT_CHARACTERS = 200
ADDRESSES = frozenset({"ip", "ip_address", "client_ip", "remote_addr", "remote_address"})

_WRITTEN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,9}")
_LIMIT = Decimal(10) ** 18
_PLACES = Decimal("1e-9")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

Fields = tuple[dict[str, Decimal], dict[str, str]]


def fields_of(data: bytes) -> Fields:
    """The numbers of a JSON object by path, and all its scalars as text."""
    numbers: dict[str, Decimal] = {}
    texts: dict[str, str] = {}
    for path, value in _scalars(_decoder.decode(data), "", MOST_LEVELS):
        number = _number(value)
        text = _text(path, value, number)
        if path in texts or len(path) > NAME_CHARACTERS or len(text) > TEXT_CHARACTERS:
            continue
        texts[path] = text
        if number is not None:
            numbers[path] = number
        if len(texts) == MOST_FIELDS:
            break
    return numbers, texts


def _scalars(value: Mapping[str, Any], prefix: str, levels: int) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            if levels > 1:
                yield from _scalars(inner, f"{prefix}{name}.", levels - 1)
        elif inner is not None and not isinstance(inner, list) and prefix + name:
            yield prefix + name, inner


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        number = Decimal(value)
    elif isinstance(value, str) and _WRITTEN.fullmatch(value):
        return Decimal(value)
    else:
        return None
    if abs(number) >= _LIMIT:
        return None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return number.quantize(_PLACES, ROUND_HALF_EVEN) if exponent < -9 else number


def _text(path: str, value: object, number: Decimal | None) -> str:
    if number is not None:
        return format(number, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return _network(text) if path.rpartition(".")[2] in ADDRESSES else text


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))
