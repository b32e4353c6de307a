"""Presentations of PowerPoint (.pptx and its kin): slide by slide, each with its notes (ECMA-376 part 1, 19)."""

from __future__ import annotations

from octavo.ingest.clean import first_line, prose
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.package import Fields, Lines, Package, elements, opened, time_of
from octavo.ingest.extracted import Extracted

_NOTES = "notesSlides/"
# Fields hold numbers of slides and today's date; what old programs are shown instead is there twice.
_HIDDEN = {"fld", "Fallback"}


def extract(original: Original) -> Extracted:
    """The text of all slides in the order they are shown, a line a paragraph, rows of tables a line."""
    with opened(original, "presentation") as package:
        lines = Lines(original.limits)
        slides = _slides(package)
        for slide in slides:
            lines.add("")
            _Paragraphs(lines).read(package, slide)
            for part in package.related(slide).values():
                if _NOTES in part and part in package:
                    lines.add("")
                    _Paragraphs(lines).read(package, part)
        told = Fields.of(package, "docProps/core.xml")
    text = prose("\n".join(lines.lines))
    return original.extracted(
        "other",
        text,
        titles=(told.get("title"), first_line(text)),
        author=told.get("creator"),
        declared_language=told.get("language"),
        created=time_of(told.get("created")),
        modified=time_of(told.get("modified")),
        metadata={"format": "presentation", "slides": len(slides), "description": told.get("description")},
    )


def _slides(package: Package) -> list[str]:
    """The parts of the slides, each once, in the order the presentation names them."""
    main = package.main("ppt/presentation.xml")
    parts = package.related(main)
    named: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "sldId":
            named.extend(parts[value] for value in attributes.values() if value in parts)

    package.parse_strictly(main, elements(start, lambda _: None, lambda _: None))
    return [part for part in dict.fromkeys(named) if part in package]


class _Paragraphs:
    """The paragraphs of one part, as lines; those of a cell are joined, and cells of a row are a line."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._pieces: list[str] = []
        self._cells: list[str] | None = None
        self._hidden = 0
        self._is_text = False

    def read(self, package: Package, part: str) -> None:
        """Read a part."""
        package.parse_strictly(part, elements(self._start, self._end, self._text))

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        if name in _HIDDEN:
            self._hidden += 1
        elif name == "t":
            self._is_text = True
        elif name == "br":
            self._pieces.append("\n" if self._cells is None else " ")
        elif name == "tr":
            self._cells = []

    def _end(self, name: str) -> None:
        if name in _HIDDEN:
            self._hidden -= 1
        elif name == "t":
            self._is_text = False
        elif name == "p" and self._cells is None:
            self._put(self._taken())
        elif name == "p":
            self._pieces.append(" ")
        elif name == "tc" and self._cells is not None:
            self._cells.append(self._taken())
        elif name == "tr":
            self._put("\t".join(self._cells or []))
            self._cells = None

    def _text(self, text: str) -> None:
        if self._is_text and not self._hidden:
            self._pieces.append(text)

    def _taken(self) -> str:
        text = "".join(self._pieces).strip()
        self._pieces.clear()
        return text

    def _put(self, line: str) -> None:
        if line:
            self._lines.add(line)
