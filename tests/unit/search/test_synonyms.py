"""Queries with synonyms in the place of words."""

from __future__ import annotations

import pytest

from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.search import Term
from octavo.search.parse import parse
from octavo.search.synonyms import MAX_ALTERNATIVES, expanded, names
from octavo.values.synonyms import words_of

REFUND = ["refund", "money back"]


def _texts(query: str, *sets: list[str]) -> list[str]:
    words = expanded(parse(query), sets)
    return [" ".join(_text(term) for term in terms) for terms in words.alternatives]


def _text(term: Term) -> str:
    return f'"{term.text}"' if term.kind == "phrase" else term.text


def test_a_query_is_asked_as_it_is_and_with_each_synonym() -> None:
    assert _texts("Refund policy", REFUND) == ["Refund policy", '"money back" policy']


@pytest.mark.parametrize("query", ['"money back" policy', "Money Back policy"])
def test_a_phrase_is_a_word_quoted_or_not(query: str) -> None:
    assert _texts(query, REFUND)[1:] == ["refund policy"]


def test_every_word_may_have_synonyms() -> None:
    found = _texts("refund policy", ["refund", "return"], ["policy", "rule"])

    assert set(found) == {"refund policy", "refund rule", "return policy", "return rule"}


def test_what_is_excluded_and_what_only_begins_so_has_no_synonyms() -> None:
    words = expanded(parse("order -refund refund*"), [REFUND])

    assert words == parse("order -refund refund*")
    assert names(words) == ["order"]


def test_alternatives_are_bounded_and_those_that_were_asked_stay() -> None:
    many = [[f"{letter}{number}" for number in range(20)] for letter in "abcde"]
    query = "a0 b0 c0 d0 e0 OR z"

    found = _texts(query, *many)

    assert len(found) == MAX_ALTERNATIVES
    assert found[:2] == ["a0 b0 c0 d0 e0", "z"]


def test_a_set_is_kept_without_regard_to_case_and_white_space() -> None:
    assert words_of(["Refund", "money  BACK", "refund "]) == ["refund", "money back"]


@pytest.mark.parametrize("words", [[], ["one"], ["one", "One "], "two words", ["one", '"two"'], ["one", "—"]])
def test_what_is_no_set_is_refused(words: list[str]) -> None:
    with pytest.raises(InvalidInput):
        words_of(words)


@pytest.mark.parametrize("words", [[f"w{number}" for number in range(21)], ["one", "x" * 101]])
def test_a_set_has_limits(words: list[str]) -> None:
    with pytest.raises(LimitExceeded):
        words_of(words)
