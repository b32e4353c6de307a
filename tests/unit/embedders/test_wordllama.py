"""The offline model: nothing is fetched, nothing is reconfigured, and what means the same is near."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from octavo.engines.embedders.wordllama import WordLlamaEmbedder
from octavo.errors import InvalidInput


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


async def test_vectors_have_the_length_the_model_says_and_length_one(embedder):
    vectors = await embedder.embed(["a harbour", "x", "harbours " * 3_000], "passage")

    assert [vector.shape for vector in vectors] == [(embedder.model.dimensions,)] * 3
    assert [vector.dtype for vector in vectors] == [np.float32] * 3
    assert np.allclose([np.linalg.norm(vector) for vector in vectors], 1)


async def test_a_text_has_the_same_vector_alone_and_among_others(embedder):
    texts = [f"sentence {number} about harbours" for number in range(150)]

    together = await embedder.embed(texts, "passage")
    alone = [(await embedder.embed([text], "query"))[0] for text in texts[::40]]

    assert all(np.array_equal(one, other) for one, other in zip(together[::40], alone, strict=True))


async def test_what_means_the_same_is_nearer_than_what_does_not(embedder):
    pairs = [
        ("getting money back", "refund of the payment"),
        ("baking a loaf", "bread from the oven"),
        ("the ship entered the port", "a boat in the harbour"),
        ("doctors and nurses", "staff of the hospital"),
    ]
    asked = np.stack(await embedder.embed([one for one, _ in pairs], "query"))
    there = np.stack(await embedder.embed([other for _, other in pairs], "passage"))

    assert (asked @ there.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_a_text_without_anything_known_is_refused(embedder):
    with pytest.raises(InvalidInput):
        await embedder.embed([""], "passage")


async def test_no_text_gives_no_vector(embedder):
    assert await embedder.embed([], "passage") == []


async def test_the_package_that_would_reconfigure_the_log_is_not_imported(embedder):
    handlers = list(logging.getLogger().handlers)

    await embedder.embed(["a harbour"], "query")

    assert "wordllama" not in sys.modules
    assert logging.getLogger().handlers == handlers
