"""embed: vectors of passages by the database's embedder."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.components.embed import embedding
from octavo.components.meaning import embedder
from octavo.errors import StepFailed

EMBED = embedding(embedder)
TEXT = "Refunds are paid within two weeks.\n\nReturns are free."


async def run(step, **config):
    return await EMBED.bind(EMBED.configured(config))(step)


async def test_each_passage_has_a_vector_of_length_one_and_its_place(given):
    made = await run(given({"text": TEXT}), field="text", passage_characters=40)

    vectors = made.metadata["vectors"]
    assert (made.dimensions, made.passages, len(vectors)) == (256, 2, 2)
    assert [TEXT[one["start"] : one["end"]] for one in vectors] == TEXT.split("\n\n")
    assert all(abs(float(np.linalg.norm(one["vector"])) - 1) < 1e-3 for one in vectors)
    assert made.metadata["model"] == embedder().model.key


async def test_the_vectors_are_those_of_the_embedder(given):
    made = await run(given({"text": "Returns are free."}))

    (wanted,) = await embedder().embed(["Returns are free."], "passage")
    assert np.allclose(made.metadata["vectors"][0]["vector"], wanted, atol=1e-6)


async def test_vectors_may_be_left_out(given):
    assert "vectors" not in (await run(given({"text": TEXT}), vectors=False)).metadata


async def test_a_text_without_words_has_no_passage(given):
    assert (await run(given({"n": 1}))).passages == 0


async def test_more_vectors_than_an_output_may_hold_are_refused(given):
    with pytest.raises(StepFailed, match="too large for an output"):
        await run(given({"text": "word " * 2_000}), passage_characters=16)
