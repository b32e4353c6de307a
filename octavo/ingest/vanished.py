"""What ingest has read and is there no more: found by the ledger of sources, deleted from the record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from octavo.errors import NotFound
from octavo.store import changes, sources
from octavo.store.scope import Scope
from octavo.store.sources import Source

IN_ARCHIVE = "!/"


async def vanished(scope: Scope, path: Path) -> list[Source]:
    """What was read at a path or below it, and is not there now."""
    key = sources.key_of(path)
    seen = [*(await sources.known(scope, [key])).values(), *[one async for one in sources.inside(scope, key)]]
    if (
        not seen
    ):  # neither a file nor an archive: what is below is looked for only then, because that takes longer
        seen = [source async for source in sources.below(scope, sources.shown(path))]
    return await asyncio.to_thread(_gone, seen)


async def delete(scope: Scope, gone: Sequence[Source]) -> int:
    """Delete, softly, the documents of what is gone, and forget it; returns how many documents there were."""
    deleted = 0
    for source in gone:
        for id in source.documents:
            try:
                await changes.delete(scope, id)
                deleted += 1
            except NotFound:
                continue
    await sources.forget(scope, [source.key for source in gone])
    return deleted


def _gone(seen: Iterable[Source]) -> list[Source]:
    return [source for source in seen if not _is_there(source)]


def _is_there(source: Source) -> bool:
    """Whether a file is there, or the archive it is in, which tells by itself what it has lost."""
    if source.container is None and sources.key_of(source.path) != source.key:
        return True  # a name that is no UTF-8 is kept with escapes, by which its file cannot be looked for
    parts = source.path.split(IN_ARCHIVE) if source.container else [source.path]
    return any(_exists(IN_ARCHIVE.join(parts[:count])) for count in range(1, len(parts) + 1))


def _exists(path: str) -> bool:
    """Whether something is there; what may not be looked at counts as there, so that nothing is deleted."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
