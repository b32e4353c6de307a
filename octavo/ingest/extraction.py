"""Bytes to what they say, whatever they are; and the word for it when they cannot be read."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib import import_module
from typing import Protocol, cast, get_args

from octavo.errors import IngestFault, MissingExtra, OctavoError, RefusedFile, UnreadableFile
from octavo.ingest.clean import storable
from octavo.ingest.detect import (
    EPUB_MEDIA_TYPE,
    EXCEL_MEDIA_TYPE,
    OPENDOCUMENT_MEDIA_TYPE,
    POWERPOINT_MEDIA_TYPE,
    RTF_MEDIA_TYPE,
    detect,
)
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Attachment, Extracted, Kind, Unread
from octavo.ingest.limits import Limits
from octavo.text import language

# Formats that have a module of their own, whatever kind of document they are, by the beginning of their media type.
_FORMATS = {
    EXCEL_MEDIA_TYPE: "spreadsheet",
    POWERPOINT_MEDIA_TYPE: "slides",
    OPENDOCUMENT_MEDIA_TYPE: "opendocument",
    EPUB_MEDIA_TYPE: "epub",
    RTF_MEDIA_TYPE: "rtf",
}


class _Extractor(Protocol):
    def extract(self, original: Original) -> Extracted: ...


def extract(
    data: bytes, name: str, limits: Limits, *, depth: int = 0, charset: str | None = None
) -> Extracted:
    """What a file says.

    Args:
        data: the file's bytes.
        name: its name, which tells kinds of text apart and is the last resort for a title.
        limits: what is refused.
        depth: how many mails it is inside of.
        charset: what its text is said to be encoded in, from outside of it.

    Raises:
        UnreadableFile: it is broken, encrypted, or not what it claims to be.
        RefusedFile: it is over a limit, or of a kind that is never read.
        MissingExtra: its format needs a library that is not installed.
    """
    found = detect(data, name)
    if found.kind == "email" and depth > limits.max_attachment_depth:
        raise RefusedFile(
            f"a mail inside of {depth} others", remedy="raise max_attachment_depth, or save it on its own"
        )

    def attach(data: bytes, name: str, media_type: str) -> Attachment:
        return _attachment(data, storable(name)[0], media_type, limits, depth + 1)

    extracted = _extractor(_module(found.kind, found.media_type)).extract(
        Original(data, name, found.media_type, limits, attach, charset)
    )
    if found.is_misnamed:
        extracted.metadata["named"] = name.rpartition(".")[2].lower()
    return extracted


def attempt(
    data: bytes, name: str, limits: Limits, *, depth: int = 0, charset: str | None = None
) -> Extracted | Unread:
    """What a file says, or why it cannot be read. Nothing a file holds raises."""
    try:
        return extract(data, name, limits, depth=depth, charset=charset)
    except (IngestFault, MissingExtra) as error:
        return _unread(error)
    except MemoryError:
        return _unread(RefusedFile("reading it takes too much memory", remedy="raise max_worker_bytes"))
    except RecursionError:
        return _unread(RefusedFile("its parts are nested too deep"))
    except Exception as error:  # noqa: BLE001 - a parser met a file it was not made for; the others go on
        return _unread(UnreadableFile(f"its reader failed: {type(error).__name__}: {error}"))


def warm_up() -> None:
    """Load what reading takes, so that the first file does not have to wait for it."""
    for module in (*get_args(Kind), *_FORMATS.values()):
        with suppress(MissingExtra):
            _extractor(module)
    with suppress(MissingExtra):
        language.detect("a text in some language")


def _attachment(data: bytes, name: str, media_type: str, limits: Limits, depth: int) -> Attachment:
    content = attempt(data, name, limits, depth=depth)
    return Attachment(
        name=name,
        media_type=content.media_type if isinstance(content, Extracted) else media_type,
        data=data,
        sha256=hashlib.sha256(data).digest(),
        content=content,
    )


def _module(kind: Kind, media_type: str) -> str:
    """The module that reads a kind, or one format of it."""
    formats = (module for prefix, module in _FORMATS.items() if media_type.startswith(prefix))
    return next(formats, kind)


def _extractor(module: str) -> _Extractor:
    """A module by its name; modules import their libraries, and are imported when they are needed."""
    try:
        return cast("_Extractor", import_module(f"octavo.ingest.extract.{module}"))
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"reading {module} needs {error.name}", remedy="pip install 'octavo[ingest]'", extra="ingest"
        ) from error


def _unread(error: OctavoError) -> Unread:
    return Unread(error.code, storable(str(error))[0])
