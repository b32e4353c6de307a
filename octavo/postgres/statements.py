"""Named SQL statements, read once from the `.sql` files beside the modules that use them.

A file holds blocks that begin with `-- name: put_document`. A block that begins with `-- fragment: tail` is no
statement but a piece that others of the same file take in by the line `-- include: tail`. A line
`-- scope: system` after the name says that the statement serves all organizations and runs as `octavo_system`;
every other one carries its organization as a parameter of the type `octavo.organization`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources

from octavo.errors import OctavoError

_BLOCK = re.compile(r"^-- (?P<kind>name|fragment): (?P<name>\w+)[ \t]*\n", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*-- include: (?P<name>\w+)[ \t]*\n?", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


class Statements(Mapping[str, str]):
    """The statements of one `.sql` file: `statements["put_document"]`, or `statements.put_document`."""

    def __init__(self, blocks: Mapping[str, str]) -> None:
        self._blocks = dict(blocks)

    def __getitem__(self, name: str) -> str:
        return self._blocks[name]

    def __getattr__(self, name: str) -> str:
        try:
            return self._blocks[name]
        except KeyError:
            raise AttributeError(f"no statement is named {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)


def load(package: str, file: str) -> Statements:
    """Read the named statements of a `.sql` file in a package: `load("octavo.store", "documents.sql")`."""
    return parse(resources.files(package).joinpath(file).read_text(encoding="utf-8"), file)


def parse(text: str, source: str) -> Statements:
    """Split text into named statements, with fragments filled in and without comments; a name may appear once."""
    starts = list(_BLOCK.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    blocks: dict[str, str] = {}
    for start, end in zip(starts, ends, strict=True):
        if start["name"] in blocks:
            raise OctavoError(f"{source} names the statement {start['name']} twice")
        blocks[start["name"]] = text[start.end() : end].strip()
    names = [start["name"] for start in starts if start["kind"] == "name"]
    return Statements({name: _finished(_fill(blocks[name], blocks, source)) for name in names})


def _fill(block: str, blocks: Mapping[str, str], source: str) -> str:
    def piece(match: re.Match[str]) -> str:
        if match["name"] not in blocks:
            raise OctavoError(f"{source} includes {match['name']!r}, which it does not hold")
        return _fill(blocks[match["name"]], blocks, source) + "\n"

    return _INCLUDE.sub(piece, block + "\n")


def _finished(statement: str) -> str:
    return _COMMENT.sub("", statement).strip().rstrip(";")
