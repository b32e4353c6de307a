"""Artifacts of models: files in the blob store, by their digest; and the copies of them that components read.

Nothing here is a path of the caller's after it was stored: an artifact has a name, and the digest says what it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID, uuid4

from octavo.errors import InvalidInput, LimitExceeded, NotFound, OctavoError
from octavo.roles.blobs import Blobs, blob_key, digest_of
from octavo.values.model import MAX_ARTIFACT_BYTES, MAX_ARTIFACTS, Artifact, artifact_name

Given = bytes | str | Path


async def store(blobs: Blobs, organization: UUID, given: Mapping[str, Given]) -> tuple[Artifact, ...]:
    """Store files durably; equal bytes are one blob.

    Args:
        given: bytes, or the path of a file, by the names that the artifacts get.

    Raises:
        InvalidInput: a name that is none, or a path at which there is no file. LimitExceeded.
    """
    if len(given) > MAX_ARTIFACTS:
        raise LimitExceeded(
            f"a model with {len(given)} artifacts",
            remedy=f"the limit is {MAX_ARTIFACTS}: pack some together",
            limit=MAX_ARTIFACTS,
            actual=len(given),
        )
    sources = {
        artifact_name(name): await asyncio.to_thread(_source, name, one) for name, one in given.items()
    }
    stored = await blobs.put_many(organization, list(sources.values()))
    made = []
    for name, blob in zip(sources, stored, strict=True):
        if isinstance(blob, OctavoError):
            raise blob
        made.append(Artifact(name=name, sha256=blob.sha256.hex(), bytes=blob.size_bytes, blob=blob.key))
    return tuple(sorted(made, key=lambda artifact: artifact.name))


def key_of(organization: UUID, artifact: Artifact) -> str:
    """The blob of an artifact, by its digest alone; raises `InvalidInput` when the record names another one."""
    if digest_of(artifact.blob).hex() != artifact.sha256 or artifact.blob != blob_key(
        organization, bytes.fromhex(artifact.sha256)
    ):
        raise InvalidInput(f"the artifact {artifact.name!r} names a blob that is not its own")
    return artifact.blob


class Copies:
    """Copies of artifacts on this machine's disk, made when they are first needed and checked as they are made.

    A copy is named by its digest, so it never changes; another process may read it. They vanish with `close`.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._directory: Path | None = None
        self._making = asyncio.Lock()

    async def paths(self, organization: UUID, artifacts: tuple[Artifact, ...]) -> dict[str, str]:
        """Paths of the copies by the names of the artifacts; raises `NotFound` and `StorageFault`."""
        return {artifact.name: str(await self._copied(organization, artifact)) for artifact in artifacts}

    async def close(self) -> None:
        """Remove the copies; safe to call twice."""
        directory, self._directory = self._directory, None
        if directory is not None:
            await asyncio.to_thread(_remove, directory)

    async def _copied(self, organization: UUID, artifact: Artifact) -> Path:
        async with self._making:
            if self._directory is None:
                self._directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="octavo-models-"))
            path = self._directory / str(organization) / artifact.sha256
            if await asyncio.to_thread(path.exists):
                return path
            await asyncio.to_thread(path.parent.mkdir, mode=0o700, exist_ok=True)
            part = path.with_name(f"{path.name}.{uuid4().hex}")
            with part.open("wb") as file:
                async for piece in self._blobs.read(key_of(organization, artifact)):
                    await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(os.replace, part, path)
            return path


async def read(blobs: Blobs, organization: UUID, artifact: Artifact) -> bytes:
    """All bytes of an artifact, compared with its digest; raises `StorageFault` when they are others."""
    try:
        data = await blobs.get(key_of(organization, artifact))
    except NotFound as error:
        raise NotFound(
            f"the artifact {artifact.name!r} is not in the blob store", remedy="take it from a backup"
        ) from error
    assert hashlib.sha256(data).hexdigest() == artifact.sha256  # the store has compared it, as its role says
    return data


def _source(name: str, given: Given) -> bytes | Path:
    if isinstance(given, bytes):
        return given
    path = Path(given)
    if not path.is_file():
        raise InvalidInput(f"the artifact {name!r} is to come from {str(given)[:300]!r}, which is no file")
    if path.stat().st_size > MAX_ARTIFACT_BYTES:
        raise LimitExceeded(
            f"the artifact {name!r} has {path.stat().st_size} bytes",
            remedy=f"the limit is {MAX_ARTIFACT_BYTES}",
            limit=MAX_ARTIFACT_BYTES,
            actual=path.stat().st_size,
        )
    return path


def _remove(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    directory.rmdir()
