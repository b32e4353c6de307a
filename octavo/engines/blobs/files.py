"""Blobs as files below one directory.

incoming/<uuid>               being written, or being deleted: never listed, found or read
<organization>/<2>/<sha256>   whole and on the disk: a file gets here by a rename, after its bytes were synced
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from octavo.errors import InvalidInput, NotFound, StorageFault, UnreadableFile
from octavo.roles.blobs import Blob, Source, blob_key, digest_of

_PIECE_BYTES = 1024 * 1024
_INCOMING = "incoming"
_LEAVING = "leaving+"
# A write that takes longer than this is taken as dead, and its piece is removed by the next who opens.
_LEFT_BEHIND = timedelta(days=1)


class FileBlobs:
    """The blobs of one directory, which any number of processes may use at once.

    Args:
        directory: made with the mode 0700 when it is missing.

    Raises:
        StorageFault: the directory cannot be made or read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with _faults(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (directory / _INCOMING).mkdir(mode=0o700, exist_ok=True)
            _settle_left_behind(directory)
            self._store = LocalStore(prefix=directory)

    async def put(self, organization: UUID, source: Source) -> Blob:
        """Store a blob; when this returns, it is on the disk under its name."""
        incoming = f"{_INCOMING}/{uuid4()}"
        hashed = _Hashed(source)
        try:
            with _faults(self.directory):
                await obstore.put_async(self._store, incoming, hashed.whole or hashed)
                key = blob_key(organization, hashed.digest.digest())
                size = await asyncio.to_thread(_settle, self.directory / incoming, self.directory / key)
        except BaseException:
            (self.directory / incoming).unlink(missing_ok=True)
            if hashed.failure is not None:
                raise hashed.failure from None
            raise
        return Blob(key, size, datetime.now(UTC))

    async def get(self, key: str) -> bytes:
        """All bytes of a blob, checked."""
        return b"".join([piece async for piece in self.read(key)])

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """All bytes, the last piece after the check; or those of a range, as far as the blob has them."""
        wanted = digest_of(key)
        if start < 0 or (end is not None and end < start):
            raise InvalidInput(
                f"{start} to {end} is no range of bytes", remedy="start at 0, end after the start"
            )
        if start or end is not None:
            async for piece in self._range(key, start, end):
                yield piece
            return
        digest = hashlib.sha256()
        held = b""
        async for piece in self._pieces(key):
            if held:
                yield held
            digest.update(piece)
            held = piece
        if digest.digest() != wanted:
            raise StorageFault(
                f"the blob {key} is damaged: its SHA-256 is {digest.hexdigest()}",
                remedy="put the original file again, or take the blob from a backup",
                key=key,
            )
        if held:
            yield held

    async def find(self, key: str) -> Blob | None:
        """Size and age of a blob, or None."""
        digest_of(key)
        with _faults(self.directory), suppress(FileNotFoundError):
            return _blob(await obstore.head_async(self._store, key))
        return None

    async def delete(self, key: str, *, unless_put_since: datetime | None = None) -> bool:
        """Remove a blob, unless it is young; taken aside first, so that what is judged is what goes."""
        digest_of(key)
        with _faults(self.directory):
            return await asyncio.to_thread(_remove, self.directory, key, unless_put_since)

    async def listing(self, organization: UUID | None = None, *, after: str = "") -> AsyncIterator[Blob]:
        """Blobs by key; one folder of 256 an organization is in memory at a time."""
        folders = [str(organization)] if organization else await self._folders(None, after)
        for folder in folders:
            for inner in await self._folders(folder, after):
                for blob in await self._blobs_of(inner):
                    if blob.key > after:
                        yield blob

    async def _folders(self, above: str | None, after: str) -> list[str]:
        """Folders directly below `above` that can hold keys behind `after`, in order."""
        with _faults(self.directory):
            found = await obstore.list_with_delimiter_async(self._store, above)
        folders = sorted(folder for folder in found["common_prefixes"] if folder != _INCOMING)
        return [folder for folder in folders if folder >= after[: len(folder)]]

    async def _blobs_of(self, folder: str) -> list[Blob]:
        with _faults(self.directory):
            found = await obstore.list_with_delimiter_async(self._store, folder)
        return sorted((_blob(meta) for meta in found["objects"]), key=lambda blob: blob.key)

    async def _pieces(self, key: str) -> AsyncIterator[bytes]:
        with _faults(self.directory, key):
            stream = (await obstore.get_async(self._store, key)).stream(min_chunk_size=_PIECE_BYTES)
            async for piece in stream:
                yield bytes(piece)

    async def _range(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        with _faults(self.directory, key):
            size = (await obstore.head_async(self._store, key))["size"]
            last = size if end is None else min(end, size)
            for first in range(start, last, _PIECE_BYTES):
                until = min(first + _PIECE_BYTES, last)
                yield bytes(await obstore.get_range_async(self._store, key, start=first, end=until))


class _Hashed:
    """A source that is hashed while it is read, and whose own failure can be told from the store's."""

    def __init__(self, source: Source) -> None:
        self.whole = source if isinstance(source, bytes) else b""
        self.digest = hashlib.sha256(self.whole)
        self.failure: Exception | None = None
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self._source, bytes):
            return
        try:
            async for piece in _read_file(self._source) if isinstance(self._source, Path) else self._source:
                self.digest.update(piece)
                yield piece
        except Exception as error:
            self.failure = error
            raise


async def _read_file(path: Path) -> AsyncIterator[bytes]:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}", path=str(path)) from error


def _settle(incoming: Path, final: Path) -> int:
    """Give a written file its name, on the disk first and visible then; returns its length in bytes."""
    with incoming.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    _make_folder(final.parent)
    incoming.replace(final)
    _sync_folder(final.parent)
    return size


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(directory: Path, key: str, unless_put_since: datetime | None) -> bool:
    final, aside = directory / key, directory / _INCOMING / (_LEAVING + key.replace("/", "+"))
    try:
        final.replace(aside)
    except FileNotFoundError:
        return False
    if unless_put_since is not None and aside.stat().st_mtime >= unless_put_since.timestamp():
        _bring_back(aside, final)
        return False
    aside.unlink(missing_ok=True)
    return True


def _bring_back(aside: Path, final: Path) -> None:
    with suppress(FileExistsError, FileNotFoundError):
        os.link(aside, final)
    aside.unlink(missing_ok=True)


def _settle_left_behind(directory: Path) -> None:
    """What a killed process left: a half-written file goes, a blob taken aside comes back."""
    oldest = (datetime.now(UTC) - _LEFT_BEHIND).timestamp()
    for path in (directory / _INCOMING).iterdir():
        with suppress(FileNotFoundError):
            if path.name.startswith(_LEAVING):
                _bring_back(path, directory / path.name.removeprefix(_LEAVING).replace("+", "/"))
            elif path.stat().st_mtime < oldest:
                path.unlink()


def _blob(meta: obstore.ObjectMeta) -> Blob:
    return Blob(meta["path"], meta["size"], meta["last_modified"])


@contextmanager
def _faults(directory: Path, key: str = "") -> Iterator[None]:
    """Errors of the disk as Octavo's; a missing blob is one only for whoever names its key."""
    try:
        yield
    except FileNotFoundError as error:
        if not key:
            raise
        raise NotFound(f"there is no blob {key}") from error
    except (OSError, BaseError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StorageFault(
            f"the blobs in {directory} cannot be used: {reason}",
            remedy="free space, or make the directory readable and writable for this user",
        ) from error
