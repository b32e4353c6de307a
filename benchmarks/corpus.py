"""Short documents of real text for search: the docstrings of the standard library and the installed packages."""

from __future__ import annotations

import random
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CHARACTERS = 450
SEED = 20260131

_DOCSTRING = re.compile(r'(?:def|class) (\w+)[^\n]*:\n\s+[rR]?"""(.+?)"""', re.DOTALL)
_WORD = re.compile(r"[a-z]{3,}")
_STOP_WORDS = """
    the and for that this with are from not can which will was has have its any all when then than but into does more
    other you they their there use used been would should each such only also may one two some what how who where
    while after before between about over under out off very just your our his her she him had did being
"""


@cache
def documents(number: int) -> list[tuple[str, str]]:
    """Titles and texts of about 600 characters, always the same on the same machine; paragraphs may repeat."""
    chance = random.Random(SEED)
    named = list(_named_paragraphs())
    made: list[tuple[str, str]] = []
    while len(made) < number:
        chance.shuffle(named)
        made += _joined(named)
    return made[:number]


def words_of(text: str) -> list[str]:
    """The words of a text that are no stop words, in order."""
    stop = _stop_words()
    return [word for word in _WORD.findall(text.lower()) if word not in stop]


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(_STOP_WORDS.split())


def _named_paragraphs() -> Iterator[tuple[str, str]]:
    for root in {sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"]}:
        for path in sorted(Path(root).rglob("*.py")):
            text = path.read_text("utf-8", errors="ignore").replace("\x00", "")
            for name, docstring in _DOCSTRING.findall(text):
                for paragraph in re.split(r"\n\s*\n", docstring):
                    line = " ".join(paragraph.split())
                    if len(line) > 40:
                        yield name.replace("_", " ").strip(), line[: 2 * CHARACTERS]


def _joined(named: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    title, lines = "", list[str]()
    for name, line in named:
        title = title or name
        lines.append(line)
        if sum(map(len, lines)) >= CHARACTERS:
            yield title, "\n\n".join(lines)
            title, lines = "", []
