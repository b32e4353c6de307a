"""Files on their way: what came out of an archive or from the web, as ordinary files for as long as it is read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec

from octavo.errors import Unavailable
from octavo.ingest.extracted import Extracted, Failed, Found, Kind, Outcome, Place, Read

_PREFIX = "octavo-ingest-"
# A folder is locked a moment after it was made; one that is younger is nobody's leftover.
_FRESH_SECONDS = 60.0
_NAME_BYTES = 200
_UNFIT = re.compile(r"[\x00-\x1f/\\\x7f]")


class Staging:
    """A folder of the run's own. What is in it is read like any file, and known by the place it is from.

    Each file has a folder to itself and keeps its name, which tells kinds of text apart. Files go when they are
    through, so the folder holds no more than what is on its way; the rest goes with `close`. What a process that was
    killed has left is removed by the next run: the kernel gives its lock back.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock: int | None = None
        self._places: dict[Path, Place] = {}
        self._opening = threading.Lock()
        self._is_closed = False

    def path(self, name: str) -> Path:
        """Where a file of this name may be written. Blocks; call it in a thread."""
        with self._opening:
            if self._is_closed:
                raise Unavailable("the ingest has ended")
            if self._folder is None:
                remove_leftovers()
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
                self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            return Path(tempfile.mkdtemp(dir=self._folder)) / _fitting(name)

    def found(self, path: Path, place: Place, modified_ns: int, charset: str | None = None) -> Found:
        """A file that was written at a path, as one to be read: it takes the time its place has for it."""
        os.utime(path, ns=(modified_ns, modified_ns))
        self._places[path] = place
        return Found(path, path.stat().st_size, modified_ns, charset)

    def place(self, path: Path) -> Place | None:
        """Where the file at this path is from; None for an ordinary file."""
        return self._places.get(path)

    def named(self, outcome: Outcome) -> Outcome:
        """An outcome with its place; a file that could not be read is not needed any more."""
        place = self._places.get(outcome.path)
        if place is None:
            return outcome
        if isinstance(outcome, Failed):
            self._places.pop(outcome.path)
            self.discard(outcome.path)
            return Failed(Path(place.name), outcome.code, outcome.message, place)
        return Read(
            outcome.path, outcome.sha256, outcome.bytes, outcome.modified_ns, _told(outcome, place), place
        )

    async def release(self, paths: Iterable[Path]) -> None:
        """Remove files that are through; nothing happens to those that are not in the folder."""
        if through := [path for path in paths if self._places.pop(path, None)]:
            await asyncio.to_thread(self._discard_all, through)

    def discard(self, path: Path) -> None:
        """Remove what was written at a path that nobody was told of."""
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()

    def _discard_all(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self.discard(path)

    def close(self) -> None:
        """Remove the folder and all in it, for good."""
        with self._opening:
            self._is_closed = True
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)


def remove_leftovers() -> None:
    """Remove the folders of this user's runs that ended without doing so. Blocks; call it in a thread."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _taken(folder):
            shutil.rmtree(folder)


@contextmanager
def _taken(folder: Path) -> Iterator[None]:
    """Hold the lock of a run that has ended; raises `OSError` for any other folder."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        known = os.fstat(lock)
        if known.st_uid != os.geteuid() or time.time() - known.st_mtime < _FRESH_SECONDS:
            raise PermissionError(f"{folder} is in use")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def _fitting(name: str) -> str:
    """A name as any file system takes it; one that is too long keeps its end, where the kind is told."""
    plain = os.fsencode(_UNFIT.sub("_", name))[-_NAME_BYTES:].lstrip(b".") or b"file"
    return plain.decode("utf-8", "replace")


def _told(read: Read, place: Place) -> Extracted:
    """What a page says, with its address; HTML from the web is a web page."""
    if place.url is None:
        return read.extracted
    kind: Kind = "webpage" if read.extracted.kind == "html" else read.extracted.kind
    return msgspec.structs.replace(
        read.extracted, kind=kind, metadata={**read.extracted.metadata, "url": place.url}
    )
