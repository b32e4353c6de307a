"""The scalars of an event's data by path, bounded, with exact numbers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from octavo.values.fields import MOST_FIELDS, fields_of


def test_scalars_are_found_by_their_paths_and_lists_and_nulls_are_not():
    data = b'{"a": 1, "b": {"c": "x", "d": {"e": true}}, "f": [1], "g": null, "h": {"i": {"j": {"k": 1}}}}'

    assert fields_of(data) == (
        {"a": Decimal(1), "h.i.j.k": Decimal(1)},
        {"a": "1", "b.c": "x", "b.d.e": "true", "h.i.j.k": "1"},
    )


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0.1", "0.1"),
        ("12.50", "12.50"),
        ('"12.50"', "12.50"),
        ("1e3", "1000"),
        ("-999999999999999999", "-999999999999999999"),
        ("0.12345678950", "0.123456790"),
    ],
)
def test_money_stays_what_its_digits_say(written: str, number: str):
    """S1-102: decimals for money, however they are written."""
    numbers, texts = fields_of(f'{{"n": {written}}}'.encode())

    assert numbers == {"n": Decimal(number)}
    assert Decimal(texts["n"]) == Decimal(number)


@pytest.mark.parametrize("written", ["1e18", "-1e30", '"12"', '"01.5"', '"+1.5"', '"1.5 "', '"NaN"', "true"])
def test_what_is_too_large_or_only_looks_like_a_number_is_a_text(written: str):
    numbers, texts = fields_of(f'{{"n": {written}}}'.encode())

    assert numbers == {}
    assert list(texts) == ["n"]


def test_what_is_over_a_bound_is_left_out_and_nothing_else():
    data = {"long": "x" * 201, "n" * 101: 1, "deep": {"1": {"2": {"3": {"4": 1}}}}, "kept": "x" * 200}

    assert list(fields_of(json.dumps(data).encode())[1]) == ["kept"]


def test_the_first_fields_count():
    data = json.dumps({f"f{place}": place for place in range(100)}).encode()

    assert list(fields_of(data)[1]) == [f"f{place}" for place in range(MOST_FIELDS)]


def test_one_path_from_two_names_is_the_first_of_them():
    assert fields_of(b'{"a.b": "first", "a": {"b": "second"}}')[1] == {"a.b": "first"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("no address", "no address"),
    ],
)
def test_of_an_ip_address_the_network_is_kept(address: str, network: str):
    """S1-098: raw addresses are truncated before they are stored."""
    data = json.dumps({"client": {"ip_address": address}, "note": address}).encode()

    assert fields_of(data)[1] == {"client.ip_address": network, "note": address}
