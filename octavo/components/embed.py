"""embed: a text as vectors, by the embedder of the database, passage by passage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, Field

from octavo.components.fields import content, texts
from octavo.errors import StepFailed
from octavo.roles.embedder import Embedder
from octavo.text.passages import TARGET_CHARACTERS, split
from octavo.values.component import Component, Given, component
from octavo.values.result import Embedding

# A vector of 1,000 numbers is 10 kB of JSON, and an output is 1 MiB at most.
MOST_NUMBERS = 60_000


class EmbedConfig(BaseModel):
    """What is embedded: a field as `article.text`, or every text; in passages of so many characters.

    With `vectors` the output has them in `metadata`, each with the place of its passage; without, it only tells how
    many there are, as for a text that is embedded to be searched and has its vectors in the engine.
    """

    field: str | None = None
    passage_characters: Annotated[int, Field(ge=16, le=100_000)] = TARGET_CHARACTERS
    vectors: bool = True


def embedding(embedder: Callable[[], Embedder]) -> Component:
    """The component `embed`, which embeds by the embedder of its database."""

    async def embed(given: Given, config: EmbedConfig) -> Embedding:
        """A text's vectors, one a passage, by the model that the setting `embedder` names."""
        one = embedder()
        text = texts(content(given, config.field))
        passages = split(text, target_characters=config.passage_characters)
        if config.vectors and len(passages) * one.model.dimensions > MOST_NUMBERS:
            raise StepFailed(
                f"{len(passages)} vectors of {one.model.dimensions} numbers are too large for an output",
                remedy="take larger passages, a field, or vectors: false",
            )
        found = await one.embed([passage.text for passage in passages], "passage")
        told = [
            {
                "start": passage.start,
                "end": passage.end,
                "vector": [round(float(number), 7) for number in vector],
            }
            for passage, vector in zip(passages, found, strict=True)
        ]
        return Embedding(
            dimensions=one.model.dimensions,
            passages=len(passages),
            metadata={"model": one.model.key, **({"vectors": told} if config.vectors else {})},
        )

    return component("embed", version=1)(embed)
