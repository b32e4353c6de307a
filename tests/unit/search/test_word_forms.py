"""How an index outside PostgreSQL divides text into words."""

from __future__ import annotations

import pytest

from octavo.engines.search.word_forms import asked_words_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ann.Lee@example.org, order 4711-B", ["ann", "lee", "example", "org", "order", "4711", "b"]),
        ("snake_case ÄRGER", ["snake", "case", "ärger"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("全文検索", ["全文", "文検", "検索", "索"]),
        ("", []),
    ],
)
def test_words_are_letters_and_digits_with_their_marks(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_text_is_divided_alike_whether_it_is_in_plain_letters_or_not() -> None:
    text = "The quick_brown fox (v2.0) isn't 100% 'done'; see https://example.org/a-b?c=d"

    assert words_of(text) == words_of(f"{text} é")[:-1]


def test_a_query_has_no_loose_last_letter() -> None:
    assert asked_words_of("全文検索") == ["全文", "文検", "検索"]
    assert asked_words_of("款") == ["款"]
