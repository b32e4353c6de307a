"""language: the tag, how sure it is, and what else it may be."""

from __future__ import annotations

import pytest

from octavo.components.language import language_of


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Please send the signed contract back before Friday evening.", "en"),
        ("Bitte senden Sie den unterschriebenen Vertrag bis Freitagabend zurück.", "de"),
        ("Пожалуйста, пришлите подписанный договор до вечера пятницы.", "ru"),
    ],
)
def test_a_sentence_names_its_language_and_how_sure_that_is(text, tag):
    found = language_of(text)

    assert found.language == tag
    assert 0.5 <= found.confidence <= 1


def test_the_alternatives_are_other_languages_and_less_likely():
    found = language_of("Vänligen skicka tillbaka det undertecknade avtalet.", most=4)

    scores = [found.confidence, *(one.confidence for one in found.alternatives)]
    assert len(found.alternatives) == 3
    assert scores == sorted(scores, reverse=True)
    assert found.language not in [one.language for one in found.alternatives]


@pytest.mark.parametrize("text", ["", "12 34 56", "https://example.org/path"])
def test_a_text_without_words_has_no_language(text):
    found = language_of(text)

    assert (found.language, found.confidence, found.alternatives) == ("und", 0.0, [])


def test_a_text_that_is_not_clear_has_no_language_but_candidates():
    found = language_of("foo bar baz")

    assert found.language == "und"
    assert found.alternatives[0].confidence == found.confidence < 0.5
