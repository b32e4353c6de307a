"""What a document is in an OpenSearch index.

A document is one document of the index, with its passages nested in it: it comes and goes as a whole, with a version.
One that cannot be taken is there too, parked: without words, and replaced like any other.

Every word carries a mark of its organization: so the rarity of a word tells nothing of others' documents, and a
small organization's search is as fast as if it were alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.prepared import BREAK, Prepared, joined, telling, weighed
from octavo.engines.search.word_forms import words_of
from octavo.roles.state import Parked, bucket, seal
from octavo.text.passages import Passage

DOCUMENT, PARKED, ORGANIZATION = "document", "parked", "organization"

# A misspelt word is looked for among the first words of a document that are not longer than these.
_LONGEST_SPOKEN, _MOST_SPOKEN = 40, 5_000
# The analyser divides words of more than 255 characters.
_LONGEST_WORD, _KEPT_OF_LONGER = 200, 100
_MARK_BYTES = 6


class Shown(msgspec.Struct, frozen=True):
    """What is shown of a document."""

    version: int
    title: str | None
    description: str | None


class ShownPassage(msgspec.Struct, frozen=True):
    """What is shown of a passage. `forms` are those of its words that differ from the words."""

    start: int
    end: int
    text: str
    forms: dict[str, str]


def key(organization: UUID, document: UUID) -> str:
    """What tells a document of an organization from all others."""
    return f"{organization.hex}{document.hex}"


def mark(organization: UUID) -> str:
    """What the words of an organization begin with; that two have the same does no harm but to their scores."""
    of = hashlib.blake2s(organization.bytes, digest_size=_MARK_BYTES)
    return base64.urlsafe_b64encode(of.digest()).decode()


def fitting(word: str) -> str:
    """A word as the analyser takes it whole."""
    if len(word) <= _LONGEST_WORD:
        return word
    return word[:_KEPT_OF_LONGER] + hashlib.blake2s(word.encode(), digest_size=16).hexdigest()


def of_document(prepared: Prepared) -> dict[str, Any]:
    """A document as the index takes it."""
    document, marked = prepared.document, mark(prepared.document.organization)
    above = dict(weighed(prepared, marked))
    passages = document.passages or (Passage(0, 0, 0, ""),)
    shown = Shown(document.version, document.title, document.description)
    return {
        "kind": DOCUMENT,
        "organization": document.organization.hex,
        "id": document.id.hex,
        "namespace": document.namespace,
        "type": document.type,
        "bucket": bucket(document.id),
        "version": document.version,
        "seal": seal(document.id, document.version),
        **{name: _fitted(text) for name, text in above.items()},
        "spoken": [marked + word for word in _spoken(prepared)],
        "passages": [_passage(prepared, marked, one, above) for one in passages],
        "shown": msgspec.to_builtins(shown),
    }


def of_parked(parked: Parked) -> dict[str, Any]:
    """A parked document as the index takes it."""
    return {
        "kind": PARKED,
        "organization": parked.organization.hex,
        "id": parked.id.hex,
        "shown": msgspec.to_builtins(parked),
    }


def _passage(prepared: Prepared, marked: str, passage: Passage, above: Mapping[str, str]) -> dict[str, Any]:
    document, words = prepared.document, words_of(passage.text)
    texts, rough = [joined(marked, words, prepared.forms)], words
    if passage.ordinal == 0:
        texts = [*above.values(), *texts]
        rough = [*words_of(document.title or ""), *words]
    made = {"text": _fitted(BREAK.join(texts)), "shown": _shown(prepared, passage, words)}
    if document.configuration is None:
        made["rough"] = _fitted(joined(marked, rough, {}))
    return made


def _shown(prepared: Prepared, passage: Passage, words: list[str]) -> dict[str, Any]:
    shown = ShownPassage(passage.start, passage.end, passage.text, telling(words, prepared.forms))
    built: dict[str, Any] = msgspec.to_builtins(shown)
    return built


def _fitted(words: str) -> str:
    return " ".join(map(fitting, words.split(" ")))


def _spoken(prepared: Prepared) -> list[str]:
    """The words as they are written, for whoever misspelt one."""
    document = prepared.document
    texts = [document.title or "", *(passage.text for passage in document.passages)]
    words = dict.fromkeys(word for text in texts for word in words_of(text))
    told = (word for word in words if len(word) <= _LONGEST_SPOKEN and not word.isdigit())
    return list(islice(told, _MOST_SPOKEN))
