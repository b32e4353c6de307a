"""How good a classifier is on texts it has not seen, beside what always guessing the commonest label would be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from octavo.components.extra import library

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BINS = 10


class LabelFigures(msgspec.Struct, frozen=True):
    """One label: how many texts have it, and how well it is found."""

    texts: int
    precision: float
    recall: float
    f1: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a classifier does on judged texts.

    Attributes:
        precision, recall, f1: means over labels, each counting the same, however rare (macro averages).
        majority: the accuracy of always guessing the commonest of the texts' labels.
        log_loss: the mean of -ln(score of the right label).
        calibration_error: how far confidence and accuracy are apart, the mean over ten equal ranges of confidence,
            weighted by the texts in each (expected calibration error; Naeini et al., 2015).
        confusion: a row for each right label, a column for each predicted one, in the order of `labels`.
    """

    labels: list[str]
    texts: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    majority: float
    log_loss: float
    calibration_error: float
    by_label: dict[str, LabelFigures]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


def figures(labels: Sequence[str], right: Sequence[int], scores: Array) -> Figures:
    """The figures of scores, a row a text, against the places of the right labels."""
    numpy, metrics = library("numpy"), library("sklearn.metrics")
    truth, found = numpy.asarray(right), scores.argmax(axis=1)
    places = range(len(labels))
    each = metrics.precision_recall_fscore_support(truth, found, labels=places, zero_division=0)
    precision, recall, f1, texts = each
    return Figures(
        labels=list(labels),
        texts=len(truth),
        accuracy=_rounded((found == truth).mean()),
        precision=_rounded(precision.mean()),
        recall=_rounded(recall.mean()),
        f1=_rounded(f1.mean()),
        majority=_rounded(texts.max() / len(truth)),
        log_loss=_rounded(-numpy.log(numpy.clip(scores[numpy.arange(len(truth)), truth], 1e-12, 1)).mean()),
        calibration_error=_rounded(_calibration_error(scores.max(axis=1), found == truth)),
        by_label={
            label: LabelFigures(
                int(texts[place]), _rounded(precision[place]), _rounded(recall[place]), _rounded(f1[place])
            )
            for place, label in enumerate(labels)
        },
        confusion=metrics.confusion_matrix(truth, found, labels=places).tolist(),
    )


def _calibration_error(confidence: Array, is_right: Array) -> float:
    numpy = library("numpy")
    bins = numpy.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(confidence[bins == one].sum() - is_right[bins == one].sum()) for one in numpy.unique(bins)]
    return float(sum(gaps) / len(confidence))


def _rounded(number: Any) -> float:
    """To six decimals, so that a figure is the same wherever it is computed again."""
    return round(float(number), 6)
