"""Original files, copied out of the blob store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from octavo.operations.staging import sync_file
from octavo.roles.blobs import Blobs


async def save(blobs: Blobs, key: str, target: Path) -> int:
    """Copy a blob to a new file, checked on the way; returns its bytes, or leaves no file.

    Raises:
        NotFound, StorageFault: there is no such blob, or it is damaged. OSError: the file cannot be written.
    """
    written = 0
    try:
        with target.open("xb") as file:
            async for piece in blobs.read(key):
                written += file.write(piece)
        await asyncio.to_thread(sync_file, target)
    except BaseException:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise
    return written
