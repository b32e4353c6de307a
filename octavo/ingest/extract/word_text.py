"""The text of WordprocessingML: paragraphs, tables, text boxes, formulas."""

from __future__ import annotations

from xml.parsers import expat

from octavo.ingest.extract.original import refuse_longer
from octavo.ingest.limits import Limits

# The two variants of the format, transitional and strict, and what both embed.
_NAMESPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/officeDocument/math",
    "http://schemas.openxmlformats.org/markup-compatibility/2006",
)
# What holds other text, and what stands between its parts.
_JOINED_BY = {
    "body": "\n\n",
    "p": "",
    "tc": " ",
    "tr": "\t",
    "tbl": "\n",
    "txbxContent": "\n",
    "footnote": "\n",
    "endnote": "\n",
}
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
# What is there for a machine: renderings for old programs, passages where they no longer are, stops of tabulators.
_HIDDEN = {"Fallback", "moveFrom", "del", "tabs"}
_NAMES = {
    f"{namespace} {name}": name
    for namespace in _NAMESPACES
    for name in (*_JOINED_BY, *_BREAKS, *_HIDDEN, "t", "pStyle")
}
_HEADINGS = ("title", "heading", "titel", "titre", "titolo", "berschrift", "rubrik")


class WordText:
    """Collects text from the parts given to its parsers.

    Attributes:
        blocks: the text, one item a part.
        heading: the first paragraph in a style of titles or headings.
    """

    def __init__(self, limits: Limits) -> None:
        self.blocks: list[str] = []
        self.heading: str | None = None
        self._limits = limits
        self._characters = 0
        self._hidden = 0
        self._is_heading = False
        # What is open, innermost last: the texts in it so far.
        self._open: list[list[str]] = [self.blocks]

    def parser(self) -> expat.XMLParserType:
        """A parser for one part; the body first."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self._parser = parser
        return parser

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        name = _NAMES.get(qualified)
        if name is None:
            return
        if name in _HIDDEN:
            self._hidden += 1
        elif name == "t":
            self._parser.CharacterDataHandler = None if self._hidden else self._text
        elif name in _JOINED_BY:
            self._open.append([])
        elif name == "pStyle":
            style = attributes.get(qualified.replace("pStyle", "val"), "").lower()
            self._is_heading = style.startswith(_HEADINGS)
        elif not self._hidden:
            self._open[-1].append(_BREAKS[name])

    def _end(self, qualified: str) -> None:
        name = _NAMES.get(qualified)
        if name == "t":
            self._parser.CharacterDataHandler = None
        elif name in _HIDDEN:
            self._hidden -= 1
        elif name in _JOINED_BY:
            text = _JOINED_BY[name].join(self._open.pop())
            if text or name == "tc":
                self._open[-1].append(text)
            if name == "p":
                self._note_heading(text)

    def _text(self, text: str) -> None:
        self._open[-1].append(text)
        self._characters += len(text)
        refuse_longer(self._characters, self._limits)

    def _note_heading(self, text: str) -> None:
        if self._is_heading and not self.heading:
            self.heading = text.strip()
        self._is_heading = False
