"""The stand-in for a language model: sentences of the material that say most of it, always the same ones.

It writes nothing of its own: it is for trying pipelines out, for tests, and for machines without a model. Sentences
are ranked by how many of the material's frequent words they hold (Luhn, "The Automatic Creation of Literature
Abstracts", 1958) and stand in the material's order.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from octavo.roles.generator import Answer, Asked
from octavo.text.counts import count

_MODEL = "local-extract-1"
_WANTED = (1, 120)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。\uff01\uff1f])|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}")


class LocalGenerator:
    """Gives sentences of the material, or of what is asked where there is none."""

    @property
    def model(self) -> str:
        """What it calls itself."""
        return _MODEL

    @property
    def is_language_model(self) -> bool:
        """It is none."""
        return False

    async def generate(self, asked: Asked) -> Answer:
        """The sentences that say most, as many words as are wanted if there are so many; no tokens are counted."""
        text = await asyncio.to_thread(_extract, asked.material or asked.text, asked.words or _WANTED)
        for end in asked.stop:
            text = text.partition(end)[0]
        return Answer(text=text, model=_MODEL)

    async def close(self) -> None:
        """Nothing is open."""


def _extract(material: str, wanted: tuple[int, int]) -> str:
    sentences = list(dict.fromkeys(" ".join(found.split()) for found in _SENTENCE_END.split(material)))
    sentences = [sentence for sentence in sentences if count(sentence).words]
    frequent = Counter(_WORD.findall(material.casefold()))
    ranked = sorted(range(len(sentences)), key=lambda place: (-_weight(sentences[place], frequent), place))
    chosen: list[int] = []
    words = 0
    for place in ranked:
        more = count(sentences[place]).words
        if words + more <= wanted[1]:
            chosen.append(place)
            words += more
    return " ".join(sentences[place] for place in sorted(chosen))


def _weight(sentence: str, frequent: Counter[str]) -> float:
    words = _WORD.findall(sentence.casefold())
    return sum(frequent[word] for word in words) / len(words) if words else 0.0
