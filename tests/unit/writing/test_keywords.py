"""keywords: what a text is about, weighed and counted."""

from __future__ import annotations

import re

import pytest

from octavo.components.keywords import KeywordsConfig, keywords, keywords_of
from octavo.errors import InvalidPipeline

TEXT = (
    "Refunds are paid within two weeks after the refund was approved. The refund policy of the shop says so. "
    "Ask for the refund policy before you buy. Returns are free."
)


def test_what_a_text_is_about_comes_first_with_weight_and_frequency():
    """S0-142: keywords validate against their shape."""
    made = keywords_of(TEXT)

    first = made.keywords[0]
    assert first.word == "refund policy"
    assert first.frequency == 2
    weights = [one.weight for one in made.keywords]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)


def test_every_keyword_stands_in_the_text():
    assert all(
        re.search(rf"\b{re.escape(one.word)}\b", TEXT, re.IGNORECASE) for one in keywords_of(TEXT).keywords
    )


def test_the_language_is_found_or_given():
    german = (
        "Die Rückerstattung wird nach der Prüfung der Rückerstattung gezahlt. Das steht in den Bedingungen."
    )

    assert keywords_of(german).metadata == {"language": "de"}
    assert not {
        one.word.casefold() for one in keywords_of(german, KeywordsConfig(language="de")).keywords
    } & {"die", "der", "wird"}
    assert keywords_of("12 34").metadata == {"language": "en"}


@pytest.mark.parametrize(
    ("config", "longest", "number"), [({"most": 3}, 3, 3), ({"longest_words": 1}, 1, 10)]
)
def test_how_many_and_how_long_is_configured(given, config, longest, number):
    made = keywords.bind(keywords.configured(config))(given({"text": TEXT}))

    assert len(made.keywords) <= number
    assert max(len(one.word.split()) for one in made.keywords) <= longest


def test_a_text_without_words_has_none(given):
    assert keywords.bind(keywords.configured({}))(given({"n": 1})).keywords == []


def test_what_is_out_of_range_is_refused():
    with pytest.raises(InvalidPipeline):
        keywords.configured({"most": 0})
