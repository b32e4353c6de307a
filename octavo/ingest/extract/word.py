"""Word files (.docx and its kin), by the XML parser of the standard library.

Libraries that model the whole format were 8 to 40 times slower here and missed text: in tables, in content
controls, in inserted passages. What text is, ECMA-376 (Office Open XML) says in a few element names.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from xml.parsers import expat

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.clean import first_line, prose, utc
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.word_text import WordText
from octavo.ingest.extracted import Extracted
from octavo.ingest.limits import MIB, Limits

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    EOFError,
    NotImplementedError,
    ValueError,
    OSError,
)
_PIECE_BYTES = 65_536
_NOTES = ("footnotes.xml", "endnotes.xml")


def extract(original: Original) -> Extracted:
    """The text with tables, notes and text boxes, without what is marked as deleted; fields from its properties."""
    try:
        with zipfile.ZipFile(io.BytesIO(original.data)) as archive:
            return _extract(original, _Parts(archive, original.limits))
    except _BROKEN as error:
        raise UnreadableFile("the Word file is broken", remedy="open it in Word and save it again") from error


def _extract(original: Original, parts: _Parts) -> Extracted:
    body = parts.main()
    text = WordText(original.limits)
    for name in (body, *(posixpath.join(posixpath.dirname(body), note) for note in _NOTES)):
        if name in parts:
            parts.parse(name, text.parser())
    fields = _Fields()
    for name in ("docProps/core.xml", "docProps/app.xml"):
        if name in parts:
            parts.parse(name, fields.parser())
    told = fields.found
    words = prose("\n\n".join(text.blocks))
    return original.extracted(
        "word",
        words,
        titles=(told.get("title"), text.heading, first_line(words)),
        author=told.get("creator"),
        declared_language=told.get("language"),
        created=_time(told.get("created")),
        modified=_time(told.get("modified")),
        metadata={
            "pages": int(told["Pages"]) if told.get("Pages", "").isdecimal() else None,
            "description": told.get("description") or told.get("subject"),
            "keywords": told.get("keywords"),
        },
    )


class _Parts:
    """The parts of an archive, unpacked no further than the limits allow."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._names = set(archive.namelist())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def main(self) -> str:
        """The part with the document, where the package says or where it always is."""
        relations = _Relations()
        if "_rels/.rels" in self:
            self.parse("_rels/.rels", relations.parser())
        name = (relations.document or "word/document.xml").lstrip("/")
        if name not in self:
            raise UnreadableFile(
                "the Word file has no document in it", remedy="open it in Word and save it again"
            )
        return name

    def parse(self, name: str, parser: expat.XMLParserType) -> None:
        """Give a part to a parser, piece by piece."""
        parser.StartDoctypeDeclHandler = _refuse_document_type
        for piece in self._pieces(name):
            parser.Parse(piece, False)
        parser.Parse(b"", True)

    def _pieces(self, name: str) -> Iterator[bytes]:
        part = self._archive.getinfo(name)
        self._refuse_bomb(part)
        if part.flag_bits & 1:
            raise UnreadableFile("the Word file is encrypted", remedy="save it without a password")
        with self._archive.open(part) as unpacked:
            while piece := unpacked.read(_PIECE_BYTES):
                yield piece

    def _refuse_bomb(self, part: zipfile.ZipInfo) -> None:
        """Sizes as the archive states them: no more than that is ever unpacked."""
        ratio = part.file_size / max(part.compress_size, 1)
        if part.file_size > self._limits.max_unpacked_bytes or (
            part.file_size > MIB and ratio > self._limits.max_unpacked_ratio
        ):
            raise RefusedFile(
                f"{part.filename} unpacks to {part.file_size:,} bytes, {ratio:,.0f} times its size",
                remedy="raise max_unpacked_bytes or max_unpacked_ratio if you trust it",
            )


def _refuse_document_type(*_: object) -> None:
    raise RefusedFile("its XML declares a document type, which Word files do not have")


class _Relations:
    """Which part of a package is the document."""

    document: str | None = None

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        return parser

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            self.document = attributes.get("Target")


class _Fields:
    """The text of each element, by its name without namespace; the first of a name counts."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._open: list[str] = []

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, _: self._open.append(name.rpartition(":")[2])
        parser.EndElementHandler = lambda _: self._open.pop()
        parser.CharacterDataHandler = self._text
        return parser

    def _text(self, text: str) -> None:
        name = self._open[-1]
        self.found[name] = self.found.get(name, "") + text


def _time(value: str | None) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(value or ""))
    except (ValueError, OverflowError):
        return None
