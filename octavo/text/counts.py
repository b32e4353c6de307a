"""How many words, characters and paragraphs a text has.

The counting rule:

- A *word* is a run of characters between white space that holds at least one letter or digit: `don't`,
  `3.14`, `well-known` and `user@example.org` are one word each, a dash and `👋` are none. Han, Hiragana and
  Katakana are written without spaces, so each of their letters is a word. Scripts without spaces and without
  ideographs (Thai, Lao, Khmer) count what stands between spaces, ZERO WIDTH SPACE included.
- A *character* is what a reader sees as one, the grapheme cluster of Unicode's UAX #29 in these parts: a code
  point with its combining marks, variation selector, skin tone and joined emoji; a flag; a Hangul
  syllable in conjoining jamo; a carriage return with its line feed. Indic conjuncts
  count letter by letter.
- A *paragraph* is a run of lines that are not blank; blank lines separate paragraphs.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

# Text is looked at in pieces: one odd character makes its own piece slow, and no other.
_PIECE = 1_024

# Every code point becomes one byte that says what it is to the rule above.
_LETTER, _IDEOGRAPH, _SPACE, _NEWLINE, _RETURN, _MARK, _JOINER, _FLAG, _SYMBOL, _OTHER = b"lisnrmjfeo"

_CLUSTER = re.compile(rb"rn|(?:ff|[^rn])(?:je|[mj])+|ff")
_JOINABLE = (b"r", b"m", b"j", b"f")
_IDEOGRAPHS = (
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFF9D),  # Katakana, half width
    (0x1AFF0, 0x1B16F),  # Kana extensions
    (0x20000, 0x3FFFD),  # Han extensions B and on
)
_MARKS = (
    (0x0E33, 0x0E33),  # Thai sara am
    (0x0EB3, 0x0EB3),  # Lao sara am
    (0x1160, 0x11FF),  # Hangul jamo, vowels and finals
    (0x200C, 0x200C),  # zero width non-joiner
    (0xD7B0, 0xD7FB),  # Hangul jamo, extended
    (0xFF9E, 0xFF9F),  # half-width voicing marks
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0020, 0xE007F),  # tags
)
_ZERO_WIDTH_SPACE, _ZERO_WIDTH_JOINER = 0x200B, 0x200D


class Counts(msgspec.Struct, frozen=True):
    """Size of a text by the published rule."""

    words: int
    characters: int
    paragraphs: int


def count(text: str) -> Counts:
    """Count a text by the rule above; lone surrogates count as one character each.

    Linear in the length of the text; text in Western European languages takes about a fifth of the time of
    other scripts.
    """
    classes = _classes(text)
    return Counts(words=_words(classes), characters=_characters(classes), paragraphs=_paragraphs(classes))


def _words(classes: bytes) -> int:
    letters = classes.translate(_IN_WORDS, b"mjfeo")
    return classes.count(b"i") + letters.count(b" l") + letters.startswith(b"l")


def _characters(classes: bytes) -> int:
    if not any(joinable in classes for joinable in _JOINABLE):
        return len(classes)
    return len(_CLUSTER.sub(b"o", classes))


def _paragraphs(classes: bytes) -> int:
    lines = classes.replace(b"rn", b"n").translate(_IN_PARAGRAPHS, b"s").lstrip(b"n")
    return lines.count(b"nnl") + bool(lines)


def _classes(text: str) -> bytes:
    others = _Classes()
    return b"".join(
        _classes_of_piece(text[start : start + _PIECE], others) for start in range(0, len(text), _PIECE)
    )


def _classes_of_piece(piece: str, others: _Classes) -> bytes:
    for codec, table in _TABLES:
        try:
            return piece.encode(codec).translate(table)
        except UnicodeEncodeError:
            continue
    return piece.translate(others).encode("ascii")


class _Classes(dict[int, int]):
    """Class of each code point met; filled as they are met, for one count."""

    def __missing__(self, point: int) -> int:
        self[point] = _class(point)
        return self[point]


def _class(point: int) -> int:
    category = unicodedata.category(chr(point))
    if category.startswith("M") or _in(point, _MARKS):
        return _MARK
    if category[0] in "LN":
        return _IDEOGRAPH if _in(point, _IDEOGRAPHS) else _LETTER
    if category.startswith("Z") or chr(point).isspace() or point == _ZERO_WIDTH_SPACE:
        return {0x0A: _NEWLINE, 0x0D: _RETURN}.get(point, _SPACE)
    if point == _ZERO_WIDTH_JOINER:
        return _JOINER
    if category == "So":
        return _FLAG if 0x1F1E6 <= point <= 0x1F1FF else _SYMBOL
    return _OTHER


def _in(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= point <= last for first, last in ranges)


# The fastest codec first: most texts are in the second's alphabet because of their quotation marks.
_TABLES = [
    (codec, bytes(_class(ord(bytes([byte]).decode(codec, "replace"))) for byte in range(256)))
    for codec in ("latin-1", "cp1252")
]
_IN_WORDS = bytes.maketrans(b"isnr", b"    ")
_IN_PARAGRAPHS = bytes.maketrans(b"imjfeor", b"llllll" + b"n")
