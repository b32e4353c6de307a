"""Bytes to text: by mark, by declaration, by trying UTF-8, and by statistics last."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from octavo.errors import MissingExtra

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What is declared, and the larger encoding that is meant: https://encoding.spec.whatwg.org/#names-and-labels
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_ALIASES = {"windows-31j": "cp932", "x-sjis": "cp932", "x-gbk": "gb18030", "unicode": "utf-16"}
_NO_ENCODINGS = {"unicode-escape", "raw-unicode-escape", "punycode", "idna"}
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\x1b"})
_ONLY_IN_CP1252 = bytes(range(0x80, 0xA0))
_SAMPLE_BYTES = 65_536
_ESCAPE_CODES = (b"\x1b$", b"\x1b(")


class Decoded(NamedTuple):
    """A text, the encoding it was in, and how many characters could not be decoded."""

    text: str
    encoding: str
    replaced: int


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode text of any encoding.

    A byte order mark decides; then UTF-8 if the bytes are valid UTF-8, whatever is declared, since other
    encodings hardly ever are; then UTF-16 without a mark by its NULs; then the declaration; then statistics.

    Raises:
        MissingExtra: it takes statistics, and the library for it is not installed.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _forced(data[len(mark) :], encoding)
    if declared is None and (wide := wide_encoding(data)):
        return _forced(data, wide)
    if not any(code in data for code in _ESCAPE_CODES):
        try:
            return Decoded(data.decode(), "utf-8", 0)
        except UnicodeDecodeError as error:
            broken_at = error.start
    else:
        broken_at = 0
    return _forced(data, _known(declared) or _by_statistics(data, broken_at))


def _forced(data: bytes, encoding: str) -> Decoded:
    if encoding == "cp1252" and len(data.translate(None, _ONLY_IN_CP1252)) == len(data):
        encoding = "iso8859-1"  # what it is called, if nothing in it tells the two apart
    try:
        return Decoded(data.decode(encoding), encoding, 0)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        return Decoded(text, encoding, text.count("\ufffd"))


def wide_encoding(data: bytes) -> str | None:
    """Which UTF-16 or UTF-32 a text is in, by its mark or, without one, by its NULs; None if it is in none.

    Its spaces and line ends put NULs mostly on one side of each pair of bytes.
    """
    marked = next((encoding for mark, encoding in _MARKS[1:] if data.startswith(mark)), None)
    if marked:
        return marked
    sample = data[: _SAMPLE_BYTES & ~1][: len(data) & ~1]
    if b"\x00" not in sample or len(sample.translate(None, _CONTROLS)) > 0.95 * len(sample):
        return None
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    wide = "utf-16-be" if first > second else "utf-16-le"
    return wide if 4 * min(first, second) <= max(first, second) and _reads_as(sample, wide) else None


def _reads_as(sample: bytes, encoding: str) -> bool:
    text = sample.decode(encoding, "replace")
    return sum(not (character.isprintable() or character.isspace()) for character in text) < 0.02 * len(text)


def _known(declared: str | None) -> str | None:
    """The codec of a declared encoding, widened as browsers do; None for one that is unknown or no text."""
    label = (declared or "").strip().strip("\"'").lower()
    try:
        name = codecs.lookup(_ALIASES.get(label, label)).name
        b"a".decode(name, "replace")  # some codecs turn bytes into bytes
    except (LookupError, ValueError):
        return None
    return None if name in _NO_ENCODINGS else _MEANT.get(name, name)


def _by_statistics(data: bytes, broken_at: int) -> str:
    try:
        from resiliparse.parse.encoding import detect_encoding  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "text that is not Unicode needs resiliparse",
            remedy="pip install 'octavo[ingest]'",
            extra="ingest",
        ) from error
    start = max(broken_at - _SAMPLE_BYTES // 2, 0)
    guess = detect_encoding(data[start : start + _SAMPLE_BYTES], html5_compatible=False)
    return _known(guess) or "cp1252"
