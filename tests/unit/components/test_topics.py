"""Topic models: distributions that add up, words that are there, the same topics each time."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.components.topics import topics_of
from octavo.components.trained.topic_model import TopicModel
from octavo.components.trained.topic_training import train_topics
from octavo.errors import InvalidInput

MAIL = "Parse the header of an email message and decode its charset; the message may be multipart."
EVENTS = "Run the coroutine in the event loop and wait for the future; cancel the task on timeout."


def test_the_shares_of_a_text_sum_to_one_and_the_dominant_topic_has_the_greatest(topics):
    """S0-141."""
    result = topics_of(topics.model, MAIL)

    assert set(result.topic_distribution) == set(range(5))
    assert sum(result.topic_distribution.values()) == pytest.approx(1)
    assert result.dominant_topic_score == max(result.topic_distribution.values())
    assert result.topic_distribution[result.dominant_topic] == result.dominant_topic_score


def test_the_keywords_are_words_of_the_topic_with_their_counts_in_the_text(topics):
    """S0-141."""
    result = topics_of(topics.model, MAIL + " A message is a message.")

    counts = {word.word: word.frequency for word in result.keywords}
    assert counts["message"] == 4
    assert all(word.weight > 0 for word in result.keywords)


def test_texts_about_other_things_have_other_topics(topics):
    assert topics_of(topics.model, MAIL).dominant_topic != topics_of(topics.model, EVENTS).dominant_topic


def test_a_topic_is_told_by_its_weightiest_words(topics):
    result = topics_of(topics.model, EVENTS)

    best = topics.model.best_words(result.dominant_topic, 4)
    assert result.metadata["title"] == ", ".join(word for word, _ in best)


@pytest.mark.parametrize("text", ["", "zzyzx qwrtp", "1234 ... 5678"])
def test_a_text_without_a_known_word_has_all_topics_alike(topics, text):
    result = topics_of(topics.model, text)

    assert set(result.topic_distribution.values()) == {0.2}
    assert (result.dominant_topic, result.keywords) == (0, [])


def test_words_of_a_topic_stand_together_more_often_than_any_words_do(topics):
    assert topics.figures.coherence > topics.figures.chance


def test_the_same_texts_make_the_same_bytes(topics, documentation):
    assert train_topics(documentation[::-1], topics=5).model.dumps() == topics.model.dumps()


def test_a_model_that_was_read_again_says_the_same(topics):
    again = TopicModel.loads(topics.model.dumps())

    assert np.array_equal(again.shares([MAIL, EVENTS]), topics.model.shares([MAIL, EVENTS]))


def test_bytes_that_are_no_topic_model_are_refused(topics, trained):
    for data in (b"", topics.model.dumps()[:-1], trained.classifier.dumps()):
        with pytest.raises(InvalidInput, match=r"no model|not a 'topics'"):
            TopicModel.loads(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topics": 1}, "topics = 1"),
        ({"topics": 400}, "different texts for 400"),
        ({"held_out": 0}, "held_out = 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(documentation, options, message):
    with pytest.raises(InvalidInput, match=message):
        train_topics(documentation, **options)
