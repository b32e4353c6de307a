"""Two versions of a model on the same documents: where they agree, what changed, and which one is right more often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents the one version gives one label and the other another; `truth` is what is right, if known."""

    before: str | None
    after: str | None
    truth: str | None
    documents: int
    agrees: bool


class ChangedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document on which two versions do not agree."""

    document_id: UUID
    version: int
    before: str | None
    after: str | None
    score_before: float | None
    score_after: float | None


class ClassFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How well one label is found: `precision` of those called so, `recall` of those that are so; None of none."""

    label: str
    documents: int
    precision: float | None
    recall: float | None
    f1_score: float | None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How often a version is right, of the documents whose right answer is known."""

    documents: int
    accuracy: float
    labels: list[ClassFigures]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions of a model on the documents of which both have a result.

    Attributes:
        documents: that were compared.
        agreeing: on which both say the same.
        pairs: how many documents went from which label to which, the most first; those of equal labels too.
        changed: documents on which they differ, the newest first, as many as were asked for.
        judged_before, judged_after: against the right answers, if a field with them was named.
    """

    model: str
    before: int
    after: int
    documents: int
    agreeing: int
    pairs: list[Pair]
    changed: list[ChangedDocument]
    judged_before: Judged | None = None
    judged_after: Judged | None = None

    @property
    def agreement(self) -> float | None:
        """The part on which both say the same; None without documents."""
        return self.agreeing / self.documents if self.documents else None

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain data."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {**plain, "agreement": self.agreement}


def judged(said: Iterable[tuple[str | None, str | None, int]]) -> Judged | None:
    """Accuracy, and precision, recall and F1 of each label; None when no right answer is known.

    Args:
        said: what a version said, what is right, and of how many documents.
    """
    known = [(label, truth, documents) for label, truth, documents in said if truth is not None]
    total = sum(documents for _, _, documents in known)
    if not total:
        return None
    right = sum(documents for label, truth, documents in known if label == truth)
    names = sorted({truth for _, truth, _ in known})
    return Judged(documents=total, accuracy=right / total, labels=[_figures(name, known) for name in names])


def _figures(name: str, known: Sequence[tuple[str | None, str | None, int]]) -> ClassFigures:
    hits = sum(documents for label, truth, documents in known if label == truth == name)
    called = sum(documents for label, _, documents in known if label == name)
    there = sum(documents for _, truth, documents in known if truth == name)
    return ClassFigures(
        label=name,
        documents=there,
        precision=hits / called if called else None,
        recall=hits / there if there else None,
        f1_score=2 * hits / (called + there) if called + there else None,
    )
