"""Trains topic models, and tells how well their words belong together in texts they were not fitted to."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec

from octavo.components.extra import library
from octavo.components.trained.examples import Cleaned, Example, cleaned
from octavo.components.trained.features import LOOKED_AT, Words
from octavo.components.trained.topic_model import TopicModel
from octavo.errors import InvalidInput
from octavo.text import function_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_TOPICS = 500
MOST_WORDS = 10_000
_ITERATIONS = 500
_TOLD_WORDS = 10
# A word in more than this share of the texts tells none apart.
_LARGEST_SHARE = 0.5


class TopicFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic model does on texts that were held out.

    Attributes:
        coherence: how much more often the ten best words of a topic stand in one text than by chance, from -1 to 1:
            the mean of normalized pointwise mutual information over pairs and topics (Bouma, 2009).
        coherence_by_topic: the same of each topic.
        chance: the same of as many words drawn evenly from the vocabulary: what topics of any words would have.
        covered: the share of the texts that have a word of a topic.
        words: the ten best words of each topic.
    """

    topics: int
    texts: int
    coherence: float
    coherence_by_topic: list[float]
    chance: float
    covered: float
    words: list[list[str]]

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


class TrainedTopics(msgspec.Struct, frozen=True, kw_only=True):
    """A topic model that was trained, and the texts of each part."""

    model: TopicModel
    figures: TopicFigures
    examples: Cleaned
    learnt_from: list[Example]
    judged_by: list[Example]


def train_topics(texts: Sequence[Example], *, topics: int = 20, held_out: float = 0.2) -> TrainedTopics:
    """Find topics in texts; the same texts always give the same topics.

    Args:
        texts: at least ten for each topic; their labels are not looked at.
        topics: 2 to 500.
        held_out: the share of the texts that judges and is not fitted to.

    Raises:
        InvalidInput: too few texts, or too few words in common. LimitExceeded, MissingExtra.
    """
    if not 2 <= topics <= MOST_TOPICS:
        raise InvalidInput(f"topics = {topics}", remedy=f"give 2 to {MOST_TOPICS}")
    if not 0.05 <= held_out <= 0.5:
        raise InvalidInput(f"held_out = {held_out}", remedy="give a share from 0.05 to 0.5")
    usable = cleaned(msgspec.structs.replace(text, label="text") for text in texts)
    if len(usable.kept) < 10 * topics:
        raise InvalidInput(
            f"{len(usable.kept)} different texts for {topics} topics",
            remedy="give ten for each, or fewer topics",
        )
    held = round(len(usable.kept) * held_out)
    judged_by, learnt_from = usable.kept[:held], usable.kept[held:]
    model = _fitted([one.text for one in learnt_from], topics)
    return TrainedTopics(
        model=model,
        figures=_figures(model, [one.text for one in judged_by]),
        examples=usable,
        learnt_from=learnt_from,
        judged_by=judged_by,
    )


def _fitted(texts: Sequence[str], topics: int) -> TopicModel:
    decomposition, exceptions = library("sklearn.decomposition"), library("sklearn.exceptions")
    words = Words.fitted(
        texts, most=MOST_WORDS, largest_share=_LARGEST_SHARE, longest=1, without=sorted(function_words.ALL)
    )
    if len(words.words) < 10 * topics:
        raise InvalidInput(
            f"the texts have {len(words.words)} words in common, too few for {topics} topics",
            remedy="give more texts, longer ones, or fewer topics",
        )
    factorization = decomposition.NMF(topics, init="nndsvd", random_state=0, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # As near as so many rounds come is near enough.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        factorization.fit(words.weights(texts))
    found = factorization.components_
    return TopicModel(words, (found / found.sum(axis=1, keepdims=True).clip(1e-12)).astype("float32"))


def _figures(model: TopicModel, texts: Sequence[str]) -> TopicFigures:
    numpy = library("numpy")
    count = len(model.topics)
    best = [[word for word, _ in model.best_words(topic, _TOLD_WORDS)] for topic in range(count)]
    places = {word: place for place, word in enumerate(model.words.words)}
    has = (model.words.counts([text[:LOOKED_AT] for text in texts]) > 0).astype("float32").tocsc()
    any_words = numpy.linspace(0, len(places) - 1, count * _TOLD_WORDS).astype(int)
    coherence = [_coherence(has, [places[word] for word in words]) for words in best]
    # Neighbours in the alphabet belong together, so a draw takes every n-th.
    drawn = [any_words[topic::count].tolist() for topic in range(count)]
    known = (model.words.counts(texts) @ model.topics.T > 0).any(axis=1)
    return TopicFigures(
        topics=count,
        texts=len(texts),
        coherence=_mean(coherence),
        coherence_by_topic=[round(one, 6) for one in coherence],
        chance=_mean([_coherence(has, words) for words in drawn]),
        covered=round(float(numpy.asarray(known).mean()), 6),
        words=best,
    )


def _coherence(has: Any, places: Sequence[int]) -> float:
    """Normalized pointwise mutual information, the mean over pairs of words; -1 for words that never meet."""
    texts = has.shape[0]
    columns = has[:, places]
    together = (columns.T @ columns).toarray() / texts
    alone = together.diagonal()
    found = []
    for one, other in combinations(range(len(places)), 2):
        both = together[one, other]
        if both in (0, 1):
            found.append(-1.0 if both == 0 else 1.0)
        else:
            found.append(math.log(both / (alone[one] * alone[other])) / -math.log(both))
    return _mean(found)


def _mean(numbers: Sequence[float]) -> float:
    return round(float(sum(numbers)) / len(numbers), 6) if numbers else 0.0
