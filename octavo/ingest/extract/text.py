"""Plain text and source code, in any encoding."""

from __future__ import annotations

from octavo.errors import RefusedFile
from octavo.ingest.clean import first_line
from octavo.ingest.encoding import decode
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Extracted

_BYTES_PER_CHARACTER = 4  # at most, in every encoding of Unicode


def extract(original: Original) -> Extracted:
    """The text as it stands; its first line is the title if it is prose."""
    text, encoding, metadata = decoded(original)
    titles = (first_line(text),) if original.media_type == "text/plain" else ()
    return original.extracted("text", text, titles=titles, encoding=encoding, metadata=metadata)


def decoded(original: Original) -> tuple[str, str, dict[str, int]]:
    """The text of a file, its encoding, and in `replaced` how many characters were not valid in it.

    Raises:
        RefusedFile: the text is too long, however it is encoded.
    """
    if len(original.data) > original.limits.max_text_characters * _BYTES_PER_CHARACTER:
        raise RefusedFile(
            f"{len(original.data):,} bytes of text are more than {original.limits.max_text_characters:,} characters",
            remedy="split the file or raise the limit max_text_characters",
        )
    text, encoding, replaced = decode(original.data, original.charset)
    return text, encoding, {"replaced": replaced} if replaced else {}
