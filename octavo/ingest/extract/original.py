"""What an extractor is given, and how what it found is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from octavo.errors import MissingExtra, RefusedFile
from octavo.ingest.clean import storable, title
from octavo.ingest.extracted import Attachment, Extracted, Kind
from octavo.ingest.limits import Limits
from octavo.text import language
from octavo.text.counts import count


@dataclass(frozen=True)
class Original:
    """The bytes of one file, what they are, and how a file inside of them is read.

    `attach` takes the bytes of such a file, its name, and the media type it is said to have. `charset` is what its text
    is said to be encoded in, from outside of it.
    """

    data: bytes
    name: str
    media_type: str
    limits: Limits
    attach: Callable[[bytes, str, str], Attachment]
    charset: str | None = None

    def extracted(
        self,
        kind: Kind,
        text: str,
        *,
        titles: Iterable[str | None] = (),
        author: str | None = None,
        declared_language: str | None = None,
        created: datetime | None = None,
        modified: datetime | None = None,
        encoding: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        attachments: Iterable[Attachment] = (),
    ) -> Extracted:
        """Put together what was read: text made storable, counted, its language found, a title chosen.

        Raises:
            RefusedFile: the text is too long.
        """
        text, stripped = storable(text)
        refuse_longer(len(text), self.limits)
        told = {
            key: _storable(value) for key, value in (metadata or {}).items() if value not in (None, "", [])
        }
        return Extracted(
            title=title(*titles, name=self.name),
            text=text,
            author=(_storable(author) or "").strip() or None,
            language=_language(text, declared_language),
            created=created,
            modified=modified,
            kind=kind,
            media_type=self.media_type,
            encoding=encoding,
            counts=count(text),
            metadata=told | ({"stripped": stripped} if stripped else {}),
            attachments=list(attachments),
        )


def refuse_longer(characters: int, limits: Limits) -> None:
    """Raise `RefusedFile` if a text is too long."""
    if characters > limits.max_text_characters:
        raise RefusedFile(
            f"its text is longer than {limits.max_text_characters:,} characters",
            remedy="split the file or raise the limit max_text_characters",
        )


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)[0]
        case list():
            return [_storable(item) for item in value]
        case _:
            return value


def _language(text: str, declared: str | None) -> str:
    """The language the text is written in; the declared one if that is unclear, or says the same more exactly.

    Declarations come with templates and are often those of the template's author, so the text is asked first.
    """
    try:
        written = language.detect(text)
        named = language.normalize(declared) if declared else language.UNDETERMINED
    except MissingExtra:
        return language.UNDETERMINED  # plain text and Markdown are read without the extra
    if written == language.UNDETERMINED or named.partition("-")[0] == written:
        return named
    return written
