"""Texts with variables: what they may hold, what is refused, and that a refusal names what is missing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.components.filling import MAX_CHARACTERS, MAX_ROUNDS, Filling
from octavo.errors import InvalidTemplate, LimitExceeded


def fill(text: str, **data: object) -> str:
    return Filling().fill(text, data, "intro.text")


@pytest.mark.parametrize(
    ("text", "data", "filled"),
    [
        ("Hello {{ name }}!", {"name": "Ann"}, "Hello Ann!"),
        ("{{ a.b[0].c }}", {"a": {"b": [{"c": 7}]}}, "7"),
        ("{% for x in xs %}{{ loop.index }}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", {"xs": ["x", "y"]}, "1x,2y"),  # noqa: E501
        ("{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}", {"d": {"a": 1, "b": 2}}, "a=1;b=2;"),
        ("{{ x | default('none') }}", {}, "none"),
        ("{% if x is defined and x > 2 %}many{% else %}few{% endif %}", {"x": 3}, "many"),
        ("{{ names | join(', ') | upper }}", {"names": ["a", "b"]}, "A, B"),
        ("{{ 3 * 4 + 5 % 3 }}", {}, "14"),
        ("{{ d.items }}", {"d": {"items": "its own field"}}, "its own field"),
        ("no { braces } of ours", {}, "no { braces } of ours"),
        ("ends with a line\n{{ a }}\n", {"a": 1}, "ends with a line\n1\n"),
    ],
)  # fmt: skip
def test_a_text_is_filled(text, data, filled):
    assert fill(text, **data) == filled


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{ customer }}", "customer"),
        ("{{ order.customer }}", "customer"),
        ("{{ order.missing.city }}", "missing"),
        ("{% for x in rows %}{% endfor %}", "rows"),
        ("{% if flag %}x{% endif %}", "flag"),
        ("{{ order.total + tax }}", "tax"),
    ],
)
def test_a_variable_that_is_not_given_is_named(text, name):
    with pytest.raises(InvalidTemplate) as refused:
        fill(text, order={"total": 1})

    assert refused.value.fields == {"where": "intro.text", "variable": name}
    assert f"intro.text needs '{name}'" in refused.value.message
    assert "there is: order" in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ a.__init__ }}",
        "{{ a['__class__'] }}",
        "{{ a.keys() }}",
        "{{ range(9) }}",
        "{{ a | attr('keys') }}",
        "{{ a | map('upper') }}",
        "{{ 'x' * 1000000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 99999999 }}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{{ self }}",
        "{{ loop.cycle('a') }}",
        "{{ cycler }}{{ namespace }}{{ lipsum }}",
        "{{ unclosed",
        "{% for x in 'abc' %}{{ x }}{% endfor %}",
    ],
)
def test_what_is_no_value_is_refused(text):
    with pytest.raises(InvalidTemplate):
        fill(text, a={"b": 1})


def test_a_text_is_refused_before_it_is_filled_with_its_line():
    with pytest.raises(InvalidTemplate) as refused:
        Filling().check("one\n{{ a() }}", "intro.text")

    assert refused.value.fields == {"where": "intro.text", "line": 2}


def test_loops_end():
    rows = list(range(MAX_ROUNDS // 100))

    with pytest.raises(LimitExceeded, match="rounds"):
        fill("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", x=rows * 2)
    with pytest.raises(InvalidTemplate, match="3 deep"):
        fill("{% for a in x %}" * 4 + "{% endfor %}" * 4, x=[])


def test_results_end():
    long = "x" * (MAX_CHARACTERS // 4)

    with pytest.raises(LimitExceeded, match="characters"):
        fill("{{ a }}" * 5, a=long)
    with pytest.raises(LimitExceeded, match="characters"):
        fill("{{ x | join(a) }}", a=long, x=list("abcdefg"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(JSON, st.text("ab.[]{}%|'( )_+*0", max_size=20))
def test_whatever_is_written_gives_a_text_or_one_of_our_errors(value, text):
    for shown in (text, "{{" + text + "}}", "{{ a." + text + " }}"):
        with suppress(InvalidTemplate, LimitExceeded):
            assert isinstance(fill(shown, a=value, b=value), str)
