"""Blobs as files below one directory.

incoming/<uuid>               being written, or being deleted: never listed, found or read
<organization>/<2>/<sha256>   whole and on the disk: a file gets here by a rename, after its bytes were synced
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import UUID, uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from octavo.errors import InvalidInput, NotFound, OctavoError, StorageFault, UnreadableFile
from octavo.roles.blobs import Blob, Source, blob_key, digest_of

_PIECE_BYTES = 1024 * 1024
_INCOMING = "incoming"
_LEAVING = "leaving+"
# A write that takes longer than this is taken as dead, and its piece is removed by the next who opens.
_LEFT_BEHIND = timedelta(days=1)
# Written side by side by one `put_many`, each with an open file.
_OPEN_FILES = 64

Done = TypeVar("Done")
P = ParamSpec("P")


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
        if isinstance(source, bytes | Path):
            (outcome,) = await self.put_many(organization, [source])
            if isinstance(outcome, OctavoError):
                raise outcome
            return outcome
        return await self._put_stream(organization, source)

    async def put_many(self, organization: UUID, sources: Sequence[bytes | Path]) -> list[Blob | OctavoError]:
        """Store several, each with an outcome of its own; their bytes go to the disk together."""
        return await asyncio.to_thread(_store_all, self.directory, organization, sources)

    async def _put_stream(self, organization: UUID, source: AsyncIterable[bytes]) -> Blob:
        incoming = _Incoming(self.directory)
        try:
            async for piece in source:
                await asyncio.to_thread(incoming.write, piece)
            blob = await asyncio.to_thread(incoming.settle, organization)
            await asyncio.to_thread(_sync_folders, self.directory, [blob])
            return blob
        finally:
            incoming.discard()

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


class _Incoming:
    """A blob on its way: written under a name of its own, then given the one that its bytes tell."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / _INCOMING / str(uuid4())
        self._digest = hashlib.sha256()
        with _faults(directory):
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, piece: bytes) -> None:
        with _faults(self._directory):
            self._digest.update(piece)
            self._file.write(piece)

    def begin_sync(self) -> None:
        """Have the kernel begin to write, so that many files wait for the disk together and not in turn."""
        with _faults(self._directory):
            self._file.flush()
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def settle(self, organization: UUID) -> Blob:
        """On the disk first, visible under its name then; for good when the folder is synced."""
        with _faults(self._directory):
            self._file.flush()
            os.fsync(self._file.fileno())
            key = blob_key(organization, self._digest.digest())
            self._path.replace(_in_folder(self._directory / key))
            return Blob(key, os.fstat(self._file.fileno()).st_size, datetime.now(UTC))

    def discard(self) -> None:
        """Close it; what has no name yet goes."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _store_all(
    directory: Path, organization: UUID, sources: Sequence[bytes | Path]
) -> list[Blob | OctavoError]:
    """Some at a time, since each has a file open until all of them are on the disk."""
    outcomes: list[Blob | OctavoError] = []
    for first in range(0, len(sources), _OPEN_FILES):
        outcomes += _store_together(directory, organization, sources[first : first + _OPEN_FILES])
    return outcomes


def _store_together(
    directory: Path, organization: UUID, sources: Sequence[bytes | Path]
) -> list[Blob | OctavoError]:
    written: list[_Incoming | OctavoError] = []
    try:
        written.extend(_try(_written, directory, source) for source in sources)
        settled = [one if isinstance(one, OctavoError) else _try(one.settle, organization) for one in written]
        _sync_folders(directory, [one for one in settled if isinstance(one, Blob)])
        return settled
    finally:
        for one in written:
            if isinstance(one, _Incoming):
                one.discard()


def _try(work: Callable[P, Done], *arguments: P.args, **named: P.kwargs) -> Done | OctavoError:
    try:
        return work(*arguments, **named)
    except OctavoError as error:
        return error


def _written(directory: Path, source: bytes | Path) -> _Incoming:
    incoming = _Incoming(directory)
    try:
        for piece in [source] if isinstance(source, bytes) else _pieces_of(source):
            incoming.write(piece)
        incoming.begin_sync()
    except BaseException:
        incoming.discard()
        raise
    return incoming


def _pieces_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}", path=str(path)) from error


def _in_folder(path: Path) -> Path:
    """The path, with the folder it is to be in."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _sync_folders(directory: Path, blobs: Sequence[Blob]) -> None:
    """Make the names of blobs stay, and the folders they are in, which may be new."""
    with _faults(directory):
        for folder in {folder for blob in blobs for folder in list((directory / blob.key).parents)[:3]}:
            _sync_folder(folder)


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
