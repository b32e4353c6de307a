"""The offline embedder: token embeddings of WordLlama's wheel, averaged; nothing is fetched, no GPU is needed.

Only the package's files are read: the weights and the tokenizer. Importing it would reconfigure the process's log.

Model: l2_supercat, 256 dimensions, from the token embeddings of a large language model (Miller, WordLlama, 2024).
It is English above all, and knows no order of words; it is small, and a thousand passages a second.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octavo.errors import InvalidInput, MissingExtra
from octavo.roles.embedder import Model, Purpose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from octavo.roles.embedder import Vector

_WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
_TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
_TENSOR = "embedding.weight"
_DIMENSIONS = 256
# Texts a thread embeds before others have their turn.
_AT_ONCE = 64
# What is no longer is embedded at once, since handing it to a thread takes longer: about a quarter of a millisecond.
_SHORT_CHARACTERS = 300


class WordLlamaEmbedder:
    """Embeds texts in a thread of this process, short ones at once; the files are read at the first text.

    Raises:
        MissingExtra: the extra `vectors` is not installed.
    """

    def __init__(self) -> None:
        self._folder = _folder()
        self._model = Model("wordllama-256", version("wordllama"), _DIMENSIONS)
        self._loading = threading.Lock()
        self._loaded: tuple[Any, NDArray[Any]] | None = None

    @property
    def model(self) -> Model:
        """Whose vectors they are; the version is the package's."""
        return self._model

    async def close(self) -> None:
        """Nothing is open."""

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> Sequence[Vector]:  # noqa: ARG002
        """A vector for each text; passages and queries are embedded alike.

        Raises:
            InvalidInput: a text holds no word or sign that the model knows.
        """
        if self._loaded is not None and sum(map(len, texts)) <= _SHORT_CHARACTERS:
            return self.embedded(texts)
        vectors: list[Vector] = []
        for start in range(0, len(texts), _AT_ONCE):
            vectors += await asyncio.to_thread(self.embedded, texts[start : start + _AT_ONCE])
        return vectors

    def embedded(self, texts: Sequence[str]) -> list[Vector]:
        """As `embed`, in the thread that calls."""
        tokenizer, weights = self._load()
        return [_mean(weights, _tokens(tokenizer, text)) for text in texts]

    def _load(self) -> tuple[Any, NDArray[Any]]:
        with self._loading:
            if self._loaded is None:
                tokenizer = import_module("tokenizers").Tokenizer.from_file(str(self._folder / _TOKENIZER))
                tokenizer.no_truncation()
                tokenizer.no_padding()
                tensors = import_module("safetensors.numpy").load_file(str(self._folder / _WEIGHTS))
                self._loaded = tokenizer, tensors[_TENSOR].astype("float32")
            return self._loaded


def _tokens(tokenizer: Any, text: str) -> Sequence[int]:
    """The tokens of a text. Only batches let go of the interpreter's lock; of one text each, they take one core."""
    [encoding] = tokenizer.encode_batch_fast([text], add_special_tokens=False)
    ids: Sequence[int] = encoding.ids
    return ids


def _mean(weights: NDArray[Any], ids: Sequence[int]) -> Vector:
    """The mean of tokens' vectors, of length 1."""
    import numpy as np  # noqa: PLC0415 - of the extra `vectors`

    mean = weights[np.asarray(ids, dtype=np.int64)].sum(axis=0) if ids else np.zeros(_DIMENSIONS)
    length = np.linalg.norm(mean)
    if length == 0:
        raise InvalidInput("a text holds nothing that the model knows", remedy="give a text with words")
    return np.asarray(mean / length, dtype=np.float32)


def _folder() -> Path:
    """Where the package's files are; it is found, not imported."""
    found = find_spec("wordllama")
    try:
        version("wordllama")
    except PackageNotFoundError:
        found = None
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(
            "the embedder wordllama needs the extra `vectors`", remedy="pip install 'octavo[vectors]'"
        )
    return Path(next(iter(found.submodule_search_locations)))
