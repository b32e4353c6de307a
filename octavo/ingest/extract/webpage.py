"""Saved web pages: HTML with a note of its address, MHTML (RFC 2557), and Safari's web archives."""

from __future__ import annotations

import dataclasses
import plistlib
from email import message_from_bytes
from xml.parsers.expat import ExpatError

from octavo.errors import UnreadableFile
from octavo.ingest.detect import MHTML_MEDIA_TYPE, WEBARCHIVE_MEDIA_TYPE
from octavo.ingest.extract import html
from octavo.ingest.extract.email import content_of, decoded, leaves
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Extracted

_REMEDY = "save the page again"
_HTML = {"text/html", "application/xhtml+xml"}


def extract(original: Original) -> Extracted:
    """The text of the page; `metadata["url"]` is where it was saved from, if the file tells."""
    if original.media_type == MHTML_MEDIA_TYPE:
        return _mhtml(original)
    if original.media_type == WEBARCHIVE_MEDIA_TYPE:
        return _webarchive(original)
    return html.extract(original, kind="webpage")


def _mhtml(original: Original) -> Extracted:
    archive = message_from_bytes(original.data)
    page = next((part for part in leaves(archive) if part.get_content_type() in _HTML), None)
    if page is None:
        raise UnreadableFile("there is no page in the saved web page", remedy=_REMEDY)
    address = archive.get("Snapshot-Content-Location") or page.get("Content-Location")
    return html.extract(
        dataclasses.replace(original, data=content_of(page)),
        kind="webpage",
        charset=page.get_content_charset(),
        address=decoded(str(address)) if address else None,
    )


def _webarchive(original: Original) -> Extracted:
    try:
        page = plistlib.loads(original.data)["WebMainResource"]
        data, charset, address = (
            page.get(f"WebResource{field}") for field in ("Data", "TextEncodingName", "URL")
        )
        if not isinstance(data, bytes):
            raise TypeError("no data in the main resource")
    except (
        plistlib.InvalidFileException,
        ExpatError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:
        raise UnreadableFile("the web archive is broken", remedy=_REMEDY) from error
    return html.extract(
        dataclasses.replace(original, data=data), kind="webpage", charset=charset, address=address
    )
