"""The libraries alone, each over files of its kind: what reading costs before anything is kept."""

from __future__ import annotations

import zipfile
from email import message_from_bytes
from pathlib import Path
from xml.etree import ElementTree as ET

import pypdfium2
from selectolax.lexbor import LexborHTMLParser

_TEXT = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"


def read(path: Path) -> int:
    """Characters of the text of one file."""
    return _READERS[path.suffix](path)


def _html(path: Path) -> int:
    """selectolax with Lexbor."""
    tree = LexborHTMLParser(path.read_bytes())
    tree.strip_tags(["script", "style"])
    return len(tree.body.text(separator="\n")) if tree.body else 0


def _pdf(path: Path) -> int:
    """pypdfium2, page by page."""
    document = pypdfium2.PdfDocument(path.read_bytes())
    try:
        return sum(len(page.get_textpage().get_text_bounded()) for page in document)
    finally:
        document.close()


def _docx(path: Path) -> int:
    """zipfile and ElementTree: libraries that model the whole format are slower by far."""
    with zipfile.ZipFile(path) as archive:
        root = ET.fromstring(archive.read("word/document.xml"))
    return sum(len(text.text or "") for text in root.iter(_TEXT))


def _eml(path: Path) -> int:
    """The standard library's parser, every part decoded."""
    mail = message_from_bytes(path.read_bytes())
    return sum(len(part.get_payload(decode=True) or b"") for part in mail.walk() if not part.is_multipart())


_READERS = {".html": _html, ".pdf": _pdf, ".docx": _docx, ".eml": _eml}
