"""language: which language a document's text is written in, and which others it may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from octavo.components.fields import content, texts
from octavo.text import language as detector
from octavo.values.component import Given, component


class LanguageConfig(BaseModel):
    """What is looked at: one field, as `article.text`, or every text of the body; and how many languages are told."""

    field: str | None = None
    most: Annotated[int, Field(ge=1, le=20)] = 3


class Candidate(BaseModel):
    """A language the text may be written in, as a BCP 47 tag, and the detector's score for it."""

    language: str
    confidence: Annotated[float, Field(ge=0, le=1)]


class Language(BaseModel):
    """The language of a text.

    `language` is `und` when no candidate reaches 0.5, or the text has no words; `confidence` is the first candidate's.
    """

    language: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    alternatives: list[Candidate]


@component("language", version=1)
def language(given: Given, config: LanguageConfig) -> Language:
    """The language of a document's text, of 176, with a score and the next likeliest ones."""
    return language_of(texts(content(given, config.field)), config.most)


def language_of(text: str, most: int = 3) -> Language:
    """The language of a text.

    Args:
        most: candidates that are told, the likeliest first.

    Raises:
        MissingExtra: the detector is not installed.
    """
    candidates = [
        Candidate(language=tag, confidence=score) for tag, score in detector.candidates(text, most=most)
    ]
    confidence = candidates[0].confidence if candidates else 0.0
    is_sure = confidence >= detector.SURE
    return Language(
        language=candidates[0].language if is_sure else detector.UNDETERMINED,
        confidence=confidence,
        alternatives=candidates[1:] if is_sure else candidates,
    )
