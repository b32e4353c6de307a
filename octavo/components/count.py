"""count: the words, characters and paragraphs of a document's text."""

from __future__ import annotations

from pydantic import BaseModel

from octavo.components.fields import content, texts
from octavo.text import counts
from octavo.values.component import Given, component


class CountConfig(BaseModel):
    """What is counted: one field, as `article.text`; without it every text of the body."""

    field: str | None = None


class Counted(BaseModel):
    """The counts, by the rules of Unicode (UAX 29) that ingest counts by too."""

    words: int
    characters: int
    paragraphs: int


@component("count", version=1)
def count(given: Given, config: CountConfig) -> Counted:
    """Words, characters and paragraphs of a document's text."""
    found = counts.count(texts(content(given, config.field)))
    return Counted(words=found.words, characters=found.characters, paragraphs=found.paragraphs)
