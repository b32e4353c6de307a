"""Which files are opened as archives: those that say so by name and begin as such."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from octavo.errors import MissingExtra
from octavo.ingest.archives import mails, tarred, zipped
from octavo.ingest.archives.member import Budget, Member, Refusal

_HEAD_BYTES = 64
# What files that are zip archives by accident begin with: Office Open XML, OpenDocument, EPUB.
_DOCUMENT_PARTS = (b"[Content_Types].xml", b"_rels/.rels", b"mimetype")

Members = Callable[[BinaryIO, Budget], Iterator[Member | Refusal]]


class Format(NamedTuple):
    """How files of some names are opened."""

    suffixes: tuple[str, ...]
    magic: bytes
    uncompressed: Callable[[BinaryIO], BinaryIO]
    members: Members


def _zst(file: BinaryIO) -> BinaryIO:
    try:
        if sys.version_info >= (3, 14):
            from compression.zstd import ZstdFile  # noqa: PLC0415 - new in that version
        else:
            from backports.zstd import ZstdFile  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"unpacking .zst needs {error.name}", remedy="pip install 'octavo[ingest]'", extra="ingest"
        ) from error
    return cast("BinaryIO", ZstdFile(file))


def _as_it_is(file: BinaryIO) -> BinaryIO:
    return file


def _gz(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


def _bz2(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", bz2.BZ2File(file))


def _xz(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", lzma.LZMAFile(file))


_FORMATS = (
    Format((".zip",), b"PK", _as_it_is, zipped.members),
    Format((".tar",), b"", _as_it_is, tarred.members),
    Format((".tar.gz", ".tgz"), b"\x1f\x8b", _gz, tarred.members),
    Format((".tar.bz2", ".tbz2", ".tbz"), b"BZh", _bz2, tarred.members),
    Format((".tar.xz", ".txz"), b"\xfd7zXZ", _xz, tarred.members),
    Format((".tar.zst", ".tzst"), b"\x28\xb5\x2f\xfd", _zst, tarred.members),
    Format((".mbox",), b"From ", _as_it_is, mails.members),
)


def may_be_archive(name: str) -> bool:
    """Whether a file of this name is worth a look."""
    return name.lower().endswith(tuple(suffix for format in _FORMATS for suffix in format.suffixes))


def format_of(path: Path, name: str) -> Format | None:
    """How a file is opened; None if it is no archive, whatever its name says.

    Raises:
        OSError: it cannot be looked at.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    named = (format for format in _FORMATS if name.lower().endswith(format.suffixes))
    format = next(named, None)
    if format is None or not head.startswith(format.magic):
        return None
    return None if format.members is zipped.members and head[30:].startswith(_DOCUMENT_PARTS) else format


@contextmanager
def opened(path: Path, format: Format, budget: Budget) -> Iterator[Iterator[Member | Refusal]]:
    """The members of an archive, in a block that keeps it open.

    Raises:
        UnreadableFile, RefusedFile: while they are iterated: it is broken, or over a limit.
        MissingExtra: its compression needs a library that is not installed. OSError: it cannot be read.
    """
    with path.open("rb") as file, closing(format.uncompressed(file)) as stream:
        yield format.members(stream, budget)
