"""classify: which category a document's text belongs to, by a model that was trained, or by what labels mean."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from octavo.components.fields import content, texts
from octavo.components.loaded import Loaded
from octavo.components.trained.classifier import Classifier
from octavo.components.trained.used import weights
from octavo.components.zero_shot import ZeroShot
from octavo.values.component import Given, ModelName, component
from octavo.values.result import Classification

Label = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=2_000)]


class ClassifyConfig(BaseModel):
    """By what is classified: a `model`, as `ticket-topic@production`, or `labels`, each with a description.

    `field` is what is looked at, as `article.text`; without it every text of the body.
    """

    model: ModelName | None = None
    labels: Annotated[dict[Label, Description], Field(max_length=500)] | None = None
    field: str | None = None

    @model_validator(mode="after")
    def _has_one_of_both(self) -> Self:
        if (self.model is None) == (self.labels is None):
            raise ValueError("give either a model or labels with their descriptions")
        if self.labels is not None and len(self.labels) < 2:
            raise ValueError("give at least two labels")
        return self


class Classifying:
    """The category of a document's text: of a trained model, or the one of some described labels that is nearest."""

    def __init__(self, config: ClassifyConfig) -> None:
        self._config = config
        self._models = Loaded(Classifier.loads)

    def __call__(self, given: Given) -> Classification:
        """The scores of all categories, which sum to 1, and the highest."""
        text = texts(content(given, self._config.field))
        given.measure(tokens_in=len(text.split()))
        return classified(self._described or self._models.of(weights(given)), text)

    @cached_property
    def _described(self) -> ZeroShot | None:
        """The labels; what they mean is computed at the first text, not where a pipeline is read."""
        return None if self._config.labels is None else ZeroShot(self._config.labels)


def classified(scorer: Classifier | ZeroShot, text: str) -> Classification:
    """The category of a text, with the scores of all of them; of equal scores the first label's."""
    (scores,) = scorer.scores([text]).tolist()
    by_category = {label: min(score, 1.0) for label, score in zip(scorer.labels, scores, strict=True)}
    best = max(by_category, key=by_category.__getitem__)
    return Classification(
        predicted_category=best,
        confidence=by_category[best],
        category_scores=by_category,
        metadata={"by": scorer.by},
    )


classify = component("classify", version=1)(Classifying)
