"""Training of models on an organization's documents: what is learnt from is told, and can be found again."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from octavo.components.fields import inside, texts
from octavo.components.trained.classifier_training import HELD_OUT, Trained, train_classifier
from octavo.components.trained.examples import MOST_EXAMPLES, Cleaned, Example
from octavo.components.trained.features import LOOKED_AT, Kind
from octavo.components.trained.topic_training import train_topics
from octavo.components.trained.used import WEIGHTS
from octavo.errors import InvalidInput
from octavo.postgres.pool import Pool
from octavo.store.scope import Scope
from octavo.values.document import Document
from octavo.values.model import NAMESPACE, ModelVersion
from octavo.workspace.documents import Bind, Documents

DATASET = "octavo.dataset"
EXAMPLES = "examples"
_NAME_DIGITS = 16


class Trains(ABC):
    """Trains models on the documents of one organization and namespace, and registers them.

    Args:
        pool: reads the documents.
    """

    def __init__(self, bind: Bind, pool: Pool) -> None:
        self._bind = bind
        self._learnt = Documents(bind, pool)

        async def bind_datasets() -> Scope:
            return msgspec.structs.replace(await bind(), namespace=NAMESPACE)

        self._datasets = Documents(bind_datasets, pool)

    @abstractmethod
    async def register(self, *name: Any, **card: Any) -> ModelVersion:
        """Make the next version of a model."""

    async def train(
        self,
        name: str,
        *,
        type: str,
        text: str,
        label: str,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        held_out: float = HELD_OUT,
        features: Kind | None = None,
    ) -> ModelVersion:
        """Train a classifier on documents that have the right answer in a field, and register it for validation.

        What is learnt from, what a text means, its words, or both, and how strictly, is chosen by cross-validation. A
        part of each label's documents is held out and judges; its figures are the version's `performance`, and which
        version of which document was in which part is its artifact `examples`. The same documents make the same
        version. It computes in a thread of this process: seconds for thousands of documents.

        Args:
            name: of the model; a step of `classify` names it.
            type: of the documents, in this namespace.
            text: the field to learn from, as `article.text`.
            label: the field with the right answer, a text, as `topic`.
            where: only documents that this filter holds for, as in `documents.find`.
            limit: documents at most.
            held_out: the share that judges, 0.05 to 0.5.
            features: `meaning`, `words` or `both` instead of what is best.

        Returns:
            The version, in the stage `validation`; `promote` lets it serve.

        Raises:
            InvalidInput: fewer than two labels, fewer than 5 different documents of a label, a label that is no text.
            LimitExceeded: more than 200,000 documents. MissingExtra: the extra `ml` is not installed.
        """
        source = Source(type, text, label, where, limit)
        made = await classifier(self._learnt, source, held_out=held_out, features=features)
        return await self._registered(name, made)

    async def train_topics(
        self,
        name: str,
        *,
        type: str,
        text: str | None = None,
        topics: int = 20,
        where: Mapping[str, Any] | None = None,
        limit: int | None = None,
        held_out: float = HELD_OUT,
    ) -> ModelVersion:
        """Find topics in documents, and register the model of them for validation.

        Its `performance` has the ten best words of each topic, and how well they belong together in documents that
        were held out. The same documents make the same version.

        Args:
            name: of the model; a step of `topics` names it.
            type, where, limit, held_out: as in `train`.
            text: the field to read; without it every text of the body.
            topics: 2 to 500, for at least ten different documents each.

        Raises:
            InvalidInput: too few documents, or too few words in common. LimitExceeded, MissingExtra.
        """
        source = Source(type, text, None, where, limit)
        made = await topic_model(self._learnt, source, topics=topics, held_out=held_out)
        return await self._registered(name, made)

    async def _registered(self, name: str, made: Made) -> ModelVersion:
        """The model, and the document that says what it was trained on."""
        told = {"model": name, **made.dataset, "digest": made.dataset_digest}
        dataset = await self._datasets.put(DATASET, told, name=f"{name} {made.dataset_digest}")
        card = {**made.card, "training_data": {**made.card["training_data"], "dataset_id": str(dataset.id)}}
        return await self.register(name, artifacts=made.artifacts, **card)


class Source(msgspec.Struct, frozen=True):
    """The documents to learn from: which ones, and the fields of the text and of the label."""

    type: str
    text: str | None = None
    label: str | None = None
    where: Mapping[str, Any] | None = None
    limit: int | None = None

    async def read(self, documents: Documents) -> list[Example]:
        """An example a document, in the order of their ids; one without the label or the text is an empty one."""
        wanted = None if self.text is None else [self.text, *([] if self.label is None else [self.label])]
        # One more than may be: that refuses.
        most = min(self.limit or MOST_EXAMPLES + 1, MOST_EXAMPLES + 1)
        found: list[Example] = []
        async for document in documents.find(self.type, where=self.where, order="@id", fields=wanted):
            found.append(self._example(document))
            if len(found) == most:
                break
        return found

    def _example(self, document: Document) -> Example:
        label = None if self.label is None else inside(document.body, self.label)
        if label is not None and not isinstance(label, str):
            raise InvalidInput(
                f"the label of document {document.id} is a {type(label).__name__}",
                remedy=f"name a field that holds a text; {self.label!r} does not",
            )
        text = texts(inside(document.body, self.text))[:LOOKED_AT]
        return Example(text, label or "", f"{document.id}@{document.version}")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was trained, as the registry takes it."""

    artifacts: dict[str, bytes]
    card: dict[str, Any]
    dataset: dict[str, Any]

    @property
    def dataset_digest(self) -> str:
        """Of the examples: equal ones are the same dataset."""
        return sha256(self.artifacts[EXAMPLES]).hexdigest()[:_NAME_DIGITS]


async def classifier(documents: Documents, source: Source, *, held_out: float, features: Kind | None) -> Made:
    """A classifier of these documents; see `Models.train`."""
    examples = await source.read(documents)
    trained = await asyncio.to_thread(train_classifier, examples, held_out=held_out, features=features)
    weights = await asyncio.to_thread(trained.classifier.dumps)
    return Made(
        artifacts={WEIGHTS: weights, EXAMPLES: _listed(trained.learnt_from, trained.judged_by)},
        card={
            "type": "classification",
            "algorithm": f"logistic regression over {trained.features}",
            "framework": "scikit-learn",
            "parameters": {"features": trained.features, "held_out": held_out},
            "training_data": _training_data(trained.examples, source, trained.figures.labels),
            "performance": _performance(trained),
        },
        dataset=_dataset(source, trained.examples, len(trained.judged_by)),
    )


async def topic_model(documents: Documents, source: Source, *, topics: int, held_out: float) -> Made:
    """A topic model of these documents; see `Models.train_topics`."""
    examples = await source.read(documents)
    trained = await asyncio.to_thread(train_topics, examples, topics=topics, held_out=held_out)
    weights = await asyncio.to_thread(trained.model.dumps)
    return Made(
        artifacts={WEIGHTS: weights, EXAMPLES: _listed(trained.learnt_from, trained.judged_by)},
        card={
            "type": "topic_modeling",
            "algorithm": "non-negative matrix factorization of tf-idf",
            "framework": "scikit-learn",
            "parameters": {"topics": topics, "held_out": held_out},
            "training_data": _training_data(trained.examples, source, ()),
            "performance": {"validation_metrics": trained.figures.as_dict()},
        },
        dataset=_dataset(source, trained.examples, len(trained.judged_by)),
    )


def _listed(learnt_from: Sequence[Example], judged_by: Sequence[Example]) -> bytes:
    """Which version of which document was in which part, a line each; no text, so nothing has to be erased."""
    lines = [{"document": one.name, "part": "learnt_from"} for one in learnt_from]
    lines += [{"document": one.name, "part": "judged_by"} for one in judged_by]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _training_data(examples: Cleaned, source: Source, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "sample_count": len(examples.kept),
        "features": [source.text or "*"],
        "labels": list(labels),
        "data_quality_score": examples.quality,
    }


def _performance(trained: Trained) -> dict[str, Any]:
    figures = trained.figures
    return {
        "accuracy": figures.accuracy,
        "precision": figures.precision,
        "recall": figures.recall,
        "f1_score": figures.f1,
        "validation_metrics": figures.as_dict(),
        "benchmark_results": {"majority": figures.majority, "cross_validation": trained.tried},
    }


def _dataset(source: Source, examples: Cleaned, held_out: int) -> dict[str, Any]:
    return {
        "type": source.type,
        "text": source.text,
        "label": source.label,
        "where": dict(source.where or {}),
        "examples": len(examples.kept),
        "held_out": held_out,
        "left_out": {
            "empty": examples.empty,
            "repeated": examples.repeated,
            "contradicting": examples.contradicting,
        },
    }
