"""Any model of the library sentence-transformers, run in this process; it brings torch: an extra of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from octavo.errors import InvalidSetting, MissingExtra
from octavo.roles.embedder import Model, Purpose

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector


class SentenceTransformersEmbedder:
    """Embeds texts in a thread of this process; the model is loaded at the first text.

    Args:
        model: its name in the library, or a folder, and the length of its vectors.

    Raises:
        MissingExtra: the extra `sentence-transformers` is not installed.
    """

    def __init__(self, model: Model) -> None:
        if find_spec("sentence_transformers") is None:
            raise MissingExtra(
                f"the embedder {model.name} needs the extra `sentence-transformers`",
                remedy="pip install 'octavo[sentence-transformers]'",
            )
        self._model = model
        self._loading = threading.Lock()
        self._loaded: Any = None

    @property
    def model(self) -> Model:
        """Whose vectors they are."""
        return self._model

    async def close(self) -> None:
        """Nothing is open."""

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Sequence[Vector]:
        """A vector for each text; models that tell queries from passages get each as they want it."""
        return await asyncio.to_thread(self._embed, list(texts), purpose)

    def _embed(self, texts: list[str], purpose: Purpose) -> list[Vector]:
        with self._loading:
            if self._loaded is None:
                self._loaded = import_module("sentence_transformers").SentenceTransformer(self._model.name)
            encode = self._loaded.encode_query if purpose == "query" else self._loaded.encode_document
            vectors: list[Vector] = list(
                encode(texts, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
            )
        if vectors and len(vectors[0]) != self._model.dimensions:
            raise InvalidSetting(
                f"vectors of {self._model.name} have {len(vectors[0])} numbers, not {self._model.dimensions}",
                remedy=f"end the setting `embedder` with ?dimensions={len(vectors[0])}",
                setting="embedder",
            )
        return vectors
