"""What texts mean, as vectors: the offline embedder, loaded once for all components of a process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from octavo.components.extra import library
from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]


def model_name() -> str:
    """Whose vectors they are, as `wordllama-256@0.4.0`."""
    return embedder().model.key


def vectors(texts: Sequence[str]) -> Vectors:
    """A row of length 1 for each text; a row of zeros for one without a word or sign that the model knows."""
    numpy, one = library("numpy"), embedder()
    rows: Vectors = numpy.zeros((len(texts), one.model.dimensions), dtype=numpy.float32)
    for place, text in enumerate(texts):
        with suppress(InvalidInput):
            (rows[place],) = one.embedded([text.strip()])
    return rows


@cache
def embedder() -> WordLlamaEmbedder:
    """The embedder; its files are read at the first text. Raises `MissingExtra`."""
    try:
        return WordLlamaEmbedder()
    except MissingExtra as error:
        raise MissingExtra(
            "components that judge text need wordllama", remedy="pip install 'octavo[ml]'", extra="ml"
        ) from error
