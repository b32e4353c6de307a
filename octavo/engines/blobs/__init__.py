"""Engines of the blobs role, and the choice among them by URL."""

from __future__ import annotations

from pathlib import Path

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import InvalidSetting
from octavo.roles.blobs import Blobs

__all__ = ["open_blobs"]


def open_blobs(url: str) -> Blobs:
    """The blob store behind a URL: `file:DIR`, whose directory is made when it is missing.

    Raises:
        InvalidSetting: another kind of URL. StorageFault: the directory cannot be used.
    """
    kind, separator, place = url.partition(":")
    if kind != "file" or not separator or not place:
        raise InvalidSetting(f"blobs = {url!r} names no blob store", remedy="write file:DIR", setting="blobs")
    return FileBlobs(Path(place).expanduser())
