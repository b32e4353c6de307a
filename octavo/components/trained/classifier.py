"""A trained classifier: multinomial logistic regression over features of a text, read from arrays.

Scores are softmax((x·W + b) / T). The temperature T was chosen on texts that the coefficients had not seen, so that a
score of 0.8 means right in about eight of ten cases (temperature scaling; Guo et al., "On Calibration of Modern
Neural Networks", 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from octavo.components import meaning
from octavo.components.extra import library
from octavo.components.trained.artifact import packed, unpacked
from octavo.components.trained.features import KINDS, Features, Words
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

KIND = "classifier"


class Classifier:
    """Scores texts against the labels it was trained with.

    Args:
        coefficients: a row a label, a column a feature.
        intercepts: one a label.
        temperature: see above.
    """

    def __init__(
        self,
        labels: Sequence[str],
        features: Features,
        coefficients: Array,
        intercepts: Array,
        temperature: float,
    ) -> None:
        self.labels = tuple(labels)
        self.features = features
        self._coefficients = coefficients
        self._intercepts = intercepts
        self._temperature = temperature

    @property
    def by(self) -> str:
        """By what it classifies."""
        return f"logistic regression over {self.features.kind}"

    def scores(self, texts: Sequence[str]) -> Array:
        """A row a text, a column a label; the scores of a text sum to 1."""
        raw = self.features.of(texts) @ self._coefficients.T + self._intercepts
        return softmax(raw / self._temperature)

    def dumps(self) -> bytes:
        """The classifier as bytes, which run no code when they are read."""
        numpy, words = library("numpy"), self.features.words
        about: dict[str, Any] = {
            "labels": self.labels,
            "features": self.features.kind,
            "embedder": None if self.features.kind == "words" else meaning.model_name(),
            "temperature": self._temperature,
        }
        arrays = {
            "coefficients": self._coefficients.astype("float32"),
            "intercepts": numpy.asarray(self._intercepts, dtype="float32"),
        }
        if words is not None:
            about |= {"words": words.words, "longest": words.longest}
            arrays["rarity"] = words.rarity
        return packed(KIND, about, arrays)

    @classmethod
    def loads(cls, data: bytes) -> Classifier:
        """The classifier of these bytes.

        Raises:
            InvalidInput: they are none, or one trained on another embedder than is here.
        """
        about, arrays = unpacked(KIND, data)
        try:
            made = cls(
                about["labels"],
                _features(about, arrays),
                arrays["coefficients"],
                arrays["intercepts"],
                float(about["temperature"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("the bytes are a damaged classifier", remedy="train it again") from error
        made._check(about.get("embedder"))
        return made

    def _check(self, embedder: str | None) -> None:
        numpy, labels = library("numpy"), len(self.labels)
        fits = (
            self._coefficients.ndim == 2
            and self._coefficients.shape[0] == labels >= 2
            and self._intercepts.shape == (labels,)
            and numpy.isfinite(self._coefficients).all()
            and numpy.isfinite(self._intercepts).all()
            and self._temperature > 0
        )
        if not fits:
            raise InvalidInput("the bytes are a damaged classifier", remedy="train it again")
        if embedder is not None and embedder != meaning.model_name():
            raise InvalidInput(
                f"the classifier was trained on {embedder}, and here is {meaning.model_name()}",
                remedy="train it again: vectors of two models cannot be compared",
            )


def softmax(raw: Array) -> Array:
    """Scores of rows: positive, summing to 1."""
    numpy = library("numpy")
    raised = numpy.exp(raw - raw.max(axis=1, keepdims=True))
    scores: Array = raised / raised.sum(axis=1, keepdims=True)
    return scores


def _features(about: dict[str, Any], arrays: dict[str, Array]) -> Features:
    kind = about["features"]
    if kind not in KINDS:
        raise ValueError(kind)
    if kind == "meaning":
        return Features(kind, None)
    return Features(kind, Words(about["words"], arrays["rarity"], longest=int(about["longest"])))
