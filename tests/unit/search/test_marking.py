"""Marks around the words of a passage that match."""

from __future__ import annotations

import pytest

from octavo.engines.search.marking import marked
from octavo.roles.search import MATCH_END, MATCH_START


def shown(text: str, *words: str, beginnings: tuple[str, ...] = ()) -> str:
    return marked(text, set(words), beginnings).replace(MATCH_START, "[").replace(MATCH_END, "]")


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Refunds, refunds.", ["refunds"], "[Refunds], [refunds]."),
        ("unrefunds refundsx", ["refunds"], "unrefunds refundsx"),
        ("a_refund b", ["refund"], "a_[refund] b"),
        ("see example.com now", ["example.com"], "see [example.com] now"),
        ("example.com", ["example", "example.com"], "[example.com]"),
        ("GRÖSSE", ["grösse"], "[GRÖSSE]"),
        ("İstanbul refund", ["refund"], "İstanbul [refund]"),
        ("refund", [""], "refund"),
        ("", ["refund"], ""),
    ],
)
def test_whole_words_are_marked_in_any_case(text, words, expected):
    assert shown(text, *words) == expected


def test_a_beginning_marks_the_word_to_its_end():
    assert shown("Configure, reconfigure", beginnings=("config",)) == "[Configure], reconfigure"


def test_a_word_inside_a_longer_match_is_not_marked_again():
    assert shown("refunding", "refund", beginnings=("refund",)) == "[refunding]"
