"""sentiment: how a document's text feels, in five classes, a score, and emotions.

Model: multinomial logistic regression over what a text means and the words it has, fitted to the mean ratings that
twenty people gave each of some 19,000 English sentences (reviews of films and products, tweets, editorials; Hutto and
Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis", 2014; MIT licence). `tools/train_sentiment.py`
makes it again; docs/quality-judging.md says how good it is.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from octavo.components.emotions import emotions
from octavo.components.fields import content, texts
from octavo.components.trained.classifier import Classifier
from octavo.errors import StepFailed
from octavo.text import function_words, passages
from octavo.values.component import Given, component
from octavo.values.result import Feeling, Sentiment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# What is judged at a time is about as long as what the model was fitted to; of a long text so many, evenly spread.
PASSAGE_CHARACTERS = 300
_MOST_PASSAGES = 100
# The mean rating of each class in the training, on a scale from -1 to 1.
CENTRES: dict[Feeling, float] = {
    "very_negative": -0.62,
    "negative": -0.32,
    "neutral": 0.0,
    "positive": 0.32,
    "very_positive": 0.62,
}


class SentimentConfig(BaseModel):
    """What is looked at: one field, as `article.text`, or every text of the body."""

    field: str | None = None


@component("sentiment", version=1)
def sentiment(given: Given, config: SentimentConfig) -> Sentiment:
    """How a document's English text feels: one of five classes, a score from -1 to 1, and six emotions."""
    text = texts(content(given, config.field))
    found = function_words.language_of(text)
    if found not in (None, "en"):
        raise StepFailed(
            f"the sentiment of English can be told, and this text is {found}",
            remedy="let the step follow `language`, under the condition that it is en",
        )
    given.measure(tokens_in=len(text.split()))
    return sentiment_of(text)


def sentiment_of(text: str) -> Sentiment:
    """The sentiment of an English text.

    A text longer than a few sentences is judged passage by passage; its scores are their means. The confidence is
    the score of the class, the score the mean of the classes' ratings weighted by their scores.

    Raises:
        MissingExtra: the extra `ml` is not installed.
    """
    judged = judge()
    scores = judged.scores(_passages(text)).mean(axis=0)
    by_class = {label: float(score) for label, score in zip(judged.labels, scores, strict=True)}
    best = max(CENTRES, key=by_class.__getitem__)
    return Sentiment(
        sentiment=best,
        score=sum(CENTRES[label] * by_class[label] for label in CENTRES),
        confidence=min(by_class[best], 1.0),
        emotion_scores=emotions(text),
        metadata={"class_scores": by_class},
    )


@cache
def judge() -> Classifier:
    """The model, read once."""
    return Classifier.loads(
        resources.files("octavo.components").joinpath("sentiment.safetensors").read_bytes()
    )


def _passages(text: str) -> list[str]:
    found = [one.text for one in passages.split(text, target_characters=PASSAGE_CHARACTERS)] or [""]
    step = -(-len(found) // _MOST_PASSAGES)
    return found[::step]
