"""Which of some labels a text is nearest to in meaning, without any training.

A label is what its name and its description mean together. What labels have in common says nothing, so their mean is
taken from each and from the text; scores are softmax(sharpness · cosine).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from octavo.components import meaning
from octavo.components.extra import library
from octavo.components.trained.classifier import softmax
from octavo.components.trained.features import LOOKED_AT
from octavo.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Of the least log loss on descriptions of Debian packages and their sections (see docs/quality-judging.md).
SHARPNESS = 13.0
_NOTHING = 1e-6


class ZeroShot:
    """Scores texts against labels that are described in words; `by` says by what.

    Args:
        labels: a description for each name; an empty one leaves the name to speak for itself.

    Raises:
        InvalidInput: a label means nothing to the embedder, or all mean the same.
    """

    def __init__(self, labels: Mapping[str, str], *, sharpness: float = SHARPNESS) -> None:
        self.labels = tuple(labels)
        self.by = f"meaning, {meaning.model_name()}"
        self._sharpness = sharpness
        told = meaning.vectors([_told(name, about) for name, about in labels.items()])
        for name, row in zip(labels, told, strict=True):
            if not row.any():
                raise InvalidInput(
                    f"the label {name[:100]!r} means nothing to {meaning.model_name()}",
                    remedy="describe it in English words",
                )
        self._common = told.mean(axis=0)
        self._told = _unit(told - self._common)
        if not self._told.any():
            raise InvalidInput("all labels mean the same", remedy="describe what tells them apart")

    def scores(self, texts: list[str]) -> Array:
        """A row a text, a column a label; the scores of a text sum to 1."""
        rows = meaning.vectors([text[:LOOKED_AT] for text in texts])
        known = rows.any(axis=1, keepdims=True)
        return softmax(self._sharpness * (_unit(rows - self._common) @ self._told.T) * known)


def _told(name: str, about: str) -> str:
    words = " ".join(name.replace("_", " ").replace("-", " ").split())
    return f"{words}: {about}" if about else words


def _unit(rows: Array) -> Array:
    numpy = library("numpy")
    lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
    # What is left of equal rows is rounding, which has no direction.
    unit: Array = numpy.where(lengths < _NOTHING, 0, rows / lengths.clip(_NOTHING))
    return unit
