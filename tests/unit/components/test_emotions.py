"""Emotions that a text names, by their words."""

from __future__ import annotations

import pytest

from octavo.components.emotions import EMOTIONS, emotions


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I am furious about this", "anger"),
        ("What a disgusting smell", "disgust"),
        ("She was terrified of the dark", "fear"),
        ("We are delighted to hear it", "joy"),
        ("He wept at the funeral", "sadness"),
        ("To their astonishment it moved", "surprise"),
    ],
)
def test_a_word_of_an_emotion_is_found(text, emotion):
    assert emotions(text) == {name: 0.5 if name == emotion else 0.0 for name in EMOTIONS}


@pytest.mark.parametrize(
    "text",
    [
        "I am not happy",
        "I wasn't really happy",
        "I wasn\u2019t happy",
        "nobody is happy",
        "never a happy day",
    ],
)
def test_a_word_that_is_denied_does_not_count(text):
    assert emotions(text)["joy"] == 0


def test_a_denial_reaches_no_further_than_its_clause():
    assert emotions("Not today. Happy as ever")["joy"] == 0.5


def test_scores_are_shares_of_all_that_was_found():
    found = emotions("sad, sad and afraid")

    assert (found["sadness"], found["fear"]) == (0.5, 0.25)


def test_a_text_without_emotions_has_none():
    assert set(emotions("The meeting is at nine.").values()) == {0.0}
