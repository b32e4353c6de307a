"""Judged texts that are on a Debian machine or in a package: what others said of them, for measuring components.

- *rated sentences*: of reviews, tweets and editorials, each rated from -4 to 4 by twenty people (Hutto and Gilbert,
  2014; MIT licence). They are in the source package vaderSentiment 0.5, which pip fetches.
- *packages*: one package of each Debian source package, with its description and the section its maintainer chose.
- *messages*: texts of installed programs in the languages they were translated to.
- *docstrings*: those of numpy and the standard library, with the module each stands in.
"""

from __future__ import annotations

import gettext
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.quality_set import entries
from octavo.components.trained.examples import Example

SOURCES = ("movieReviewSnippets", "amazonReviewSnippets", "nytEditorialSnippets", "tweets")
_ARCHIVE = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
_LOCALES = Path("/usr/share/locale")
_PLACEHOLDER = re.compile(r"%[-+ #0]*[\d.*$]*[a-zA-Z%]+|\{[^{}]*\}|<[^<>]*>|\\n")
_LEAST_CHARACTERS = 60


@dataclass(frozen=True)
class Rated:
    """A sentence, its mean rating from -1 to 1, and where it is from."""

    text: str
    rating: float
    source: str

    @property
    def feeling(self) -> str:
        """One of five, by the rating: very ones from ±0.5 on, neutral below ±0.125."""
        strength = abs(self.rating)
        if strength < 0.125:
            return "neutral"
        return ("very_" if strength >= 0.5 else "") + ("positive" if self.rating > 0 else "negative")


@cache
def rated_sentences() -> list[Rated]:
    """All of them, each text once."""
    with tempfile.TemporaryDirectory() as folder:
        _download("vaderSentiment==0.5", folder)
        (package,) = Path(folder).glob("*.zip")
        with zipfile.ZipFile(package) as whole:
            inner = io.BytesIO(whole.read(_ARCHIVE))
    found: dict[str, Rated] = {}
    with tarfile.open(fileobj=inner) as archive:
        for source in SOURCES:
            member = archive.extractfile(f"hutto_ICWSM_2014/{source}_GroundTruth.txt")
            assert member is not None
            for line in member.read().decode("latin-1").splitlines():
                _, rating, text = line.split("\t", 2)
                sentence = text.replace("&amp;", "&").strip()
                found.setdefault(sentence, Rated(sentence, float(rating) / 4, source))
    return list(found.values())


def _download(package: str, folder: str) -> None:
    asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package]
    subprocess.run(asked, check=True)


@cache
def packages() -> list[Example]:
    """Descriptions of packages and their sections, by the names of the packages."""
    told = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    by_source: dict[str, Example] = {}
    for stanza in told.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
        if {"Package", "Section", "Description"} <= fields.keys():
            source = fields.get("Source", fields["Package"]).split(" ")[0]
            section = fields["Section"].rpartition("/")[2]
            by_source.setdefault(source, Example(fields["Description"], section, fields["Package"]))
    return list(by_source.values())


@cache
def messages() -> dict[str, list[str]]:
    """Texts of at least 60 characters by language, each once, in their order."""
    found: dict[str, set[str]] = defaultdict(set)
    for catalogue in sorted(_LOCALES.glob("*/LC_MESSAGES/*.mo")):
        language = catalogue.parts[-3]
        if re.fullmatch(r"[a-z]{2,3}", language):
            found[language].update(_texts(catalogue))
    return {language: sorted(texts) for language, texts in sorted(found.items())}


def _texts(catalogue: Path) -> Iterator[str]:
    try:
        with catalogue.open("rb") as file:
            translated = gettext.GNUTranslations(file)._catalog
    except (OSError, ValueError, LookupError):  # a catalogue that is damaged, or written oddly
        return
    for original, text in translated.items():
        plain = " ".join(_PLACEHOLDER.sub(" ", str(text)).split())
        if original and text != original and len(plain) >= _LEAST_CHARACTERS:
            yield plain


def docstrings() -> list[Example]:
    """Docstrings of numpy and the standard library; the label is the module, by its first two names."""
    return [Example(one.text, ".".join(one.name.split(".")[:2]), one.name) for one in entries()]
