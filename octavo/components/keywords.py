"""keywords: the words and phrases a text is about, by YAKE (Campos et al., Information Sciences 509, 2020).

YAKE looks at one text alone: where a word stands, how often, in how many sentences, and beside what. It needs neither
a collection nor a model, and knows the function words of some thirty languages.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Annotated

from pydantic import BaseModel, Field

from octavo.components.extra import needed
from octavo.components.fields import content, texts
from octavo.text.language import UNDETERMINED, detect
from octavo.values.component import Given, component
from octavo.values.result import Keyword, Keywords

_OTHERWISE = "en"


class KeywordsConfig(BaseModel):
    """How many, of what field as `article.text`, of at most how many words each, and in which language."""

    field: str | None = None
    most: Annotated[int, Field(ge=1, le=200)] = 10
    longest_words: Annotated[int, Field(ge=1, le=5)] = 3
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None


@component("keywords", version=1)
def keywords(given: Given, config: KeywordsConfig) -> Keywords:
    """The words and phrases a text is about, the weightiest first, and how often each stands there."""
    return keywords_of(texts(content(given, config.field)), config)


def keywords_of(text: str, config: KeywordsConfig | None = None) -> Keywords:
    """The keywords of a text; a weight is 1 / (1 + YAKE's score), from 0 to 1.

    Raises:
        MissingExtra: the extra `ml` is not installed.
    """
    config = config or KeywordsConfig()
    needed("ml", "yake_rust", "keywords")
    language = config.language or _language(text)
    extractor = import_module("yake_rust").Yake(language=language, ngrams=config.longest_words)
    found = extractor.get_n_best(text, n=config.most)
    return Keywords(
        keywords=[
            Keyword(word=word, weight=round(1 / (1 + score), 6), frequency=_frequency(word, text))
            for word, score in found
            if word.strip() and len(word) <= 500
        ],
        metadata={"language": language},
    )


def _language(text: str) -> str:
    tag = detect(text).partition("-")[0]
    return _OTHERWISE if tag == UNDETERMINED or len(tag) != 2 else tag


def _frequency(word: str, text: str) -> int:
    """How often a word or phrase stands in a text, whatever its case; at least once, since it was found there."""
    pattern = r"\s+".join(map(re.escape, word.split()))
    return max(1, len(re.findall(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)))
