"""Cursors and orders as text."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import InvalidFilter
from octavo.values.condition import Attribute, Field
from octavo.values.order import Order, parse_order
from octavo.values.page import Cursor, parse_cursor


@given(st.text(max_size=12), st.text(st.characters(codec="utf-8"), max_size=50), st.uuids())
def test_a_cursor_reads_back_as_it_was_written(question, key, id):
    cursor = Cursor(question, key, id)

    assert parse_cursor(str(cursor), question) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c1",
        "c1-",
        "c2-e30",
        "c1-%%%",
        "c1-" + base64.urlsafe_b64encode(b"[1,2]").decode(),
        "x" * 10_000,
        "c1-\ud800",
    ],
)
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidFilter, match="is not a cursor"):
        parse_cursor(text, "q")


@given(st.text())
def test_no_text_makes_reading_a_cursor_fail_otherwise(text):
    with pytest.raises(InvalidFilter):
        parse_cursor(text, "q")


def test_a_cursor_of_another_question_is_refused():
    cursor = Cursor("one", "key", UUID(int=1))

    with pytest.raises(InvalidFilter, match="belongs to another filter or order"):
        parse_cursor(str(cursor), "other")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("@name", Order(Attribute("@name"), False)),
        ("-@created_at", Order(Attribute("@created_at"), True)),
        ("-address.city", Order(Field("body", ("address", "city"), "address.city"), True)),
        ("@metadata.level", Order(Field("metadata", ("level",), "@metadata.level"), False)),
    ],
)
def test_an_order_names_what_it_goes_by(text, order):
    assert parse_order(text) == order
    assert str(order) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@type", "nothing to order by"),
        ("-@creatd_at", "did you mean @created_at"),
        ("@metadata", "order by a field in it"),
        ("", "not the path of a field"),
        ("-", "not the path of a field"),
    ],
)
def test_an_order_that_means_nothing_is_refused(text, words):
    with pytest.raises(InvalidFilter, match=words):
        parse_order(text)
