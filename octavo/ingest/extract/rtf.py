r"""Rich Text Format (RTF 1.9.1): words and groups; what is text, and what is about it.

A file is a row of tokens: `{` and `}` around groups, control words such as `\par`, and text. A group whose first word
names a destination, such as the table of fonts, is no text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from octavo.errors import UnreadableFile
from octavo.ingest.clean import first_line, prose, utc
from octavo.ingest.extract.original import Original, refuse_longer
from octavo.ingest.extracted import Extracted

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_BINARY = re.compile(rb"\\bin(\d{1,10})[ ]?")
_BREAKS = {
    "par": "\n\n", "sect": "\n\n", "page": "\n\n", "line": "\n", "tab": "\t", "cell": "\x07", "nestcell": "\x07",
    "row": "\n", "nestrow": "\n", "emdash": "\u2014", "endash": "\u2013", "bullet": "\u2022",
    "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c", "rdblquote": "\u201d",
    "emspace": " ", "enspace": " ",
}  # fmt: skip
_CELL_END = re.compile(r"\s*\x07")
_SYMBOLS = {
    b"~": "\u00a0",
    b"_": "-",
    b"-": "\u00ad",
    b"\\": "\\",
    b"{": "{",
    b"}": "}",
    b"\n": "\n\n",
    b"\r": "\n\n",
}
# Destinations that are text to a reader. Of the others, those that are old have to be named; new ones begin with \*.
_NO_TEXT = {
    "fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "revtbl", "rsidtbl", "pict", "object",
    "objdata", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "fldinst",
    "info", "generator", "themedata", "colorschememapping", "datastore", "latentstyles", "xmlnstbl", "filetbl",
    "bkmkstart", "bkmkend", "annotation", "atnid", "atnauthor", "pntext", "listtext", "private", "template", "xe", "tc",
    "nonshppict", "mmathPr", "deleted",
}  # fmt: skip
_FIELDS = {"title", "subject", "author", "keywords", "doccomm"}
_TIMES = {"creatim", "revtim"}
# The charset of a font (1.9.1, "Font Table") as Python names it.
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250",
}  # fmt: skip
_DEEPEST = 10_000
_NO_TEXT_AT_ALL, _BODY, _NOTES = "", "body", "notes"


def extract(original: Original) -> Extracted:
    """The text a reader is shown, notes at its end; title, author and dates from what it tells of itself.

    Raises:
        UnreadableFile: it ends in the middle. RefusedFile: its text is too long.
    """
    reading = _Reading(original)
    reading.read()
    told = {name: reading.text_of(name).strip() for name in _FIELDS}
    text = prose(_CELL_END.sub("\t", f"{reading.text_of(_BODY)}\n\n{reading.text_of(_NOTES)}"))
    return original.extracted(
        "word",
        text,
        titles=(told["title"], first_line(text)),
        author=told["author"],
        created=reading.time_of("creatim"),
        modified=reading.time_of("revtim"),
        metadata={"description": told["doccomm"] or told["subject"], "keywords": told["keywords"]},
    )


@dataclass(frozen=True)
class _Group:
    """What counts up to the next closing brace: where text goes, in which font, and how Unicode is followed."""

    sink: str = _BODY
    font: int = -1
    fallback: int = 1
    is_in_fonts: bool = False
    is_optional: bool = False


class _Reading:
    """One file, token by token."""

    def __init__(self, original: Original) -> None:
        self._data = original.data
        self._limits = original.limits
        self._groups: list[_Group] = []
        self._group = _Group()
        self._texts: dict[str, list[str]] = {}
        self._bytes = bytearray()
        self._characters = 0
        self._skipped = 0
        self._charsets: dict[int, str] = {}
        self._code_page = "cp1252"
        self._times: dict[str, dict[str, int]] = {}

    def read(self) -> None:
        """Read all of it, up to the brace that closes it."""
        position = 0
        while position < len(self._data):
            if binary := _BINARY.match(self._data, position):
                position = binary.end() + int(binary[1])
                continue
            token = _TOKEN.match(self._data, position)
            if token is None:  # a lone backslash at the end
                break
            position = token.end()
            self._token(token)
            if not self._groups:
                return
        raise UnreadableFile("the RTF file ends in the middle", remedy="open it and save it again")

    def text_of(self, sink: str) -> str:
        """What went there; two halves of a character become one."""
        text = "".join(self._texts.get(sink, []))
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def time_of(self, name: str) -> datetime | None:
        """A moment it tells of itself; None if it is none."""
        part = self._times.get(name, {})
        try:
            return utc(
                datetime(part["yr"], part["mo"], part["dy"], part.get("hr", 0), part.get("min", 0))  # noqa: DTZ001
            )
        except (KeyError, ValueError, OverflowError):
            return None

    def _token(self, token: re.Match[bytes]) -> None:
        word, number, code, symbol, brace, text = token.groups()
        if text is not None:
            self._add_bytes(text)
        elif code is not None:
            self._add_bytes(bytes.fromhex(code.decode()))
        elif brace is not None:
            self._brace(brace)
        elif symbol == b"*":
            self._group = replace(self._group, is_optional=True)
        elif symbol is not None:
            self._add(_SYMBOLS.get(symbol, ""))
        elif word is not None:
            self._word(word.decode("ascii"), int(number) if number else None)

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._skipped = 0
        if brace == b"}":
            self._group = self._groups.pop() if self._groups else _Group()
            return
        if len(self._groups) >= _DEEPEST:
            raise UnreadableFile("its groups are nested too deep")
        self._groups.append(self._group)

    def _word(self, word: str, number: int | None) -> None:
        group = self._group
        if word == "u" and number is not None:
            self._add(chr(number % 65_536))
            self._skipped = group.fallback
        elif word in _BREAKS:
            self._add(_BREAKS[word])
        elif word == "footnote" and group.sink == _BODY:
            self._become(replace(group, sink=_NOTES, is_optional=False))
            self._add("\n\n")
        elif word == "shptxt":
            self._become(replace(group, sink=_BODY, is_optional=False))
        elif word in _FIELDS and group.sink == _NO_TEXT_AT_ALL:
            self._become(replace(group, sink=word, is_optional=False))
        elif word in _NO_TEXT or group.is_optional:
            is_kept = word == "deleted" and number == 0
            self._become(
                replace(
                    group,
                    sink=group.sink if is_kept else _NO_TEXT_AT_ALL,
                    is_in_fonts=word == "fonttbl",
                    is_optional=False,
                )
            )
        else:
            self._property(word, number)

    def _property(self, word: str, number: int | None) -> None:
        match word, number:
            case "f", int():
                self._become(replace(self._group, font=number))
            case "fcharset", int() if self._group.is_in_fonts and number in _CHARSETS:
                self._charsets[self._group.font] = _CHARSETS[number]
            case "uc", int():
                self._group = replace(self._group, fallback=max(0, min(number, 16)))
            case "plain", _:
                self._become(replace(self._group, font=-1))
            case "ansicpg", int() if _is_known(f"cp{number}"):
                self._code_page = f"cp{number}"
            case "mac", _:
                self._code_page = "mac_roman"
            case ("creatim" | "revtim") as name, _:
                self._become(replace(self._group, sink=_NO_TEXT_AT_ALL))
                self._times[name] = {}
            case ("yr" | "mo" | "dy" | "hr" | "min") as name, int() if self._times:
                next(reversed(self._times.values())).setdefault(name, number)

    def _become(self, group: _Group) -> None:
        self._flush()
        self._group = group

    def _add_bytes(self, data: bytes) -> None:
        if self._skipped:
            dropped = min(self._skipped, len(data))
            self._skipped -= dropped
            data = data[dropped:]
        if self._group.sink != _NO_TEXT_AT_ALL:
            self._bytes += data

    def _add(self, text: str) -> None:
        self._flush()
        if self._group.sink != _NO_TEXT_AT_ALL:
            self._characters += len(text)
            refuse_longer(self._characters, self._limits)
            self._texts.setdefault(self._group.sink, []).append(text)

    def _flush(self) -> None:
        """Bytes become text when what follows is none: only together are they characters."""
        if self._bytes:
            data = bytes(self._bytes)
            self._bytes.clear()
            self._add(data.decode(self._charsets.get(self._group.font, self._code_page), "replace"))


def _is_known(encoding: str) -> bool:
    try:
        b"".decode(encoding)
    except LookupError:
        return False
    return True
