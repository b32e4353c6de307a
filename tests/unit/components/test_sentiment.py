"""sentiment: five classes, a score with the same sign, and six emotions."""

from __future__ import annotations

import pytest

from octavo.components.sentiment import CENTRES, judge, sentiment_of

GOOD = "An excellent film, wonderfully acted and a joy to watch."
BAD = "A terrible, boring mess: the worst film I have ever seen."


def test_praise_is_positive_and_blame_is_negative():
    """S0-140."""
    assert sentiment_of(GOOD).sentiment in {"positive", "very_positive"}
    assert sentiment_of(BAD).sentiment in {"negative", "very_negative"}


def test_the_score_has_the_sign_of_what_is_felt():
    assert -1 <= sentiment_of(BAD).score < -0.2 < 0.2 < sentiment_of(GOOD).score <= 1


@pytest.mark.parametrize(
    ("plain", "denied"),
    [("The food was good.", "The food was not good."), ("I like this phone.", "I don't like this phone.")],
)
def test_what_is_denied_feels_worse(plain, denied):
    assert sentiment_of(denied).score < sentiment_of(plain).score


def test_what_is_intensified_feels_stronger():
    assert (
        sentiment_of("This is an extremely good, amazing book.").score
        > sentiment_of("This is a good book.").score
    )


def test_the_confidence_is_the_score_of_the_class_and_the_scores_sum_to_one():
    result = sentiment_of(GOOD)

    by_class = result.metadata["class_scores"]
    assert set(by_class) == set(CENTRES)
    assert sum(by_class.values()) == pytest.approx(1)
    assert result.confidence == by_class[result.sentiment] == max(by_class.values())


def test_emotions_are_told_beside_it():
    assert sentiment_of(GOOD).emotion_scores["joy"] > 0


def test_a_long_text_is_the_mean_of_its_parts():
    long = sentiment_of("\n\n".join([GOOD] * 50 + [BAD] * 50))

    assert sentiment_of(BAD).score < long.score < sentiment_of(GOOD).score


def test_a_text_without_words_is_judged_without_confidence():
    assert abs(sentiment_of("").score) < 0.3


def test_the_model_tells_five_classes():
    assert set(judge().labels) == set(CENTRES)
