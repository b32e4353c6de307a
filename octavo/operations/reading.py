"""Original files of an import: found in its folder, compared with their checksums, put into the blob store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from octavo.errors import InvalidInput
from octavo.operations.incoming import Incoming
from octavo.operations.lines import ContentLine
from octavo.operations.staging import sha256_of_file
from octavo.operations.together import together
from octavo.roles.blobs import Blobs, blob_key

_AT_ONCE = 8
# Place of the line and number of the version → key of the blob.
Files = Mapping[tuple[str, int], str]


class Originals:
    """The files of one import."""

    def __init__(self, blobs: Blobs | None, folder: Path, *, dry_run: bool) -> None:
        self.files = 0
        self._blobs = blobs
        self._folder = folder
        self._dry_run = dry_run

    async def put(self, organization: UUID, chunk: Sequence[Incoming]) -> Files | None:
        """Put the files of a chunk, before the rows that will refer to them; None without a blob store.

        Raises:
            InvalidInput: a file is missing, outside the folder, or another than the line says.
        """
        if self._blobs is None:
            return None
        wanted = [
            (incoming.place, line)
            for incoming in chunk
            for line in incoming.contents
            if line.file is not None
        ]
        put: dict[tuple[str, int], str] = {}
        for some in _batches(wanted):
            keys = await together(self._put(self._blobs, organization, line) for _, line in some)
            put |= {(place, line.version): key for (place, line), key in zip(some, keys, strict=True)}
        return put

    async def _put(self, blobs: Blobs, organization: UUID, line: ContentLine) -> str:
        path = await asyncio.to_thread(self._path, line)
        if not self._dry_run:
            await blobs.put(organization, path)
        self.files += 1
        return blob_key(organization, bytes.fromhex(line.sha256))

    def _path(self, line: ContentLine) -> Path:
        folder = self._folder.resolve()
        path = (folder / str(line.file)).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise InvalidInput(f"{line.file!r} is no file of this export", remedy="bring it back")
        if sha256_of_file(path) != line.sha256:
            raise InvalidInput(
                f"{line.file!r} is another file than the one that was exported",
                remedy="bring the original back, or correct sha256 in the line",
            )
        return path


def _batches(wanted: Sequence[tuple[str, ContentLine]]) -> Iterator[Sequence[tuple[str, ContentLine]]]:
    for start in range(0, len(wanted), _AT_ONCE):
        yield wanted[start : start + _AT_ONCE]
