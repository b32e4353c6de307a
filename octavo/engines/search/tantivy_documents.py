"""What a document is in a tantivy index.

Each passage is one document of the index. A document of several passages is there once more as a whole, so that
words are found which stand apart, and excluded wherever they stand.

Every word carries its organization: the words of one organization are unknown to all others, so neither a hit nor
the rarity of a word tells anything of them, and a small organization's search is as fast as if it were alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.prepared import BREAK, Prepared, joined, telling, weighed
from octavo.engines.search.tantivy_index import TantivyIndex, bucket_trait, key, organization_trait
from octavo.engines.search.word_forms import Forms, words_of
from octavo.roles.search import Searchable
from octavo.roles.state import bucket, seal
from octavo.text.passages import Passage

_SHORT_DESCRIPTION = 240
_LOW = 0xFFFF_FFFF_FFFF_FFFF


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """What is shown of a passage. `forms` are those of its words that differ from the words."""

    version: int
    ordinal: int
    title: str | None
    description: str | None
    start: int
    end: int
    text: str
    forms: dict[str, str]


def tag(organization: UUID) -> str:
    """What the words of an organization begin with."""
    return base64.urlsafe_b64encode(organization.bytes).decode().rstrip("=")


def single_trait(organization: UUID) -> str:
    """Documents of one passage."""
    return f"{organization.hex}:single"


def passage_trait(organization: UUID) -> str:
    """Passages of documents that have several."""
    return f"{organization.hex}:passage"


def whole_trait(organization: UUID) -> str:
    """Documents of several passages, as a whole."""
    return f"{organization.hex}:whole"


def language_trait(organization: UUID, configuration: str | None) -> str:
    """Documents in a language."""
    return f"{organization.hex}:language:{configuration or ''}"


def documents(prepared: Prepared, index: TantivyIndex) -> Iterator[Any]:
    """A document of the index for each passage, and one for the whole if there are several."""
    document = prepared.document
    passages = document.passages or (Passage(0, 0, 0, ""),)
    trait = single_trait if len(passages) == 1 else passage_trait
    for passage in passages:
        yield _passage(prepared, passage, index, trait(document.organization))
    if len(passages) > 1:
        yield _whole(prepared, index)


def _passage(prepared: Prepared, passage: Passage, index: TantivyIndex, trait: str) -> Any:
    document, marked = prepared.document, tag(prepared.document.organization)
    made = _made(document, index, trait)
    words = words_of(passage.text)
    texts, rough = [joined(marked, words, prepared.forms)], words
    spoken = set(words)
    if passage.ordinal == 0:
        _add_seal(made, document)
        above = dict(weighed(prepared, marked))
        for name, text in above.items():
            made.add_text(name, text)
        texts = [*above.values(), *texts]
        rough = [*words_of(document.title or ""), *rough]
        spoken.update(rough)
    made.add_text("text", BREAK.join(texts))
    made.add_text("spoken", joined(marked, [word for word in spoken if not word.isdigit()], {}))
    if document.configuration is None:
        made.add_text("rough", joined(marked, rough, {}))
    made.add_bytes("shown", msgspec.msgpack.encode(_shown(document, passage, words, prepared.forms)))
    return made


def _whole(prepared: Prepared, index: TantivyIndex) -> Any:
    document, marked = prepared.document, tag(prepared.document.organization)
    made = _made(document, index, whole_trait(document.organization))
    texts = [text for _, text in weighed(prepared, marked)]
    texts += [joined(marked, words_of(passage.text), prepared.forms) for passage in document.passages]
    made.add_text("whole", BREAK.join(texts))
    return made


def _made(document: Searchable, index: TantivyIndex, trait: str) -> Any:
    made = index.library.Document()
    made.add_text("key", key(document.organization, document.id))
    traits = (
        trait,
        organization_trait(document.organization),
        language_trait(document.organization, document.configuration),
    )
    for one in traits:
        made.add_text("trait", one)
    made.add_text("namespace", document.namespace)
    made.add_text("type", document.type)
    made.add_unsigned("high", document.id.int >> 64)
    made.add_unsigned("low", document.id.int & _LOW)
    return made


def _add_seal(made: Any, document: Searchable) -> None:
    """What is compared with the record: once a document, with its first passage."""
    number = bucket(document.id)
    for trait in (bucket_trait(number), bucket_trait(number, document.organization)):
        made.add_text("trait", trait)
    made.add_unsigned("owner_high", document.organization.int >> 64)
    made.add_unsigned("owner_low", document.organization.int & _LOW)
    made.add_unsigned("version", document.version)
    made.add_unsigned("seal", seal(document.id, document.version))


def _shown(document: Searchable, passage: Passage, words: Sequence[str], forms: Forms) -> Shown:
    description = document.description
    if description and passage.ordinal:
        description = description[:_SHORT_DESCRIPTION]
    return Shown(
        version=document.version,
        ordinal=passage.ordinal,
        title=document.title,
        description=description,
        start=passage.start,
        end=passage.end,
        text=passage.text,
        forms=telling(words, forms),
    )
