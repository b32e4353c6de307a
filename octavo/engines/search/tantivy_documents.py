"""What a document is in a tantivy index.

Each passage is one document of the index. A document of several passages is there once more as a whole, so that
words are found which stand apart, and excluded wherever they stand.

Every word carries its organization: the words of one organization are unknown to all others, so neither a hit nor
the rarity of a word tells anything of them, and a small organization's search is as fast as if it were alone.
A word that the language's dictionary leaves out keeps its place, or phrases would close up.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.engines.search.tantivy_index import TantivyIndex, bucket_trait, key, organization_trait
from octavo.engines.search.word_forms import WordForms, words_of
from octavo.errors import LimitExceeded
from octavo.roles.search import Searchable
from octavo.roles.state import bucket, seal
from octavo.text.passages import Passage

# As much of one passage as every engine takes; a projection makes them a thousand times smaller.
PASSAGE_BYTES = 1_000_000

GAP = "·"
# Between texts that are no neighbours: no phrase reaches over it.
_BREAK = f" {GAP} {GAP} "
_SHORT_DESCRIPTION = 240
_LOW = 0xFFFF_FFFF_FFFF_FFFF

Forms = Mapping[str, str | None]


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


class Prepared(msgspec.Struct, frozen=True):
    """A document with the forms of its words, ready to be written without a look at the record."""

    document: Searchable
    forms: Forms


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


async def learn(documents: Sequence[Searchable], forms: WordForms) -> None:
    """Look the words of many documents up at once, so that none of them has to be asked for alone."""
    words: dict[str | None, set[str]] = {}
    for document in documents:
        words.setdefault(document.configuration, set()).update(_words(document))
    for configuration, found in words.items():
        await forms.of(configuration, found)


async def prepare(document: Searchable, forms: WordForms) -> Prepared:
    """Look the words of a document up.

    Raises:
        LimitExceeded: a passage of more than a megabyte.
    """
    for passage in document.passages:
        if len(passage.text) > PASSAGE_BYTES // 4 and len(passage.text.encode()) > PASSAGE_BYTES:
            raise LimitExceeded(
                f"a passage has more than {PASSAGE_BYTES} bytes",
                remedy="divide the text",
                limit=PASSAGE_BYTES,
                actual=len(passage.text.encode()),
            )
    return Prepared(document, await forms.of(document.configuration, _words(document)))


def _words(document: Searchable) -> set[str]:
    texts = [document.title, document.preview, document.description, *(one.text for one in document.passages)]
    return {word for text in texts if text for word in words_of(text)}


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
    texts, rough = [_joined(marked, words, prepared.forms)], words
    spoken = set(words)
    if passage.ordinal == 0:
        _add_seal(made, document)
        weighed = dict(_weighed(prepared, marked))
        for name, text in weighed.items():
            made.add_text(name, text)
        texts = [*weighed.values(), *texts]
        rough = [*words_of(document.title or ""), *rough]
        spoken.update(rough)
    made.add_text("text", _BREAK.join(texts))
    made.add_text("spoken", _joined(marked, [word for word in spoken if not word.isdigit()], {}))
    if document.configuration is None:
        made.add_text("rough", _joined(marked, rough, {}))
    made.add_bytes("shown", msgspec.msgpack.encode(_shown(document, passage, words, prepared.forms)))
    return made


def _whole(prepared: Prepared, index: TantivyIndex) -> Any:
    document, marked = prepared.document, tag(prepared.document.organization)
    made = _made(document, index, whole_trait(document.organization))
    texts = [text for _, text in _weighed(prepared, marked)]
    texts += [_joined(marked, words_of(passage.text), prepared.forms) for passage in document.passages]
    made.add_text("whole", _BREAK.join(texts))
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


def _weighed(prepared: Prepared, marked: str) -> Iterator[tuple[str, str]]:
    """Title, preview and description. A title's words count also as they are: The Who are found."""
    document = prepared.document
    if document.title:
        words = words_of(document.title)
        yield "title", _joined(marked, words, {}) + _BREAK + _joined(marked, words, prepared.forms)
    if document.preview:
        yield "preview", _joined(marked, words_of(document.preview), prepared.forms)
    if document.description:
        yield "description", _joined(marked, words_of(document.description), prepared.forms)


def _joined(marked: str, words: Sequence[str], forms: Forms) -> str:
    indexed = (forms.get(word, word) for word in words)
    return " ".join(GAP if form is None else marked + form for form in indexed)


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
        forms={word: forms[word] or "" for word in set(words) if forms[word] != word},
    )
