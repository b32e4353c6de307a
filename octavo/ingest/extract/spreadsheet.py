"""Spreadsheets of Excel (.xlsx and its kin): a line a row, cells a tabulator apart, as ECMA-376 part 1, 18 says.

By the XML parser of the standard library, cell by cell: a library that makes a table of a sheet needs the memory of
all cells between two that are far apart, which a file of a few bytes can name.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.parsers import expat

from octavo.errors import RefusedFile
from octavo.ingest.clean import first_line, prose
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.package import Fields, Lines, Package, opened, time_of
from octavo.ingest.extracted import Extracted

# Numbers of formats that are built in and show a date or a time (18.8.30), also those of East Asia.
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_LETTERS = re.compile("[ymdhs]", re.IGNORECASE)
_COLUMN = re.compile("[A-Z]{1,3}")
_WIDEST_GAP = 64
_BEGINNINGS = {"1904": datetime(1904, 1, 1), "1900": datetime(1899, 12, 30)}  # noqa: DTZ001 - of no zone
_LAST_DAY = 2_958_465


class _Sheet(NamedTuple):
    name: str
    part: str


def extract(original: Original) -> Extracted:
    """All sheets, each under its name; dates as ISO 8601, other numbers and results of formulas as they are kept."""
    with opened(original, "spreadsheet") as package:
        book = _Book(package)
        lines = Lines(original.limits)
        for sheet in book.sheets:
            lines.add(f"\n{sheet.name}\n")
            package.parse_strictly(sheet.part, _Rows(book, lines).parser())
        told = Fields.of(package, "docProps/core.xml")
        names = [sheet.name for sheet in book.sheets]
    text = prose("\n".join(lines.lines))
    return original.extracted(
        "other",
        text,
        titles=(told.get("title"), first_line(text) if len(names) == 1 else None),
        author=told.get("creator"),
        declared_language=told.get("language"),
        created=time_of(told.get("created")),
        modified=time_of(told.get("modified")),
        metadata={"format": "spreadsheet", "sheets": names, "description": told.get("description")},
    )


class _Book:
    """What the cells refer to: sheets in their order, shared strings, formats that show dates."""

    def __init__(self, package: Package) -> None:
        self.beginning = _BEGINNINGS["1900"]
        self.strings: list[str] = []
        self.dates: list[bool] = []
        self._formats: dict[str, str] = {}
        self._is_in_cells = False
        self._named: list[tuple[str, str]] = []
        main = package.main("xl/workbook.xml")
        if main.endswith(".bin"):
            raise RefusedFile("spreadsheets in binary (.xlsb) are not read", remedy="save it as .xlsx")
        parts = package.related(main)
        package.parse_strictly(main, self._workbook())
        self.sheets = [_Sheet(name, parts[id]) for name, id in self._named if parts.get(id, "") in package]
        for part in parts.values():
            if part in package and part.endswith("haredStrings.xml"):
                package.parse_strictly(part, _Strings(self.strings).parser())
            if part in package and part.endswith("styles.xml"):
                package.parse_strictly(part, self._styles())

    def _workbook(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()

        def start(name: str, attributes: dict[str, str]) -> None:
            local = name.rpartition(":")[2]
            if local == "sheet":
                id = next((value for key, value in attributes.items() if key.endswith(":id")), "")
                self._named.append((attributes.get("name", ""), id))
            elif local == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
                self.beginning = _BEGINNINGS["1904"]

        parser.StartElementHandler = start
        return parser

    def _styles(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()

        def start(name: str, attributes: dict[str, str]) -> None:
            local = name.rpartition(":")[2]
            if local == "numFmt":
                self._formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif local == "cellXfs":
                self._is_in_cells = True
            elif local == "xf" and self._is_in_cells:
                self.dates.append(self._is_date(attributes.get("numFmtId", "0")))

        def end(name: str) -> None:
            if name.rpartition(":")[2] == "cellXfs":
                self._is_in_cells = False

        parser.StartElementHandler, parser.EndElementHandler = start, end
        return parser

    def _is_date(self, number: str) -> bool:
        if number in self._formats:
            return _DATE_LETTERS.search(_QUOTED.sub("", self._formats[number])) is not None
        return number.isdecimal() and int(number) in _DATES


class _Strings:
    """Texts that cells share, in their order; without how they are pronounced."""

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._pieces: list[str] = []
        self._hidden = 0

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self._parser = parser
        return parser

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "rPh":
            self._hidden += 1
        elif local == "t" and not self._hidden:
            self._parser.CharacterDataHandler = self._pieces.append

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "rPh":
            self._hidden -= 1
        elif local == "t":
            self._parser.CharacterDataHandler = None
        elif local == "si":
            self._strings.append("".join(self._pieces))
            self._pieces.clear()


class _Rows:
    """The rows of one sheet, as lines."""

    def __init__(self, book: _Book, lines: Lines) -> None:
        self._book = book
        self._lines = lines
        self._row: list[str] = []
        self._pieces: list[str] = []
        self._cell: dict[str, str] = {}

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self._parser = parser
        return parser

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            self._cell = attributes
        elif local in {"v", "t"}:
            self._parser.CharacterDataHandler = self._pieces.append

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in {"v", "t"}:
            self._parser.CharacterDataHandler = None
        elif local == "c" and self._pieces:
            self._put(self._shown("".join(self._pieces)))
            self._pieces.clear()
        elif local == "row":
            if self._row:
                self._lines.add("\t".join(self._row))
            self._row.clear()

    def _put(self, text: str) -> None:
        """A cell in its column; gaps are kept unless they are wide."""
        column = _column(self._cell.get("r", ""))
        if 0 <= column - len(self._row) <= _WIDEST_GAP:
            self._row += [""] * (column - len(self._row))
        self._row.append(" ".join(text.split()))

    def _shown(self, value: str) -> str:
        match self._cell.get("t", "n"):
            case "s":
                index = int(value)
                return self._book.strings[index] if 0 <= index < len(self._book.strings) else ""
            case "b":
                return "TRUE" if value == "1" else "FALSE"
            case "n" if self._is_date():
                return _date(value, self._book.beginning)
            case _:
                return value

    def _is_date(self) -> bool:
        style = int(self._cell.get("s", "0"))
        return style < len(self._book.dates) and self._book.dates[style]


def _column(reference: str) -> int:
    """The number of a column, from 0; that of `C7` is 2."""
    letters = _COLUMN.match(reference)
    number = 0
    for letter in letters[0] if letters else "":
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _date(value: str, beginning: datetime) -> str:
    """A day's number as a date, with the time of day if there is one, or that alone."""
    days = float(value)
    if not 0 <= days <= _LAST_DAY:
        return value
    moment = beginning + timedelta(seconds=round(days * 86_400))
    if days < 1:
        return moment.time().isoformat()
    return moment.date().isoformat() if days == int(days) else moment.isoformat(" ")
