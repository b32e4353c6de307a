"""Trains classifiers: what is learnt from, and how strictly, is chosen by cross-validation.

Three kinds of features and four strengths of regularization are tried in three folds of at most 3,000 examples; the
most accurate way learns from all examples that do not judge. Its figures are those of the model that is kept: it is
not trained once more on what judged it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from octavo.components import meaning
from octavo.components.extra import library
from octavo.components.trained.classifier import Classifier, softmax
from octavo.components.trained.examples import Cleaned, Example, cleaned, parted, sampled
from octavo.components.trained.features import KINDS, LOOKED_AT, Features, Kind, Words, beside
from octavo.components.trained.metrics import Figures, figures
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

HELD_OUT = 0.2
MOST_WORDS = 20_000
_TRIED_ON = 3_000
_FOLDS = 3
# Inverse strengths of the L2 penalty.
_STRENGTHS = (1.0, 3.0, 10.0, 30.0)
_ITERATIONS = 2_000
# Of temperatures, as powers of two.
_EXPONENTS = (-5.0, 5.0)


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A classifier that was trained.

    Attributes:
        figures: on the examples that were held out.
        tried: the accuracy of each way in cross-validation, as `{"words 10": 0.91}`.
        learnt_from, judged_by: the examples of each part.
    """

    classifier: Classifier
    figures: Figures
    features: Kind
    tried: dict[str, float]
    examples: Cleaned
    learnt_from: list[Example]
    judged_by: list[Example]


class _Way(msgspec.Struct, frozen=True):
    """A way to learn, and what it gave: scores of texts that were not learnt from, before the softmax."""

    kind: Kind
    strength: float
    raw: Any
    targets: Any

    @property
    def name(self) -> str:
        return f"{self.kind} {self.strength:g}"

    @property
    def accuracy(self) -> float:
        return float((self.raw.argmax(axis=1) == self.targets).mean())

    @property
    def temperature(self) -> float:
        """The one with which the scores say best how sure one can be: that of the least log loss.

        A share of 1 / (texts + 2) is taken as wrong, or no error in a few texts would mean that there can be none
        (Platt, "Probabilistic Outputs for Support Vector Machines", 1999).
        """
        numpy, optimize = library("numpy"), library("scipy.optimize")
        texts, labels = self.raw.shape
        doubt = 1 / (texts + 2)
        wanted = numpy.full(self.raw.shape, doubt / (labels - 1))
        wanted[numpy.arange(texts), self.targets] = 1 - doubt

        def loss(exponent: float) -> float:
            scores = softmax(self.raw / 2.0**exponent)
            return float(-(wanted * numpy.log(scores.clip(1e-300))).sum() / texts)

        return float(2.0 ** optimize.minimize_scalar(loss, bounds=_EXPONENTS, method="bounded").x)


def train_classifier(
    examples: Sequence[Example], *, held_out: float = HELD_OUT, features: Kind | None = None
) -> Trained:
    """Learn to tell the labels of texts; the same examples always make the same classifier.

    Args:
        examples: at least 5 different ones of each label, 200,000 at most.
        held_out: the share of each label that judges and is not learnt from, 0.05 to 0.5.
        features: `meaning`, `words` or `both`; without it what cross-validation finds best.

    Raises:
        InvalidInput: too few examples, or too few labels. LimitExceeded, MissingExtra.
    """
    if features is not None and features not in KINDS:
        raise InvalidInput(f"features = {features!r}", remedy=f"choose one of {', '.join(KINDS)}")
    usable = cleaned(examples)
    learnt_from, judged_by = parted(usable.kept, held_out)
    labels = sorted({example.label for example in learnt_from})
    matrices, words = _matrices(learnt_from, KINDS if features is None else (features,))
    targets = _targets(learnt_from, labels)
    ways = _tried(learnt_from, matrices, targets)
    best = max(ways, key=lambda way: way.accuracy)
    coefficients, intercepts = _fitted(matrices[best.kind], targets, best.strength)
    chosen = Features(best.kind, None if best.kind == "meaning" else words)
    classifier = Classifier(labels, chosen, coefficients, intercepts, best.temperature)
    scores = classifier.scores([example.text for example in judged_by])
    return Trained(
        classifier=classifier,
        figures=figures(labels, _targets(judged_by, labels).tolist(), scores),
        features=best.kind,
        tried={way.name: round(way.accuracy, 6) for way in ways},
        examples=usable,
        learnt_from=learnt_from,
        judged_by=judged_by,
    )


def _matrices(examples: Sequence[Example], kinds: Sequence[Kind]) -> tuple[dict[Kind, Any], Words | None]:
    """The features of each kind, computed once, and the words that count."""
    texts = [example.text[:LOOKED_AT] for example in examples]
    made: dict[Kind, Any] = {}
    words = None
    if set(kinds) != {"words"}:
        made["meaning"] = meaning.vectors(texts)
    if set(kinds) != {"meaning"}:
        words = Words.fitted(texts, most=MOST_WORDS)
        made["words"] = words.weights(texts)
    if "both" in kinds:
        made["both"] = beside(made["meaning"], made["words"])
    return {kind: made[kind] for kind in kinds}, words


def _targets(examples: Sequence[Example], labels: Sequence[str]) -> Array:
    places = {label: place for place, label in enumerate(labels)}
    targets: Array = library("numpy").array([places[example.label] for example in examples])
    return targets


def _tried(examples: Sequence[Example], matrices: dict[Kind, Any], targets: Array) -> list[_Way]:
    """Each kind with each strength, in folds of a part of the examples."""
    some = sampled(examples, _TRIED_ON, _FOLDS)
    folds = library("sklearn.model_selection").StratifiedKFold(_FOLDS)
    wanted = targets[some]
    ways = []
    for kind, matrix in matrices.items():
        part = matrix[some]
        parts = list(folds.split(part, wanted))
        for strength in _STRENGTHS:
            raw = library("numpy").zeros((len(some), int(targets.max()) + 1))
            for learnt, judged in parts:
                coefficients, intercepts = _fitted(part[learnt], wanted[learnt], strength)
                raw[judged] = part[judged] @ coefficients.T + intercepts
            ways.append(_Way(kind, strength, raw, wanted))
    return ways


def _fitted(matrix: Any, targets: Array, strength: float) -> tuple[Array, Array]:
    """Coefficients and intercepts, a row a label: also for two labels, of which scikit-learn fits one."""
    numpy = library("numpy")
    model = library("sklearn.linear_model").LogisticRegression(C=strength, max_iter=_ITERATIONS)
    model.fit(matrix, targets)
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    nothing = numpy.zeros_like(model.coef_)
    return numpy.vstack([nothing, model.coef_]), numpy.array([0.0, float(model.intercept_[0])])
