"""A topic model: topics are weights of words; a text's shares say how much each topic explains of its words.

Non-negative matrix factorization of tf-idf (Lee and Seung, 1999). The shares of a text are the non-negative least
squares solution w of w·H ≈ x, divided by its sum; each row of H, a topic, sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from octavo.components.extra import library
from octavo.components.trained.artifact import packed, unpacked
from octavo.components.trained.features import Words
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

KIND = "topics"
# What makes the equations solvable when two topics are alike, as a share of the greatest.
_APART = 1e-9


class TopicModel:
    """Tells the topics of texts.

    Args:
        topics: a row a topic, a column a word; rows sum to 1.
    """

    def __init__(self, words: Words, topics: Array) -> None:
        numpy, linalg = library("numpy"), library("scipy.linalg")
        self.words = words
        self.topics = topics
        square = topics @ topics.T
        square += numpy.eye(len(topics)) * square.max() * _APART
        self._factor = linalg.cholesky(square, lower=True)

    def shares(self, texts: Sequence[str]) -> Array:
        """A row a text, a column a topic; rows sum to 1. All topics share a text without a word they have alike."""
        numpy, linalg = library("numpy"), library("scipy.linalg")
        nnls = library("scipy.optimize").nnls
        explained = self.words.weights(texts) @ self.topics.T
        shares: Array = numpy.full((len(texts), len(self.topics)), 1 / len(self.topics))
        for place, row in enumerate(explained):
            if row.any():
                # min |x - wH| is min |L'w - L⁻¹Hx'| with LL' = HH': as small as there are topics.
                right = linalg.solve_triangular(self._factor, row, lower=True)
                weights, _ = nnls(self._factor.T, right)
                shares[place] = weights / weights.sum()
        return shares

    def best_words(self, topic: int, most: int = 10) -> list[tuple[str, float]]:
        """The weightiest words of a topic, and their weights."""
        row = self.topics[topic]
        best = row.argsort(kind="stable")[::-1][:most]
        return [(self.words.words[place], float(row[place])) for place in best if row[place] > 0]

    def words_of(self, text: str, topic: int, most: int = 10) -> list[tuple[str, float, int]]:
        """The words of a topic that a text has, their weights in the topic and their counts, what counts most first."""
        row = self.words.counts([text]).tocoo()
        found = [
            (self.words.words[place], float(self.topics[topic, place]), int(count))
            for place, count in zip(row.col, row.data, strict=True)
            if self.topics[topic, place] > 0
        ]
        return sorted(found, key=lambda word: (-word[1] * word[2], word[0]))[:most]

    def dumps(self) -> bytes:
        """The model as bytes, which run no code when they are read."""
        about = {"words": self.words.words, "longest": self.words.longest}
        return packed(KIND, about, {"topics": self.topics.astype("float32"), "rarity": self.words.rarity})

    @classmethod
    def loads(cls, data: bytes) -> TopicModel:
        """The model of these bytes; raises `InvalidInput` when they are none."""
        about, arrays = unpacked(KIND, data)
        try:
            topics = arrays["topics"]
            words = Words(about["words"], arrays["rarity"], longest=int(about["longest"]))
            if topics.ndim != 2 or topics.shape[1] != len(words.words) or not (topics >= 0).all():
                raise ValueError("shape")
            return cls(words, topics)
        except (KeyError, TypeError, ValueError, library("numpy").linalg.LinAlgError) as error:
            raise InvalidInput("the bytes are a damaged topic model", remedy="train it again") from error
