"""The SQL of filters: what it says, and what it never holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast import ast as pg
from pglast import parse_sql
from pglast.visitors import Visitor

from octavo.errors import InvalidFilter
from octavo.store.filters import LOOKUP, Compiler, compile_guard, compile_lookup, is_found
from octavo.values.filter import parse
from tests.database.filter_model import filters

INJECTIONS = [
    "'; DROP TABLE octavo.body; --",
    '" || 1 == 1',
    "$1",
    "\\",
    '"',
    "'",
    "%s",
    "a\nb",
    "{guard}",
    "*/",
]


class _Casts(Visitor):
    """Casts of anything but a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[pg.Node] = []

    def visit_TypeCast(self, _ancestors: object, node: pg.TypeCast) -> None:  # noqa: N802  # the visitor's name
        if not isinstance(node.arg, pg.ParamRef):
            self.found.append(node)


@given(filters)
def test_a_compiled_filter_is_sql_that_casts_nothing_but_its_parameters(where):
    """record.md 1: a cast of a stored value could fail, and the error would quote it."""
    condition, arguments = compile_lookup(parse(where), first=5)

    casts = _Casts()
    casts(parse_sql(f"SELECT FROM t WHERE {condition}"))
    assert casts.found == []
    assert {int(number) for number in re.findall(r"\$(\d+)", condition)} == set(range(5, 5 + len(arguments)))


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_name_or_value_reaches_the_text_of_a_statement(text):
    """S0-258"""
    where = {
        "a": text,
        "b": {"$prefix": text, "$regex": re.escape(text), "$contains": {text: [text]}},
        "@name": text,
    }
    where["c" + text.replace("\\", "\\\\").replace(".", "\\.")] = {"$gt": text}
    plain = {
        "a": "x",
        "b": {"$prefix": "x", "$regex": "x", "$contains": {"x": ["x"]}},
        "@name": "x",
        "c": {"$gt": "x"},
    }

    condition, _ = compile_lookup(parse(where), first=1)

    assert condition == compile_lookup(parse(plain), first=1)[0]


def test_conditions_on_the_body_become_one_parameter():
    condition, arguments = compile_lookup(
        parse({"a": 1, "b.c": {"$in": ["x", None]}, "d": {"$gt": -1.5}, "@metadata.e": True}), first=1
    )

    assert condition.startswith("(fields @@ $1::jsonpath AND metadata @@ $2::jsonpath)")
    assert arguments[:2] == [
        '$."a" == 1 && ($."b"."c" == "x" || $."b"."c" == null || !exists($."b"."c")) && $."d" > -1.5',
        '$."e" == true',
    ]


@pytest.mark.parametrize(
    ("where", "found", "narrowed"),
    [
        ({"a": 1}, True, '$."a" == 1'),
        ({"a": None}, False, None),
        ({"a": {"$in": [1, "x"]}}, True, '($."a" == 1 || $."a" == "x")'),
        ({"a": {"$in": [1, None]}}, False, None),
        ({"a": {"$gt": 1}}, False, None),
        ({"a": {"$ne": 1}}, False, None),
        ({"a": {"$all": [1, 2]}}, True, '$."a" == 1 && $."a" == 2'),
        ({"a": 1, "b": {"$gt": 1}}, False, '$."a" == 1'),
        ({"$or": [{"a": 1}, {"b": 2}]}, True, '$."a" == 1 || $."b" == 2'),
        ({"$or": [{"a": 1}, {"b": {"$gt": 2}}]}, False, None),
        ({"$or": [{"a": 1, "c": {"$gt": 2}}, {"b": 2}]}, False, '($."a" == 1) || $."b" == 2'),
        ({"a": {"x": 1, "y": [2, "z"]}}, False, '@."x" == 1'),
        ({"a": [[1]]}, False, None),
        ({"a": {"$contains": 1}}, True, '$."a" == 1'),
    ],
)
def test_what_indexes_find_is_told_apart_from_what_has_to_be_looked_at(where, found, narrowed):
    root = parse(where).root
    compiler = Compiler(LOOKUP, 1)

    condition = compiler.narrowed(root)

    assert is_found(root) is found
    assert (condition is None) == (narrowed is None)
    if narrowed is not None:
        assert narrowed in str(compiler.arguments[0])


def test_a_long_string_is_asked_for_by_its_digest():
    (condition, arguments), long = compile_lookup(parse({"a": "x" * 2_001}), first=1), "x" * 2_001

    assert condition == "(fields @@ $1::jsonpath)"
    assert str(arguments[0]).startswith('$."a"."$sha256" == "')
    assert long not in str(arguments)
    assert compile_guard(parse({"a": long}), body="b", metadata="m", first=1)[1] == [f'$."a" == "{long}"']


def test_a_guard_asks_the_columns_it_is_given_and_is_never_null():
    condition, arguments = compile_guard(
        parse({"a": {"$gt": 1}, "@metadata.b": 2}), body="locked.body", metadata="locked.metadata", first=12
    )

    assert condition == "(locked.body @@ $12::jsonpath AND locked.metadata @@ $13::jsonpath) IS TRUE"
    assert arguments == ['$."a" > 1', '$."b" == 2']


def test_a_guard_refuses_attributes_it_does_not_see():
    with pytest.raises(InvalidFilter, match="@version cannot be asked here"):
        compile_guard(parse({"@version": 3}), body="b", metadata="m", first=1)


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)
def test_a_prefix_is_the_range_of_the_texts_that_begin_with_it(prefix, text):
    _, arguments = compile_lookup(parse({"@name": {"$prefix": prefix}}), first=1)

    start, end = (str(argument) for argument in (*arguments, "\U0010ffff" * 10)[:2])
    assert (start <= text < end) == text.startswith(prefix)
