"""What a query asks for."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from octavo.errors import InvalidInput, LimitExceeded, OctavoError
from octavo.roles.search import Term, Words
from octavo.search.parse import parse


def test_words_belong_together():
    assert parse("refund policy") == Words(((Term("refund"), Term("policy")),))


def test_a_quoted_run_is_a_phrase():
    assert parse('"refund  policy" now') == Words(((Term("refund policy", "phrase"), Term("now")),))


def test_one_quoted_word_is_a_word():
    assert parse('"refund"') == Words(((Term("refund"),),))


def test_a_quote_that_is_not_closed_reaches_to_the_end():
    assert parse('see "refund policy') == Words(((Term("see"), Term("refund policy", "phrase")),))


def test_or_parts_alternatives_and_binds_less_than_neighbourhood():
    assert parse("refund policy OR return") == Words(((Term("refund"), Term("policy")), (Term("return"),)))


def test_or_in_small_letters_is_a_word():
    assert parse("refund or return") == Words(((Term("refund"), Term("or"), Term("return")),))


@pytest.mark.parametrize("text", ["OR refund", "refund OR", "OR OR refund OR OR"])
def test_an_or_without_neighbours_says_nothing(text):
    assert parse(text) == Words(((Term("refund"),),))


def test_a_minus_excludes_a_word_and_a_phrase():
    assert parse('refund -draft -"on hold"') == Words(
        ((Term("refund"),),), (Term("draft"), Term("on hold", "phrase"))
    )


def test_a_minus_inside_a_word_belongs_to_it():
    assert parse("well-known") == Words(((Term("well-known"),),))


def test_a_star_asks_for_beginnings():
    assert parse("refun* -draf*") == Words(((Term("refun", "prefix"),),), (Term("draf", "prefix"),))


def test_signs_without_a_letter_or_digit_are_left_out():
    assert parse("refund & | ! <-> () * - 'x'") == Words(((Term("refund"), Term("'x'")),))


@pytest.mark.parametrize("text", ["", "   ", "!!!", "-draft", '""', "OR", "-", "*"])
def test_a_query_without_a_word_to_look_for_is_refused(text):
    with pytest.raises(InvalidInput, match="no word"):
        parse(text)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_no_document_can_hold_is_refused(text):
    with pytest.raises(InvalidInput, match="holds"):
        parse(text)


@pytest.mark.parametrize("text", ["a" * 1001, "a " * 33, "\U0001d518" * 501])
def test_a_query_over_a_limit_is_refused(text):
    with pytest.raises(LimitExceeded) as raised:
        parse(text)

    assert raised.value.fields["actual"] > raised.value.fields["limit"]


@given(st.text(max_size=200))
@example('-"a" OR -b* "')
def test_any_text_is_a_query_or_one_clear_error(text):
    try:
        words = parse(text)
    except OctavoError:
        return
    assert all(term.text for terms in (*words.alternatives, words.excluded) for term in terms)
