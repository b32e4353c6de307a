"""What turns text into vectors: a model with a name, a version and a length, and one call.

Vectors of two models are never compared: the model is part of every vector's home. An embedder gives vectors of
length 1, so that the inner product of two is their cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    # One vector: float32, as long as its model says.
    Vector = NDArray[numpy.float32]

# Some models embed what is looked for otherwise than what is found.
Purpose = Literal["passage", "query"]


class Model(msgspec.Struct, frozen=True):
    """What makes vectors comparable.

    Attributes:
        name: of the weights, such as `wordllama-256`.
        version: changes whenever the same text would get another vector.
        dimensions: numbers of a vector.
    """

    name: str
    version: str
    dimensions: int

    @property
    def key(self) -> str:
        """Name and version in one word."""
        return f"{self.name}@{self.version}"


class Embedding(NamedTuple):
    """A vector, and whose it is: it is not compared with one of another model."""

    model: Model
    vector: Vector


class Embedder(Protocol):
    """What embeds texts."""

    @property
    def model(self) -> Model:
        """Whose vectors they are."""
        ...

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Sequence[Vector]:
        """A vector of length 1 for each text, in their order; the loop is not held up.

        Raises:
            Unavailable: the model does not answer; try again later.
            InvalidInput: a text that can never be embedded.
        """
        ...

    async def close(self) -> None:
        """Close what is open; safe to call twice."""
        ...
