"""Office files of many parts in one zip archive: unpacked no further than the limits allow, parsed piece by piece."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from xml.parsers import expat

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.clean import utc
from octavo.ingest.extract.original import Original, refuse_longer
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


@contextmanager
def opened(original: Original, what: str) -> Iterator[Package]:
    """The parts of an office file; `what` is what errors call it.

    Raises:
        UnreadableFile: it is broken or encrypted. RefusedFile: it is over a limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(original.data)) as archive:
            yield Package(archive, original.limits, what)
    except _BROKEN as error:
        raise UnreadableFile(f"the {what} is broken", remedy="open it and save it again") from error


class Package:
    """The parts of an archive."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits, what: str) -> None:
        self._archive = archive
        self._limits = limits
        self._what = what
        self._names = set(archive.namelist())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def parse(self, name: str, parser: expat.XMLParserType) -> None:
        """Give a part to a parser, piece by piece. It may not declare entities, which unpack to anything."""
        parser.EntityDeclHandler = _refuse_entities
        for piece in self._pieces(name):
            parser.Parse(piece, False)
        parser.Parse(b"", True)

    def parse_strictly(self, name: str, parser: expat.XMLParserType) -> None:
        """As `parse`, of a format whose parts have no document type at all."""
        parser.StartDoctypeDeclHandler = _refuse_document_type
        self.parse(name, parser)

    def read(self, name: str) -> bytes:
        """The whole of a part."""
        return b"".join(self._pieces(name))

    def related(self, name: str) -> dict[str, str]:
        """The parts that a part of an Office Open XML file names, by the ids it calls them by."""
        folder, file = posixpath.split(name)
        relations = Relations(folder)
        path = posixpath.join(folder, "_rels", f"{file}.rels")
        if path in self:
            self.parse_strictly(path, relations.parser())
        return relations.targets

    def main(self, usual: str) -> str:
        """The part with the document, where an Office Open XML file says or where it always is.

        Raises:
            UnreadableFile: there is none.
        """
        relations = Relations("")
        if "_rels/.rels" in self:
            self.parse_strictly("_rels/.rels", relations.parser())
        name = relations.document or usual
        if name not in self:
            raise UnreadableFile(
                f"the {self._what} has no document in it", remedy="open it and save it again"
            )
        return name

    def _pieces(self, name: str) -> Iterator[bytes]:
        part = self._archive.getinfo(name)
        self._refuse_bomb(part)
        if part.flag_bits & 1:
            raise UnreadableFile(f"the {self._what} is encrypted", remedy="save it without a password")
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
    raise RefusedFile("its XML declares a document type, which office files do not have")


def _refuse_entities(*_: object) -> None:
    raise RefusedFile("its XML declares entities, which office files do not have")


class Relations:
    """Which parts a part names (ECMA-376, part 2: relationships)."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.document: str | None = None
        self.targets: dict[str, str] = {}

    def parser(self) -> expat.XMLParserType:
        """A parser for a part of relations."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        return parser

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = posixpath.normpath(posixpath.join("/", self._folder, attributes.get("Target", "")))[1:]
        self.targets[attributes.get("Id", "")] = target
        if attributes.get("Type", "").endswith("/officeDocument"):
            self.document = target


class Fields:
    """The text of each element, by its name without namespace; the first of a name counts."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._open: list[str] = []
        self._seen: set[str] = set()

    @classmethod
    def of(cls, package: Package, *names: str) -> dict[str, str]:
        """The fields of those of the parts that are there."""
        fields = cls()
        for name in names:
            if name in package:
                package.parse_strictly(name, fields.parser())
        return {name: text.strip() for name, text in fields.found.items()}

    def parser(self) -> expat.XMLParserType:
        """A parser for a part of properties."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, _: self._open.append(name.rpartition(":")[2])
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        return parser

    def _end(self, _name: str) -> None:
        self._seen.add(self._open.pop())

    def _text(self, text: str) -> None:
        name = self._open[-1]
        if name not in self._seen:
            self.found[name] = self.found.get(name, "") + text


class Lines:
    """Text as it grows, counted."""

    def __init__(self, limits: Limits) -> None:
        self.lines: list[str] = []
        self._limits = limits
        self._characters = 0

    def add(self, line: str) -> None:
        """Raises `RefusedFile` if all lines together are too long."""
        self.count(line)
        self.lines.append(line)

    def count(self, line: str) -> None:
        """Count a line that is added later, as part of another."""
        self._characters += len(line) + 1
        refuse_longer(self._characters, self._limits)


def time_of(value: str | None) -> datetime | None:
    """A moment as office files write it, in UTC; None if it is none."""
    try:
        return utc(datetime.fromisoformat(value or ""))
    except (ValueError, OverflowError):
        return None


def elements(
    start: Callable[[str, dict[str, str]], None], end: Callable[[str], None], text: Callable[[str], None]
) -> expat.XMLParserType:
    """A parser that tells elements by their names without namespaces, and text in as few pieces as it can."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(
        name.rpartition(" ")[2], {key.rpartition(" ")[2]: value for key, value in attributes.items()}
    )
    parser.EndElementHandler = lambda name: end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = text
    return parser
