"""Words as PostgreSQL's text search takes them."""

import pytest

from octavo.engines.search.lexemes import (
    alternative_query,
    excluded_query,
    name_words,
    paired,
    resembling_words,
    term_query,
)
from octavo.roles.search import Term


def test_text_with_spaces_stays_as_it_is():
    assert paired("Straße, Żółw и слово") is None


def test_unspaced_text_becomes_overlapping_pairs_and_its_last_letter():
    assert paired("das 全文検索 hier").split() == ["das", "全文", "文検", "検索", "索", "hier"]


def test_a_query_for_unspaced_text_is_a_phrase_of_pairs():
    assert term_query(Term("全文検索")).split() == ["'", "全文", "文検", "検索", "'"]


def test_a_single_unspaced_letter_is_the_beginning_of_a_pair():
    assert term_query(Term("猫")).replace(" ", "") == "'猫':*"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("it's", "'it''s'"), ("a\\b", "'a\\\\b'"), ("a & !b | (c) <-> d:*", "'a & !b | (c) <-> d:*'")],
)
def test_no_character_of_a_term_is_an_operator(text, quoted):
    assert term_query(Term(text)) == quoted


def test_an_alternative_demands_all_terms_and_exclusion_takes_any():
    terms = [Term("refund"), Term("pol", "prefix")]

    assert alternative_query(terms) == "'refund' & 'pol':*"
    assert excluded_query(terms) == "'refund' | 'pol':*"
    assert excluded_query([]) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("annual_report-2024.pdf", "annual_report-2024.pdf annual report 2024 pdf"),
        ("docs/how-to/start.md", "docs/how-to/start.md docs how to start md"),
        ("A plain title", None),
    ],
)
def test_the_parts_of_a_name_are_words_too(name, words):
    assert name_words(name) == words


def test_words_are_compared_longest_first_and_numbers_are_not_compared():
    assert resembling_words([Term("to"), Term("kot"), Term("stara szafa", "phrase")]) == [
        "stara",
        "szafa",
        "kot",
    ]
    assert resembling_words([Term("invoice"), Term("4711a")]) == []
