"""Texts as numbers to learn from: what they mean, the words they have, or both.

*meaning* is the offline embedding. *words* are words and pairs of words, each counted as 1 + ln(count), weighted by
how rare it is among the texts of the training, ln((1 + n) / (1 + n with it)) + 1, and the row brought to length 1
(tf-idf; Salton and Buckley, 1988). *both* is one beside the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from octavo.components import meaning
from octavo.components.extra import library
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Kind = Literal["meaning", "words", "both"]
KINDS: tuple[Kind, ...] = ("meaning", "words", "both")
# What is looked at of a text, in characters: its beginning says what it is about.
LOOKED_AT = 20_000
_WORD = r"(?u)\b[^\W\d_]{2,}\b"


class Words:
    """The words that count, and how rare each is.

    Args:
        words: in the order of their columns.
        rarity: a weight for each.
    """

    def __init__(self, words: Sequence[str], rarity: Array, *, longest: int) -> None:
        self.words = tuple(words)
        self.rarity = rarity
        self.longest = longest
        self._counter = _counter(longest, vocabulary=list(words))

    @classmethod
    def fitted(
        cls,
        texts: Sequence[str],
        *,
        most: int,
        fewest_texts: int = 2,
        largest_share: float = 1.0,
        longest: int = 2,
        without: Sequence[str] | None = None,
    ) -> Words:
        """The words of these texts.

        Args:
            most: words at most, the most frequent.
            fewest_texts: a word is in at least so many texts.
            largest_share: and in at most this share of them.
            longest: words of a phrase.
            without: words that say nothing.

        Raises:
            InvalidInput: the texts have no such word.
        """
        numpy = library("numpy")
        counter = _counter(
            longest, max_features=most, min_df=fewest_texts, max_df=largest_share, stop_words=without
        )
        try:
            counts = counter.fit_transform([text[:LOOKED_AT] for text in texts])
        except ValueError as error:
            raise InvalidInput(
                "the texts have too few words in common to learn from",
                remedy="give more texts, or longer ones",
            ) from error
        texts_with = numpy.asarray((counts > 0).sum(axis=0)).ravel()
        rarity = numpy.log((1 + len(texts)) / (1 + texts_with)) + 1
        return cls(counter.get_feature_names_out().tolist(), rarity.astype("float32"), longest=longest)

    def counts(self, texts: Sequence[str]) -> Any:
        """How often each text has each word: a sparse matrix, a row a text."""
        return self._counter.transform([text[:LOOKED_AT] for text in texts])

    def weights(self, texts: Sequence[str]) -> Any:
        """The weight of each word in each text, rows of length 1: a sparse matrix."""
        numpy = library("numpy")
        counted = self.counts(texts).astype("float32")
        counted.data = (1 + numpy.log(counted.data)) * self.rarity[counted.indices]
        return library("sklearn.preprocessing").normalize(counted, copy=False)


class Features:
    """What is learnt from of each text.

    Args:
        kind: see above.
        words: None for meaning alone.
    """

    def __init__(self, kind: Kind, words: Words | None) -> None:
        self.kind = kind
        self.words = words

    def of(self, texts: Sequence[str]) -> Any:
        """A row a text; sparse where there are words."""
        beginnings = [text[:LOOKED_AT] for text in texts]
        if self.words is None:
            return meaning.vectors(beginnings)
        if self.kind == "words":
            return self.words.weights(beginnings)
        return beside(meaning.vectors(beginnings), self.words.weights(beginnings))


def beside(vectors: Any, weights: Any) -> Any:
    """The features *both* of the two others."""
    sparse = library("scipy.sparse")
    return sparse.hstack([sparse.csr_matrix(vectors), weights], format="csr")


def _counter(longest: int, **options: Any) -> Any:
    text = library("sklearn.feature_extraction.text")
    return text.CountVectorizer(token_pattern=_WORD, ngram_range=(1, longest), **options)
