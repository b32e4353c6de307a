"""What no extractor reads: kept as it is, with its media type; text there is none."""

from __future__ import annotations

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.detect import OLE_ENCRYPTED_MEDIA_TYPE, OLE_WORD_MEDIA_TYPE
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Extracted


def extract(original: Original) -> Extracted:
    """A document without text.

    Raises:
        RefusedFile: a document of Word 97 to 2003, whose text would be missed.
        UnreadableFile: an encrypted office document.
    """
    if original.media_type == OLE_WORD_MEDIA_TYPE:
        raise RefusedFile("documents of Word 97 to 2003 (.doc) are not read", remedy="save it as .docx")
    if original.media_type == OLE_ENCRYPTED_MEDIA_TYPE:
        raise UnreadableFile("the office document is encrypted", remedy="save it without a password")
    return original.extracted("other", "")
