"""Named SQL statements, read once from the `.sql` files beside the modules that use them.

A file holds blocks that begin with `-- name: put_document`. A line `-- scope: system` after the name says
that the statement serves all organizations and runs as `octavo_system`; every other one carries its
organization as a parameter of the type `octavo.organization`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources

from octavo.errors import OctavoError

_BLOCK = re.compile(r"^-- name: (?P<name>\w+)[ \t]*\n", re.MULTILINE)
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
    """Split text into named statements, without comments; a name may appear once."""
    starts = list(_BLOCK.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    blocks: dict[str, str] = {}
    for start, end in zip(starts, ends, strict=True):
        if start["name"] in blocks:
            raise OctavoError(f"{source} names the statement {start['name']} twice")
        blocks[start["name"]] = _COMMENT.sub("", text[start.end() : end]).strip().rstrip(";")
    return Statements(blocks)
