"""Documents whose words have been looked up, ready for an index outside the record to take.

A word that the language's dictionary leaves out keeps its place, or phrases would close up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from octavo.engines.search.word_forms import Forms, WordForms, words_of
from octavo.errors import InvalidInput, LimitExceeded, OctavoError, RecordFault
from octavo.roles.search import Change, Searchable
from octavo.roles.state import Parked

# As much of one passage as every engine takes; a projection makes them a thousand times smaller.
PASSAGE_BYTES = 1_000_000

GAP = "·"
# Between texts that are no neighbours: no phrase reaches over it.
BREAK = f" {GAP} {GAP} "


class Prepared(msgspec.Struct, frozen=True):
    """A document with the forms of its words, ready to be written without a look at the record."""

    document: Searchable
    forms: Forms


async def prepared(changes: Sequence[Change], forms: WordForms) -> list[Change | Prepared]:
    """The changes with every document prepared, or parked if it cannot be."""
    await _learn([one for one in changes if isinstance(one, Searchable)], forms)
    return [await _one(change, forms) for change in changes]


def parked(document: Searchable, error: OctavoError) -> Parked:
    """A document that cannot be taken, and why."""
    return Parked(
        organization=document.organization,
        id=document.id,
        version=document.version,
        code=error.code,
        message=error.message,
    )


def weighed(prepared: Prepared, marked: str) -> Iterator[tuple[str, str]]:
    """Title, preview and description as words. A title's words count also as they are: The Who are found.

    Args:
        marked: what every word begins with.
    """
    document = prepared.document
    if document.title:
        words = words_of(document.title)
        yield "title", joined(marked, words, {}) + BREAK + joined(marked, words, prepared.forms)
    if document.preview:
        yield "preview", joined(marked, words_of(document.preview), prepared.forms)
    if document.description:
        yield "description", joined(marked, words_of(document.description), prepared.forms)


def joined(marked: str, words: Sequence[str], forms: Forms) -> str:
    """Words in their forms, each behind a mark, with spaces between them."""
    indexed = (forms.get(word, word) for word in words)
    return " ".join(GAP if form is None else marked + form for form in indexed)


def telling(words: Sequence[str], forms: Forms) -> dict[str, str]:
    """The forms of words that differ from the words."""
    return {word: forms[word] or "" for word in set(words) if forms[word] != word}


async def _learn(documents: Sequence[Searchable], forms: WordForms) -> None:
    """Look the words of many documents up at once, so that none of them has to be asked for alone."""
    words: dict[str | None, set[str]] = {}
    for document in documents:
        words.setdefault(document.configuration, set()).update(_words(document))
    for configuration, found in words.items():
        await forms.of(configuration, found)


async def _one(change: Change, forms: WordForms) -> Change | Prepared:
    if not isinstance(change, Searchable):
        return change
    try:
        _demand_short_passages(change)
        return Prepared(change, await forms.of(change.configuration, _words(change)))
    except (InvalidInput, RecordFault) as error:
        return parked(change, error)


def _demand_short_passages(document: Searchable) -> None:
    for passage in document.passages:
        if len(passage.text) > PASSAGE_BYTES // 4 and len(passage.text.encode()) > PASSAGE_BYTES:
            raise LimitExceeded(
                f"a passage has more than {PASSAGE_BYTES} bytes",
                remedy="divide the text",
                limit=PASSAGE_BYTES,
                actual=len(passage.text.encode()),
            )


def _words(document: Searchable) -> set[str]:
    texts = [document.title, document.preview, document.description, *(one.text for one in document.passages)]
    return {word for text in texts if text for word in words_of(text)}
