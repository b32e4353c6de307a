"""OpenDocument files (.odt, .ods, .odp): text, tables and slides (OASIS OpenDocument 1.3, part 3)."""

from __future__ import annotations

from octavo.errors import UnreadableFile
from octavo.ingest.clean import first_line, prose
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.package import Fields, Lines, Package, elements, opened, time_of
from octavo.ingest.extracted import Extracted, Kind

# What a media type that begins so is, by its last word; templates end in -template.
_KINDS: dict[str, tuple[Kind, str | None]] = {
    "text": ("word", None),
    "spreadsheet": ("other", "spreadsheet"),
    "presentation": ("other", "presentation"),
}
_FAMILY = "application/vnd.oasis.opendocument."
# What is there for others than readers: passages that were deleted, comments, numbers that fields repeat.
_HIDDEN = {"tracked-changes", "annotation", "sequence-decls", "forms"}
_MOST_SPACES, _MOST_REPETITIONS = 100, 64


def extract(original: Original) -> Extracted:
    """Paragraphs a blank line apart, rows of tables a line, slides in their order."""
    family = original.media_type.removeprefix(_FAMILY).split("-")[0]
    kind, format = _KINDS.get(family, ("other", family or None))
    with opened(original, "OpenDocument file") as package:
        _refuse_encrypted(package)
        text = _Text(Lines(original.limits), "\n" if kind == "other" else "\n\n")
        package.parse_strictly("content.xml", elements(text.start, text.end, text.text))
        told = Fields.of(package, "meta.xml")
    words = prose(text.whole())
    return original.extracted(
        kind,
        words,
        titles=(told.get("title"), text.heading, first_line(words)),
        author=told.get("initial-creator") or told.get("creator"),
        declared_language=told.get("language"),
        created=time_of(told.get("creation-date")),
        modified=time_of(told.get("date")),
        metadata={
            "format": format,
            "description": told.get("description") or told.get("subject"),
            "keywords": told.get("keyword"),
        },
    )


def _refuse_encrypted(package: Package) -> None:
    """Raise `UnreadableFile` if the manifest says that parts are encrypted."""
    if "META-INF/manifest.xml" not in package:
        return

    def start(name: str, _attributes: dict[str, str]) -> None:
        if name == "encryption-data":
            raise UnreadableFile("the OpenDocument file is encrypted", remedy="save it without a password")

    package.parse("META-INF/manifest.xml", elements(start, lambda _: None, lambda _: None))


class _Text:
    """Collects what is in the body. What is inside of a paragraph or a cell is collected on its own, innermost last."""

    def __init__(self, lines: Lines, between: str) -> None:
        self.heading: str | None = None
        self._lines = lines
        self._between = between
        self._notes: list[str] = []
        self._open: list[list[str]] = []
        self._rows: list[list[str]] = []
        self._tables: list[list[str]] = []
        self._repeated = 1
        self._in_note = 0
        self._hidden = 0
        self._is_body = False

    def whole(self) -> str:
        """All of it, notes at the end."""
        return self._between.join([*self._lines.lines, *self._notes])

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        match name:
            case "body":
                self._is_body = True
            case _ if name in _HIDDEN or name == "note-citation":
                self._hidden += 1
            case "p" | "h":
                self._open.append([])
            case "table-row":
                self._rows.append([])
            case "table-cell" | "covered-table-cell":
                self._open.append([])
                self._repeated = _number(attributes.get("number-columns-repeated"), _MOST_REPETITIONS)
            case "note-body":
                self._in_note += 1
            case "table":
                self._tables.append([])
                if self._between == "\n" and (title := attributes.get("name")):
                    self._lines.add(f"\n{title}\n")
            case "page":
                self._lines.add("")
            case "s":
                self.text(" " * _number(attributes.get("c"), _MOST_SPACES))
            case "tab" | "line-break":
                self.text("\t" if name == "tab" else "\n")

    def end(self, name: str) -> None:
        """An element ends."""
        match name:
            case "body":
                self._is_body = False
            case _ if name in _HIDDEN or name == "note-citation":
                self._hidden -= 1
            case "p" | "h" if self._open:
                self._paragraph("".join(self._open.pop()), is_heading=name == "h")
            case "table-cell" | "covered-table-cell" if self._open:
                text = " ".join("".join(self._open.pop()).split())
                if self._rows:
                    self._rows[-1] += [text] * (self._repeated if text else 1)
                self._repeated = 1
            case "table-row" if self._rows:
                self._row("\t".join(self._rows.pop()).rstrip("\t"))
            case "table" if self._tables:
                self._put("\n".join(self._tables.pop()))
            case "note-body":
                self._in_note -= 1

    def text(self, text: str) -> None:
        """Characters of a paragraph."""
        if self._is_body and self._open and not self._hidden:
            self._open[-1].append(text)

    def _paragraph(self, text: str, *, is_heading: bool) -> None:
        if not text.strip() or self._hidden:
            return
        if is_heading and not self.heading:
            self.heading = text.strip()
        if self._in_note:
            self._notes.append(text)
        else:
            self._put(text)

    def _row(self, line: str) -> None:
        if line and self._tables:
            self._lines.count(line)
            self._tables[-1].append(line)

    def _put(self, text: str) -> None:
        """A block of its own, or a part of the cell it is in."""
        if self._rows and self._open:
            self._open[-1].append(f"{text} ")
        elif text and self._is_body:
            self._lines.add(text)


def _number(value: str | None, most: int) -> int:
    """How often something is repeated; once if it does not say, and no more often than is useful."""
    return (
        min(int(value), most) if value and value.isdecimal() and len(value) < 10 else (most if value else 1)
    )
