"""Which text of a document is searched, and in what language it is.

title        body.title, else body.name, else the document's name
preview      body.preview, else the preview of the document's file
description  body.description, else metadata.description; and the document's name if it is not the title
text         every other string of the body: `text` and `content` first, then by name, in stable order
language     body.language, else metadata.language, else that of the document's file, else what its
             function words tell, else what a model tells; when nothing does, English
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from octavo.errors import MissingExtra
from octavo.roles.search import MATCH_END, MATCH_START, Searchable
from octavo.text import language as languages
from octavo.text.function_words import language_of
from octavo.text.passages import split
from octavo.values.json import decode

TITLE_CHARACTERS = 1_000
DESCRIPTION_CHARACTERS = 4_000

_FIRST = ("text", "content")
_APART = ("title", "preview", "description", "language")
_BETWEEN_VALUES = "\n\n"
_DETECTED_CHARACTERS = 300
_TELLING_CHARACTERS = 60
_UNCLEAR = "english"
_NO_CONFIGURATION = "simple"
_MARKS = str.maketrans("", "", MATCH_START + MATCH_END)


def searchable(row: Mapping[str, Any]) -> Searchable:
    """What of a document is searched.

    Args:
        row: a live document as `heads.sql` gives it.
    """
    body, metadata = decode(row["body"]), decode(row["metadata"])
    title = title_of(body, row["name"])
    text = clean(text_of(body))
    return Searchable(
        organization=row["organization_id"],
        id=row["id"],
        namespace=row["namespace"],
        type=row["type"],
        version=row["version"],
        title=title and title[:TITLE_CHARACTERS],
        preview=_text(body.get("preview")) or row["preview"],
        description=description_of(body, metadata, row["name"] if row["name"] != title else None),
        configuration=_configuration(body, metadata, row["language"], text or title or ""),
        passages=split(text),
    )


def text_of(body: Mapping[str, Any]) -> str:
    """The searched text of a body; the offsets of a hit are offsets into it, in code points."""
    values = (value for name in _in_order(body) if name not in _APART for value in _strings(body[name]))
    return _BETWEEN_VALUES.join(value for value in values if value)


def _in_order(values: Mapping[str, Any]) -> list[str]:
    return [name for name in _FIRST if name in values] + sorted(name for name in values if name not in _FIRST)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name in _in_order(value):
            yield from _strings(value[name])
    elif isinstance(value, list):
        for element in value:
            yield from _strings(element)


def _text(value: Any) -> str | None:
    return clean(value).strip() or None if isinstance(value, str) else None


def title_of(body: Mapping[str, Any], name: str | None) -> str | None:
    """The title of a document, else its name."""
    return _text(body.get("title")) or _text(body.get("name")) or name


def clean(text: str) -> str:
    """Without the characters that stand for marks in highlights."""
    return text.translate(_MARKS) if MATCH_START in text or MATCH_END in text else text


def description_of(body: Mapping[str, Any], metadata: Mapping[str, Any], name: str | None) -> str | None:
    """What describes a document, and its name if it is not the title."""
    described = _text(body.get("description")) or _text(metadata.get("description"))
    parts = [part for part in (described, name) if part]
    return "\n".join(parts)[:DESCRIPTION_CHARACTERS] or None


def _configuration(
    body: Mapping[str, Any], metadata: Mapping[str, Any], of_file: str | None, text: str
) -> str | None:
    """The text search configuration for the document's language; None when PostgreSQL has none for it."""
    given = _given_language(body, metadata, of_file)
    if given is not None:
        return _named(languages.configuration(given))
    told = language_of(text) or _detected(text)
    if told == languages.UNDETERMINED:
        return _UNCLEAR
    known = _named(languages.configuration(told))
    # A few plain letters are more likely a name or a code than a language without a dictionary.
    return _UNCLEAR if known is None and text.isascii() and len(text) < _TELLING_CHARACTERS else known


def language(
    body: Mapping[str, Any], metadata: Mapping[str, Any], of_file: str | None, text: str
) -> str | None:
    """The language of a document as a BCP 47 tag; None when nothing tells it."""
    given = _given_language(body, metadata, of_file)
    told = given or language_of(text) or _detected(text)
    return None if told == languages.UNDETERMINED else told


def _given_language(body: Mapping[str, Any], metadata: Mapping[str, Any], of_file: str | None) -> str | None:
    given = (body.get("language"), metadata.get("language"), of_file)
    return next((one for one in given if isinstance(one, str) and one != languages.UNDETERMINED), None)


def _named(configuration: str) -> str | None:
    return None if configuration == _NO_CONFIGURATION else configuration


def _detected(text: str) -> str:
    try:
        return languages.detect(text[:_DETECTED_CHARACTERS])
    except MissingExtra:
        return languages.UNDETERMINED
